"""Bytes on disk, in containerd's own layout, so that a store can be adopted in either direction.

    <root>/blobs/<algorithm>/<hex>                 a committed blob, 0444, never changed again
    <root>/ingest/<sha256 of ref>/data             bytes so far
                                  ref              the ref, as text
                                  total            the announced size, as decimal text
                                  startedat        RFC 3339
                                  updatedat        RFC 3339

What a crash leaves: before ``data``'s fsync, an ingest whose tail may be short (resumed by re-hashing what is
there); between rename and the directory's fsync, either the ingest or the blob, never half of one; after it, the
blob and an ingest directory without ``data``, which the next start removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.digest import HEX_LENGTHS, Digest, Hasher, hasher
from argosy.errors import AlreadyExists, FailedPrecondition, Locked, NotFound, Unimplemented
from argosy.kernel.files import begin_writeback, full_disk
from argosy.plugin.content.blobfile import blob_path, open_blob
from argosy.timestamps import format_rfc3339, parse_rfc3339

_HASH_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A committed blob. Times are nanoseconds since the epoch, size is bytes."""

    digest: Digest
    size: int
    created_ns: int
    updated_ns: int


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """An ingest on disk."""

    ref: str
    offset: int
    total: int
    started_ns: int
    updated_ns: int


def fsync_directory(path: Path) -> None:
    """Make a rename in path durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_file(path: Path, text: str) -> None:
    """Replace a small file; a reader sees the old or the new text."""
    scratch = path.with_name(path.name + ".tmp")
    scratch.write_text(text)
    os.replace(scratch, path)


def _held_by_a_writer(path: Path) -> bool:
    """Return whether any process, this one too, has a file open for writing. Raises OSError where the file system can't tell (EINVAL)."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The kernel gives a read lease only on a file that nobody can change.
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class OpenIngest:
    """An ingest that is being written: its file, its running hash.

    A client that was told where the file is may write there too (``place``). Nobody else can have it then: an ingest whose last client has
    not closed the file can't be opened, and what somebody could still change is not committed.
    """

    def __init__(self, path: Path, status: IngestStatus, algorithm: str) -> None:
        self.path = path
        self.ref, self.total, self.started_ns = status.ref, status.total, status.started_ns
        self.updated_ns = status.updated_ns
        self.algorithm = algorithm
        self.placed = False
        self._check_alone()
        self.fd = os.open(path / "data", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.offset = 0
        self._begun = 0
        self.hash: Hasher = hasher(algorithm)
        try:
            self.rehash(algorithm)
        except BaseException:
            os.close(self.fd)
            raise

    def _check_alone(self) -> None:
        try:
            held = _held_by_a_writer(self.path / "data")
        except OSError:
            return  # there is none yet, or it is on a file system where no client is told of it
        if held:
            raise Locked(f'ingest "{self.ref}" is still open in a client that writes its file; end that client')

    def rehash(self, algorithm: str) -> None:
        """Hash what is on disk: after opening, and when another algorithm is asked for."""
        self.algorithm, self.hash = algorithm, hasher(algorithm)
        self.offset = 0
        self.look()

    def look(self) -> None:
        """Count and hash what was written behind the bytes that are known."""
        self._seen_ns = os.fstat(self.fd).st_mtime_ns
        while chunk := os.pread(self.fd, _HASH_CHUNK, self.offset):
            self.hash.update(chunk)
            self.offset += len(chunk)

    def place(self) -> tuple[Path, int, int]:
        """Return where a client may write: (path, device, inode). Raises Unimplemented where its end could not be seen."""
        path = self.path / "data"
        try:
            _held_by_a_writer(path)
        except OSError as error:
            raise Unimplemented(f"the content store's file system has no leases: {error.strerror}") from None
        self.placed = True
        found = os.fstat(self.fd)
        return path, found.st_dev, found.st_ino

    def seal(self) -> None:
        """Make sure that nobody can change the bytes that were hashed. Raises FailedPrecondition; the ingest keeps its bytes."""
        if not self.placed:
            return
        path = self.path / "data"
        os.close(self.fd)
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(self.fd)
        hashed = self.digest()
        wrong = ""
        if _held_by_a_writer(path):
            wrong = "is still open in the client that writes its file; close it before the commit"
        elif found.st_size != self.offset:
            wrong = f"has {found.st_size} bytes, of which {self.offset} were announced by a STAT"
        elif found.st_mtime_ns != self._seen_ns:
            self.rehash(self.algorithm)
            if self.digest() != hashed:
                wrong = "was changed after it was hashed"
        if wrong:
            os.close(self.fd)
            self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            raise FailedPrecondition(f'ingest "{self.ref}" {wrong}')

    def append(self, data: bytes) -> None:
        """Write at the end. Raises ResourceExhausted when the disk is full; the ingest then ends where it did before."""
        self.put(data)
        self.hash.update(data)
        self.grown(len(data), self.hash)

    def put(self, data: bytes) -> None:
        """Write behind the end, without making it part of the ingest. Raises as ``append``."""
        view = memoryview(data)
        position = self.offset
        try:
            while view:
                written = os.pwrite(self.fd, view, position)
                position += written
                view = view[written:]
        except OSError as error:
            os.ftruncate(self.fd, self.offset)
            raise full_disk(error, f'ingest "{self.ref}"') from error

    def grown(self, size: int, hash: Hasher) -> None:
        """Take what was put as part of the ingest, whose running hash is now hash."""
        self.hash = hash
        self.offset += size
        self.updated_ns = time.time_ns()

    @property
    def waiting(self) -> int:
        """How many bytes the kernel has not been told to write yet."""
        return self.offset - self._begun

    def write_back(self) -> None:
        """Have what is there on its way to the disk, so that a commit does not begin to write when all has come."""
        begun, self._begun = self._begun, self.offset
        begin_writeback(self.fd, begun, self._begun - begun)

    def truncate(self) -> None:
        """Forget all bytes."""
        os.ftruncate(self.fd, 0)
        self._begun = 0
        self.hash = hasher(self.algorithm)
        self.offset = 0
        self.updated_ns = time.time_ns()

    def digest(self) -> str:
        return f"{self.algorithm}:{self.hash.hexdigest()}"

    def set_total(self, total: int) -> None:
        if total != self.total:
            self.total = total
            _write_file(self.path / "total", str(total))

    def close(self) -> None:
        """Keep the ingest for later: its bytes and times reach the disk."""
        if self.fd < 0:
            return
        try:
            if self.path.exists():
                os.fsync(self.fd)
                _write_file(self.path / "updatedat", format_rfc3339(self.updated_ns))
        except FileNotFoundError:
            pass  # aborted while it was open
        finally:
            os.close(self.fd)
            self.fd = -1


class Blobs:
    """The store's directory. Every method blocks; call them from a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = root
        self.blobs = root / "blobs"
        self.ingests = root / "ingest"
        for path in (self.blobs, self.ingests):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(path, 0o700)

    def recover(self) -> int:
        """Remove what a crash left behind that nobody can use. Returns how many ingests went."""
        gone = 0
        for path in list(self.ingests.iterdir()):
            if not (path / "ref").exists() or not (path / "startedat").exists():
                shutil.rmtree(path, ignore_errors=True)
                gone += 1
        return gone

    def path_of(self, digest: Digest) -> Path:
        return blob_path(self._root, digest)

    def info(self, digest: Digest) -> BlobInfo:
        """Raises NotFound."""
        try:
            stat = os.stat(self.path_of(digest))
        except FileNotFoundError:
            raise NotFound(f"content digest {digest}") from None
        return BlobInfo(digest, stat.st_size, stat.st_mtime_ns, stat.st_atime_ns)

    def open(self, digest: Digest) -> int:
        """Return a descriptor to read a blob. Raises NotFound."""
        return open_blob(self._root, digest)

    def delete(self, digest: Digest) -> None:
        """Raises NotFound."""
        try:
            os.unlink(self.path_of(digest))
        except FileNotFoundError:
            raise NotFound(f"content digest {digest}") from None

    def walk(self) -> Iterator[BlobInfo]:
        """Yield every blob, in the order of its digest."""
        for algorithm in sorted(p.name for p in self.blobs.iterdir() if p.name in HEX_LENGTHS):
            for name in sorted(os.listdir(self.blobs / algorithm)):
                if len(name) == HEX_LENGTHS[algorithm]:
                    try:
                        yield self.info(Digest(algorithm, name))
                    except NotFound:
                        continue  # deleted since

    def ingest_path(self, ref: str) -> Path:
        return self.ingests / hashlib.sha256(ref.encode()).hexdigest()

    def status(self, ref: str) -> IngestStatus:
        """Raises NotFound."""
        path = self.ingest_path(ref)
        try:
            return self._status(path)
        except (FileNotFoundError, ValueError):
            raise NotFound(f"reference {ref}") from None

    @staticmethod
    def _status(path: Path) -> IngestStatus:
        ref = (path / "ref").read_text()
        started = parse_rfc3339((path / "startedat").read_text())
        updated = parse_rfc3339((path / "updatedat").read_text()) if (path / "updatedat").exists() else started
        total = int((path / "total").read_text() or "0") if (path / "total").exists() else 0
        data = path / "data"
        size = data.stat().st_size if data.exists() else 0
        return IngestStatus(ref, size, total, started, max(updated, started))

    def statuses(self) -> list[IngestStatus]:
        """Return every ingest, in the order of its ref."""
        found: list[IngestStatus] = []
        for path in list(self.ingests.iterdir()):
            try:
                found.append(self._status(path))
            except (FileNotFoundError, ValueError):
                continue  # ended since, or of a crash
        return sorted(found, key=lambda s: s.ref)

    def open_ingest(self, ref: str, total: int, algorithm: str = "sha256") -> OpenIngest:
        """Open or make the ingest of ref. One whose announced size differs starts again from nothing."""
        path = self.ingest_path(ref)
        try:
            status: IngestStatus | None = self._status(path)
        except (FileNotFoundError, ValueError):
            status = None
        if status is not None and (status.ref != ref or (total and status.total and total != status.total)):
            status = None
        if status is None:
            shutil.rmtree(path, ignore_errors=True)
            now = time.time_ns()
            status = IngestStatus(ref, 0, total, now, now)
            try:
                path.mkdir(mode=0o700)
                _write_file(path / "total", str(total))
                _write_file(path / "startedat", format_rfc3339(now))
                _write_file(path / "updatedat", format_rfc3339(now))
                # The ref comes last: an ingest without it is nobody's and is removed at start.
                _write_file(path / "ref", ref)
            except OSError as error:
                shutil.rmtree(path, ignore_errors=True)
                raise full_disk(error, f'ingest "{ref}"') from error
        ingest = OpenIngest(path, status, algorithm)
        if total and not status.total:
            ingest.set_total(total)
        return ingest

    def abort(self, ref: str) -> None:
        """Forget an ingest and its bytes. Raises NotFound."""
        path = self.ingest_path(ref)
        if not path.exists():
            raise NotFound(f"reference {ref}")
        shutil.rmtree(path, ignore_errors=True)

    def commit(self, ingest: OpenIngest) -> Digest:
        """Turn an ingest into a blob, durably. Raises AlreadyExists when the blob is there; the ingest goes either way.

        Raises FailedPrecondition when a client can still change the bytes; the ingest stays then.
        """
        ingest.seal()
        digest = Digest.parse(ingest.digest())
        target = self.path_of(digest)
        if target.exists():
            self._forget(ingest)
            raise AlreadyExists(f"content {digest}")
        target.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            os.fsync(ingest.fd)
            os.fchmod(ingest.fd, 0o444)
            now = time.time_ns()
            os.utime(ingest.fd, ns=(now, now))
            os.rename(ingest.path / "data", target)
            fsync_directory(target.parent)
        except OSError as error:
            raise full_disk(error, f"content {digest}") from error
        self._forget(ingest)
        return digest

    @staticmethod
    def _forget(ingest: OpenIngest) -> None:
        os.close(ingest.fd)
        ingest.fd = -1
        shutil.rmtree(ingest.path, ignore_errors=True)
