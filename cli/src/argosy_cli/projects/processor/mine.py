"""mine, a stream processor: it unpacks layers that are packed with xz, which no daemon knows."""

import lzma
from typing import IO

from argosy.plugin.processor import main

# A daemon starts it for each layer of the media type that it accepts, with the layer's bytes on standard input, and takes what it writes.


def mine(source: IO[bytes], sink: IO[bytes]) -> None:
    """Convert one layer. Each parameter after the two streams is a flag: key: Annotated[Path, "file with the key"] is --key."""
    # Change this to decrypt, to unpack or to look at what goes through. OSError and ValueError refuse the layer, with what they say.
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=256 << 20)
    try:
        while not unpacker.eof and (piece := source.read(1 << 20)):
            # In pieces: what is packed small may be large.
            sink.write(unpacker.decompress(piece, 1 << 20))
            while not unpacker.needs_input and not unpacker.eof:
                sink.write(unpacker.decompress(b"", 1 << 20))
    except lzma.LZMAError as error:
        raise ValueError(f"this is no layer that is packed with xz: {error}") from error
    if not unpacker.eof or unpacker.unused_data or source.read(1):
        raise ValueError("the layer has not the bytes that it should have: it was cut short, or something follows it")


if __name__ == "__main__":
    kind = "application/vnd.oci.image.layer.v1.tar"
    main(mine, accepts=f"{kind}+xz", returns=kind)
