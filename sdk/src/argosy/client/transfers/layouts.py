"""A directory with an OCI image layout, as a sink: blobs by their digests, and an index of names."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import anyio.to_thread

from argosy.client.images.documents import blob_path
from argosy.client.images.naming import REF_NAME
from argosy.client.images.referrers import SUBJECT
from argosy.client.transfers.copying import BlobSink, copy_image
from argosy.client.transfers.ends import ImageSource, Wish
from argosy.errors import AlreadyExists, InvalidArgument
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, parse_document
from argosy.oci.referrer import Referrer

_INDEX: Final = "application/vnd.oci.image.index.v1+json"

_MARK: Final = "oci-layout"
# What the name of a file begins with that is not whole.
_HALF: Final = ".argosy-"


class LayoutName(BlobSink):
    """An image in a directory, under a name; without one, by its digest alone. The directory is made where there is none."""

    def __init__(self, directory: Path, name: str = "") -> None:
        self.called, self._root, self._name = f"directory {directory}", directory, name
        self._made = f"{_HALF}{uuid4().hex[:12]}"
        self._top: Descriptor | None = None

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        """Raises AlreadyExists for a directory with something else in it; OSError."""
        await anyio.to_thread.run_sync(self._prepare)
        fd = os.open(self._root / _MARK, os.O_RDONLY | os.O_CLOEXEC)
        try:
            await anyio.to_thread.run_sync(self._sweep, fd)
            return await copy_image(source, self, wish)
        finally:
            os.close(fd)

    def _sweep(self, fd: int) -> None:
        """Remove what transfers that were killed have left half done, unless others are at work here. We are, as long as fd is open."""
        with self._alone():
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                for left in (*self._root.glob(f"{_HALF}*"), *self._root.glob(f"blobs/*/{_HALF}*")):
                    left.unlink(missing_ok=True)
            fcntl.flock(fd, fcntl.LOCK_SH)

    def _prepare(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        mark = self._root / _MARK
        if mark.exists():
            return
        if any(self._root.iterdir()):
            raise AlreadyExists(f"{self._root} is no OCI layout, and not empty; name another directory")
        self._put(_MARK, json.dumps({"imageLayoutVersion": "1.0.0"}).encode())

    async def has(self, d: Descriptor) -> bool:
        return await anyio.to_thread.run_sync(self._has, d)

    def _has(self, d: Descriptor) -> bool:
        try:
            return (self._root / blob_path(d.digest)).stat().st_size == d.size
        except FileNotFoundError:
            return False

    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        path = self._root / blob_path(d.digest)
        scratch = path.with_name(f"{self._made}-{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with scratch.open("wb") as file:
                async for piece in body():
                    await anyio.to_thread.run_sync(file.write, piece)
            await anyio.to_thread.run_sync(scratch.rename, path)
        finally:
            scratch.unlink(missing_ok=True)
        return False

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        await anyio.to_thread.run_sync(self._put, blob_path(d.digest), data)
        if is_top:
            await anyio.to_thread.run_sync(self._name_it, d)
            return
        document = parse_document(data, d.media_type)
        if not isinstance(document, Index) and document.subject is not None:
            kind = document.artifact_type or document.config.media_type
            await anyio.to_thread.run_sync(self._list_it, Referrer(d, kind, document.annotations), document.subject.digest)

    def _put(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f"{self._made}-{path.name}")
        try:
            scratch.write_bytes(data)
            scratch.rename(path)
        finally:
            scratch.unlink(missing_ok=True)

    def _name_it(self, d: Descriptor) -> None:
        """Have the index say that a name is an image; what had the name has it no more. Raises InvalidArgument for an index that is none."""
        entry: dict[str, Any] = {"mediaType": d.media_type, "digest": d.digest, "size": d.size}
        if self._name:
            entry["annotations"] = {REF_NAME: self._name}
        with self._alone():
            index = self._index()
            others = [one for one in index["manifests"] if not self._is_same(one, entry)]
            self._put("index.json", json.dumps({**index, "manifests": [*others, entry]}).encode())

    def _list_it(self, referrer: Referrer, subject: str) -> None:
        """Have the index say that a manifest refers to another one, as an archive's does. Raises InvalidArgument for an index that is none."""
        entry = referrer.written()
        entry["annotations"] = {**referrer.annotations, SUBJECT: subject}
        with self._alone():
            index = self._index()
            if entry not in index["manifests"]:
                self._put("index.json", json.dumps({**index, "manifests": [*index["manifests"], entry]}).encode())

    def _is_same(self, one: Any, entry: dict[str, Any]) -> bool:
        name = (one.get("annotations") or {}).get(REF_NAME, "") if isinstance(one, dict) else ""
        return bool(name == self._name and (name or one.get("digest") == entry["digest"]))

    def _index(self) -> dict[str, Any]:
        try:
            with (self._root / "index.json").open("rb") as file:
                data = file.read(MAX_MANIFEST_BYTES + 1)
        except FileNotFoundError:
            return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": []}
        try:
            found = json.loads(data)
            if not isinstance(found, dict) or not isinstance(found.get("manifests"), list):
                raise ValueError("it lists no manifests")
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"{self._root / 'index.json'} is no index: {error}") from None
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other of us change the index in the block."""
        fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
