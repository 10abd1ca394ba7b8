"""What a layer's blob holds, as the bytes of a tar: inflated, or read out of an EROFS image; hashed and counted on the way."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from argosy.kernel.files import full_disk
from argosy.oci.layers import is_erofs
from argosy.unpack.inflate import kind_of
from argosy.unpack.limits import Budget


class Content:
    """The chunks of a tar. ``digest`` and ``size`` say, when all of them were taken, what is compressed in the blob: the tar itself, or the image."""

    def __init__(self, chunks: Iterator[bytes], budget: Budget) -> None:
        self._chunks, self._budget = chunks, budget
        self.hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return f"sha256:{self.hash.hexdigest()}"

    def __iter__(self) -> Iterator[bytes]:
        return self._counted()

    def _counted(self) -> Iterator[bytes]:
        update = self.hash.update
        for chunk in self._chunks:
            self.size += len(chunk)
            self._budget.inflated(self.size)
            update(chunk)
            yield chunk


class _ImageContent(Content):
    """The tar of what is in an EROFS image. An image is read here and there, so it has to be a file: an unnamed one, unless the blob is the image.

    That file is in the directory for temporary ones. The kernel sees nothing of it: who wrote it may be hostile.
    """

    def __init__(self, chunks: Iterator[bytes], budget: Budget, blob: IO[bytes] | None) -> None:
        super().__init__(chunks, budget)
        self._blob = blob

    def __iter__(self) -> Iterator[bytes]:
        from argosy.erofs.reading import tar_of  # who has no such layer needs none of it

        with ExitStack() as stack:
            image = self._blob
            if image is None or kind_of(os.pread(image.fileno(), 4, 0)):
                image = stack.enter_context(self._unpacked())
            else:
                for _ in self._counted():
                    pass  # its digest, and its size, which the budget may not allow
            total = 0
            for chunk in tar_of(image.fileno(), self.size, self._budget):
                total += len(chunk)
                self._budget.inflated(total)
                yield chunk

    @contextmanager
    def _unpacked(self) -> Iterator[IO[bytes]]:
        """Yield a file with the image that the blob holds. Raises ResourceExhausted where there is no room for it."""
        where = tempfile.gettempdir()
        try:
            os.makedirs(where, 0o700, exist_ok=True)
            file = tempfile.TemporaryFile(buffering=0)
        except OSError as error:
            raise full_disk(error, f"the layer's EROFS image is to be in a file in {where}") from error
        with file:
            for chunk in self._counted():
                view = memoryview(chunk)
                try:
                    while view:
                        view = view[file.write(view) :]
                except OSError as error:
                    raise full_disk(error, f"the layer's EROFS image is to be in a file in {where}") from error
            yield file


def content(inflated: Iterator[bytes], media_type: str, budget: Budget, blob: IO[bytes] | None = None) -> Content:
    """Return what is in a blob of one of ``argosy.oci.layers.OPENED``, given inflated (``inflate``). blob is the blob itself, where it is a whole file.

    Iterating it blocks, and raises InvalidArgument for a damaged blob, ResourceExhausted for one that the budget does not allow.
    """
    return _ImageContent(inflated, budget, blob) if is_erofs(media_type) else Content(inflated, budget)
