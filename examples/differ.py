"""A differ: it unpacks layers of tar, plain or compressed, and makes plain ones of what has changed.

Extended attributes of what has changed are left out, and what is compared must not be in use: our own differ takes all of them, and
holds what it reads by descriptor, since a container may put a link in the place of a directory meanwhile.
"""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Annotated

from argosy.errors import Unimplemented
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.diff.contents import Contents
from argosy.plugin.main import main
from argosy.rpc.channel import Channel
from argosy.settled import in_thread
from argosy.unpack.apply import unpack

TAR = "application/vnd.oci.image.layer.v1.tar"


class Tar(Differ):
    def __init__(self, content: Annotated[Path, "socket of the daemon whose content it reads and writes"]) -> None:
        self._contents = Contents(Channel(content, name="the daemon"), Path(tempfile.gettempdir()))

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        if "encrypted" in layer.media_type:
            raise Unimplemented(f"unsupported media type: {layer.media_type}")  # another differ may know it
        with await self._contents.open(layer.digest, layer.size) as blob:
            applied = await in_thread(unpack, blob, mounts, sync)
        return Descriptor(TAR, applied.digest, applied.size)

    async def compare(
        self, lower: Sequence[Mount], upper: Sequence[Mount], media_type: str, ref: str, labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:  # fmt: skip
        if media_type not in ("", TAR):
            raise Unimplemented(f"unsupported diff media type: {media_type}")
        with tempfile.TemporaryFile() as out:
            await in_thread(pack, lower, upper, out)
            size = out.tell()
            out.seek(0)
            digest = f"sha256:{hashlib.file_digest(out, 'sha256').hexdigest()}"
            await self._contents.put(ref or digest, out, size, digest, dict(labels))
        return Descriptor(TAR, digest, size)


def tree(point: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for folder, directories, files in os.walk(point):
        for path in (os.path.join(folder, name) for name in directories + files):
            s = os.lstat(path)
            found[os.path.relpath(path, point)] = (s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_mtime_ns, s.st_rdev)
    return found


def pack(lower: Sequence[Mount], upper: Sequence[Mount], out: IO[bytes]) -> None:
    with temporary_mount(lower, read_only=True) as old, temporary_mount(upper, read_only=True) as new:
        before, after = tree(old), tree(new)
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted(before.keys() - after.keys()):
                if os.path.dirname(name) in {"", *after}:  # else its whole directory is gone
                    tar.addfile(tarfile.TarInfo(os.path.join(os.path.dirname(name), f".wh.{os.path.basename(name)}")))
            for name in sorted(after):
                if after[name] != before.get(name):
                    tar.add(os.path.join(new, name), name, recursive=False)


if __name__ == "__main__":
    main(Tar)
