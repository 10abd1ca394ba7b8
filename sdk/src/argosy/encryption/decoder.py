"""ctd-decoder: opens an encrypted layer for a differ, ours or containerd's, as a stream processor.

    ctd-decoder [--decryption-keys-path DIRECTORY] [--check]

Standard input is the layer, standard output what it was. Descriptor 3 has a payload: the layer's descriptor, whose annotations have its wrapped
key, and keys of who wants it opened. Keys in the directory, and the key providers of ``OCICRYPT_KEYPROVIDER_CONFIG``, are tried, too. A layer that
comes from a file is looked at to its end before a byte of it is given away; of one that comes from a pipe the end says whether it was changed: then
the exit code is not 0, and what was written is worth nothing. With ``--check`` nothing is read or written: the exit code says whether the key is here.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from argosy.encryption import installed
from argosy.encryption.payload import TYPE_URL, Payload
from argosy.errors import ArgosyError, InvalidArgument, in_words
from argosy.oci.layers import decrypted

if TYPE_CHECKING:
    from argosy.encryption.cipher import LayerKey

_PAYLOAD: Final = 3
# A manifest has 8 MiB at most, and with it the annotations of a layer; the rest is for keys.
_MOST_BYTES: Final = 16 << 20
_CHUNK: Final = 1 << 20


def _payload() -> Payload:
    """Return what stands on descriptor 3. Raises InvalidArgument."""
    try:
        with os.fdopen(_PAYLOAD, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError:
        data = b""
    if not data:
        raise InvalidArgument(
            "no payload came with the layer: its keys are in its descriptor's annotations, which the client must hand on"
        )
    if len(data) > _MOST_BYTES:
        raise InvalidArgument(f"the payload has more than {_MOST_BYTES} bytes")
    from argosy_protos.lean.google.protobuf import Any

    try:
        found = Any.decode(data)
    except ValueError:
        raise InvalidArgument("the payload is no google.protobuf.Any") from None
    if found.type_url.rpartition("/")[2] != TYPE_URL:
        raise InvalidArgument(f'the payload is "{found.type_url}", and not {TYPE_URL}')
    return Payload.decode(found.value)


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while data := source.read(_CHUNK):
        yield data


def open_layer(source: IO[bytes], sink: IO[bytes], key: LayerKey, seal: bytes) -> None:
    """Write what an encrypted layer was; source is not buffered. Blocks. Raises DataLoss for one that was changed or cut off.

    From a file, nothing is written of one that was changed.
    """
    from argosy.encryption.cipher import Opener

    found = os.fstat(source.fileno())
    if stat.S_ISREG(found.st_mode):
        begins = os.lseek(source.fileno(), 0, os.SEEK_CUR)
        first = Opener(key, seal)
        for data in _pieces(source):
            first.check(data)
        first.sealed()
        os.lseek(source.fileno(), begins, os.SEEK_SET)
    opener = Opener(key, seal)
    for data in _pieces(source):
        left = memoryview(opener.update(data))
        while left:
            left = left[sink.write(left) :]
    opener.finish()


def _do(directory: Path | None, check: bool) -> None:
    installed.check()
    payload = _payload()
    from argosy.encryption import words, wrapping

    own = words.of_directory(directory) if directory is not None else {}
    keys = words.joined(payload.parameters, own)
    for layer in (payload, *payload.others) if check else (payload,):
        try:
            if layer.media_type:
                decrypted(layer.media_type)
            seal = wrapping.seal_in(layer.annotations)
            key = wrapping.unwrap(layer.annotations, keys)
            if not check:
                with open(0, "rb", buffering=0, closefd=False) as source, open(1, "wb", buffering=0, closefd=False) as sink:
                    open_layer(source, sink, key, seal)
        except ArgosyError as error:
            raise type(error)(f"layer {layer.digest}: {error}") from None


def main() -> None:
    """Do what the module says. Exits with 1 for a layer that can't be opened, having said why on standard error."""
    parser = argparse.ArgumentParser(
        prog="ctd-decoder", allow_abbrev=False, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decryption-keys-path", type=Path, help="directory of private keys")
    parser.add_argument("--check", action="store_true", help="only say whether the layer could be opened")
    told = parser.parse_args()
    try:
        _do(told.decryption_keys_path, told.check)
    except BrokenPipeError:
        os._exit(1)  # who reads wants no more
    except (ArgosyError, OSError) as error:
        why = in_words(error) if isinstance(error, OSError) else error
        print(f"ctd-decoder: {why}", file=sys.stderr)
        os._exit(1)


if __name__ == "__main__":
    main()
