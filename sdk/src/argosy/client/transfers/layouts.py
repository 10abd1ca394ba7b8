"""A directory with an OCI image layout, as a sink: blobs by their digests, and an index of names.

The directory may be somebody else's: everything in it is reached from its descriptor, links are followed where they stay inside, and only regular
files are opened.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

import anyio.to_thread

from argosy.client.images.documents import blob_path
from argosy.client.images.naming import REF_NAME
from argosy.client.images.referrers import SUBJECT
from argosy.client.transfers.copying import BlobSink, copy_image
from argosy.client.transfers.ends import ImageSource, Wish
from argosy.errors import AlreadyExists, InvalidArgument, Unavailable
from argosy.kernel import path as paths
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, parse_document
from argosy.oci.referrer import Referrer

_INDEX: Final = "application/vnd.oci.image.index.v1+json"

_MARK: Final = "oci-layout"
# What the name of a file begins with that is not whole.
_HALF: Final = ".argosy-"
_LOCKED_S: Final = 30.0
# A way that leads nowhere inside the directory, and something that is there and can't be one of its files.
_ASTRAY: Final = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV))


class LayoutName(BlobSink):
    """An image in a directory, under a name; without one, by its digest alone. The directory is made where there is none."""

    def __init__(self, directory: Path, name: str = "") -> None:
        self.called, self._root, self._name = f"directory {directory}", directory, name
        self._made = f"{_HALF}{uuid4().hex[:12]}"
        self._top = -1
        """The directory, while an image is taken."""

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        """Raises AlreadyExists for a directory with something else in it, InvalidArgument for a layout that is none; OSError."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._top = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = await anyio.to_thread.run_sync(self._prepared)
            try:
                await anyio.to_thread.run_sync(self._sweep, fd)
                return await copy_image(source, self, wish)
            finally:
                os.close(fd)
        finally:
            os.close(self._top)
            self._top = -1

    def _prepared(self) -> int:
        """Return a descriptor of the file that says what the directory is, which is made in an empty one."""
        found = self._opened(_MARK)
        if found is None:
            # One that was killed may have come no further than a file that is not whole.
            if not all(name.startswith(_HALF) for name in os.listdir(self._top)):
                raise AlreadyExists(f"{self._root} is no OCI layout, and not empty; name another directory")
            self._put("", _MARK, json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
            found = self._opened(_MARK)
        if found is None:
            raise InvalidArgument(f"{self._root / _MARK} was made, and is gone; somebody else changes the directory")
        return found

    def _sweep(self, fd: int) -> None:
        """Remove what transfers that were killed have left half done, unless others are at work here. We are, as long as fd is open."""
        with self._alone():
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                for folder in ("", "blobs/sha256", "blobs/sha384", "blobs/sha512"):
                    self._sweep_in(folder)
            self._lock(fd, fcntl.LOCK_SH)

    def _sweep_in(self, folder: str) -> None:
        try:
            opened = paths.open_in_root(self._top, folder or ".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return  # there is none, and so nothing of ours in it
        try:
            for left in os.listdir(opened):
                if left.startswith(_HALF):
                    with suppress(OSError):
                        os.unlink(left, dir_fd=opened)
        finally:
            os.close(opened)

    def _opened(self, name: str) -> int | None:
        """Return a descriptor of one of its files, to read; None where there is none. Raises InvalidArgument for what is no file, OSError."""
        try:
            seen = paths.open_in_root(self._top, name, os.O_PATH)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise self._wrong(name, error) from None
        try:
            return paths.open_regular(seen)
        except OSError as error:
            raise self._wrong(name, error) from None
        finally:
            os.close(seen)

    def _wrong(self, name: str, error: OSError) -> InvalidArgument | OSError:
        """Return what to raise for a part of the directory that is not what it has to be."""
        if error.errno == errno.EINVAL:
            return InvalidArgument(f"{self._root / name} is no regular file; remove it, or name another directory")
        if error.errno in _ASTRAY:
            return InvalidArgument(
                f"{self._root / name} leads to nothing inside the directory; remove what is there, or name another one"
            )
        return error

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """Yield a descriptor of a directory in it, which is made where there is none. Raises InvalidArgument, OSError."""
        opened = os.dup(self._top)
        try:
            names = path.split("/") if path else []
            for i, name in enumerate(names):
                below = "/".join(names[: i + 1])
                with suppress(FileExistsError):  # another transfer's, or a link: which is followed now
                    os.mkdir(name, dir_fd=opened)
                try:
                    inner = paths.open_in_root(self._top, below, os.O_PATH | os.O_DIRECTORY)
                except OSError as error:
                    raise self._wrong(below, error) from None
                os.close(opened)
                opened = inner
            yield opened
        finally:
            os.close(opened)

    @contextmanager
    def _written(self, folder: int, name: str) -> Iterator[BinaryIO]:
        """Yield a file that has its name in a directory at the end of the block, if that ends well; else nothing is left of it."""
        scratch = f"{self._made}-{name}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(scratch, flags, 0o666, dir_fd=folder), "wb") as file:
                yield file
            os.rename(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(scratch, dir_fd=folder)

    async def has(self, d: Descriptor) -> bool:
        return await anyio.to_thread.run_sync(self._has, d)

    def _has(self, d: Descriptor) -> bool:
        try:
            seen = paths.open_in_root(self._top, blob_path(d.digest), os.O_PATH)
        except OSError as error:
            if error.errno in _ASTRAY:
                return False
            raise
        try:
            found = os.fstat(seen)
        finally:
            os.close(seen)
        return stat.S_ISREG(found.st_mode) and found.st_size == d.size

    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        folder, _, name = blob_path(d.digest).rpartition("/")
        with self._folder(folder) as opened, self._written(opened, name) as file:
            async for piece in body():
                await anyio.to_thread.run_sync(file.write, piece)
        return False

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        folder, _, name = blob_path(d.digest).rpartition("/")
        await anyio.to_thread.run_sync(self._put, folder, name, data)
        if is_top:
            await anyio.to_thread.run_sync(self._name_it, d)
            return
        document = parse_document(data, d.media_type)
        if not isinstance(document, Index) and document.subject is not None:
            kind = document.artifact_type or document.config.media_type
            await anyio.to_thread.run_sync(self._list_it, Referrer(d, kind, document.annotations), document.subject.digest)

    def _put(self, folder: str, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        with self._folder(folder) as opened, self._written(opened, name) as file:
            file.write(data)

    def _name_it(self, d: Descriptor) -> None:
        """Have the index say that a name is an image; what had the name has it no more. Raises InvalidArgument for an index that is none."""
        entry: dict[str, Any] = {"mediaType": d.media_type, "digest": d.digest, "size": d.size}
        if self._name:
            entry["annotations"] = {REF_NAME: self._name}
        with self._alone():
            index = self._index()
            others = [one for one in index["manifests"] if not self._is_same(one, entry)]
            self._put("", "index.json", json.dumps({**index, "manifests": [*others, entry]}).encode())

    def _list_it(self, referrer: Referrer, subject: str) -> None:
        """Have the index say that a manifest refers to another one, as an archive's does. Raises InvalidArgument for an index that is none."""
        entry = referrer.written()
        entry["annotations"] = {**referrer.annotations, SUBJECT: subject}
        with self._alone():
            index = self._index()
            if entry not in index["manifests"]:
                self._put("", "index.json", json.dumps({**index, "manifests": [*index["manifests"], entry]}).encode())

    def _is_same(self, one: Any, entry: dict[str, Any]) -> bool:
        annotations = one.get("annotations") if isinstance(one, dict) else None
        name = annotations.get(REF_NAME, "") if isinstance(annotations, dict) else ""
        return bool(name == self._name and (name or (isinstance(one, dict) and one.get("digest") == entry["digest"])))

    def _index(self) -> dict[str, Any]:
        fd = self._opened("index.json")
        if fd is None:
            return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": []}
        with os.fdopen(fd, "rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        try:
            if len(data) > MAX_MANIFEST_BYTES:
                raise ValueError(f"it has more than {MAX_MANIFEST_BYTES} bytes")
            found = json.loads(data)
            if not isinstance(found, dict) or not isinstance(found.get("manifests"), list):
                raise ValueError("it lists no manifests")
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"{self._root / 'index.json'} is no index: {error}") from None
        return found

    def _lock(self, fd: int, how: int) -> None:
        """Have a lock, which others of us hold for moments. Raises Unavailable when somebody holds it for long. Blocks."""
        deadline = time.monotonic() + _LOCKED_S
        while True:
            try:
                return fcntl.flock(fd, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"somebody has had the lock of {self._root} for {_LOCKED_S:g} s; look who has it open, by lsof"
                    ) from None
            time.sleep(0.02)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other of us change the index in the block."""
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._top)
        try:
            self._lock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
