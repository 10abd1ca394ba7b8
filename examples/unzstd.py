"""A stream processor that is another program: `zstd -dcf` takes a layer's bytes from its standard input, and gives what they become.

Any program that does so is one, and needs no Python: path = "zstd", args = ["-dcf"].
"""

import os
from typing import IO

from argosy.plugin.processor import main


def unzstd(source: IO[bytes], sink: IO[bytes]) -> None:
    os.execvp("zstd", ["zstd", "-dcf"])  # it has both streams already


if __name__ == "__main__":
    main(
        unzstd,
        accepts="application/vnd.oci.image.layer.v1.tar+zst",
        returns="application/vnd.oci.image.layer.v1.tar",
    )
