"""Bytes on disk, in containerd's own layout, so that a store can be adopted in either direction.

    <root>/blobs/<algorithm>/<hex>                 a committed blob, 0444, never changed again
    <root>/ingest/<sha256 of ref>/data             bytes so far
                                  ref              the ref, as text
                                  total            the announced size, as decimal text
                                  startedat        RFC 3339
                                  updatedat        RFC 3339

What a crash leaves: before ``data``'s fsync, an ingest whose tail may be short (resumed by re-hashing what is
there); between rename and the directory's fsync, either the ingest or the blob, never half of one; after it, the
blob and an ingest directory without ``data``, which the next start removes. An ingest that is new is promised to nobody: until it
is closed a power loss may take it whole, or leave it without a name, which the next start removes too.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.digest import HEX_LENGTHS, Digest, Hasher, hasher
from argosy.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    FailedPrecondition,
    InvalidArgument,
    Locked,
    NotFound,
    Unimplemented,
)
from argosy.kernel.files import begin_writeback, full_disk
from argosy.plugin.content.blobfile import blob_path, frames, open_blob
from argosy.roots import replace_file, sync_directory
from argosy.timestamps import format_rfc3339, parse_rfc3339

_HASH_CHUNK: Final = 1 << 20
# A list of ingests is one message; clients' refs are a digest and a few words.
_MAX_REF_BYTES: Final = 4096
_UNREADABLE: Final = (FileNotFoundError, ValueError, InvalidArgument)
"""The errors of opening an ingest that is gone: it ended since, or is half of one that a crash left."""
_NOTES: Final = ("total", "startedat", "updatedat", "ref")


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


def _never() -> bool:
    return False


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

    def __init__(self, path: Path, status: IngestStatus, algorithm: str, stopped: Callable[[], bool] = _never) -> None:
        """Hashes what is there. Raises Locked, and Cancelled once stopped says so; nothing stays open then."""
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
            self.rehash(algorithm, stopped)
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

    def rehash(self, algorithm: str, stopped: Callable[[], bool] = _never) -> None:
        """Hash what is on disk: after opening, and when another algorithm is asked for."""
        self.algorithm, self.hash = algorithm, hasher(algorithm)
        self.offset = 0
        self.look(stopped)

    def look(self, stopped: Callable[[], bool] = _never) -> None:
        """Count and hash what was written behind the bytes that are known. Raises Cancelled."""
        self._seen_ns = os.fstat(self.fd).st_mtime_ns
        while chunk := os.pread(self.fd, _HASH_CHUNK, self.offset):
            if stopped():
                raise Cancelled(f'nobody waits for ingest "{self.ref}" any more')
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
        """Make sure that nobody can change the bytes that were hashed. Raises FailedPrecondition; the ingest keeps its bytes. Raises OSError."""
        if not self.placed:
            return
        path = self.path / "data"
        self._reopen(path, os.O_RDONLY)
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
            self._reopen(path, os.O_RDWR)
            raise FailedPrecondition(f'ingest "{self.ref}" {wrong}')

    def _reopen(self, path: Path, flags: int) -> None:
        """Have the file open in another way; where that fails, it is open as before."""
        # The number of one that is closed may be another file's at once, and would be closed again.
        old, self.fd = self.fd, os.open(path, flags | os.O_CLOEXEC)
        os.close(old)

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
            try:
                replace_file(self.path / "total", str(total), durable=False)
            except FileNotFoundError:
                return  # aborted while it was open
            except OSError as error:
                raise full_disk(error, f'ingest "{self.ref}"') from error
            self.total = total

    def close(self) -> None:
        """Keep the ingest for later: its bytes, its name and its times reach the disk. On a full one, its times are those of its start."""
        if self.fd < 0:
            return
        try:
            if self.path.exists():
                self._keep()
        except FileNotFoundError:
            pass  # aborted while it was open
        finally:
            os.close(self.fd)
            self.fd = -1

    def _keep(self) -> None:
        os.fsync(self.fd)
        try:
            replace_file(self.path / "updatedat", format_rfc3339(self.updated_ns), durable=False)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        for name in _NOTES:
            fd = os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        sync_directory(self.path)
        sync_directory(self.path.parent)


class Blobs:
    """The store's directory. Every method blocks; call them from a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = root
        self.blobs = root / "blobs"
        self.ingests = root / "ingest"
        for path in (self.blobs, self.ingests):
            if not path.exists():
                path.mkdir(parents=True, mode=0o700)
                sync_directory(root)
            os.chmod(path, 0o700)

    def recover(self) -> int:
        """Remove what a crash left behind that nobody can use. Returns how many ingests went."""
        gone = 0
        for path in list(self.ingests.iterdir()):
            try:
                usable = self.ingest_path(self._status(path).ref) == path
            except (OSError, ValueError, InvalidArgument):
                usable = False
            if not usable:
                shutil.rmtree(path, ignore_errors=True)
                gone += 1
        return gone

    def path_of(self, digest: Digest) -> Path:
        return blob_path(self._root, digest)

    def info(self, digest: Digest) -> BlobInfo:
        """Return a blob's size and times. Raises NotFound."""
        try:
            stat = os.stat(self.path_of(digest))
        except FileNotFoundError:
            raise NotFound(f"content digest {digest}") from None
        return BlobInfo(digest, stat.st_size, stat.st_mtime_ns, stat.st_atime_ns)

    def open(self, digest: Digest) -> int:
        """Return a descriptor to read a blob. Raises NotFound."""
        return open_blob(self._root, digest)

    def read(self, digest: Digest, offset: int, size: int) -> Generator[bytes, None, None]:
        """Yield size bytes (0: to the end) of a blob from offset, a frame at a time. Raises NotFound, OutOfRange."""
        yield from frames(self.open(digest), offset, size)

    def delete(self, digest: Digest) -> None:
        """Remove a blob's file. Raises NotFound."""
        try:
            os.unlink(self.path_of(digest))
        except FileNotFoundError:
            raise NotFound(f"content digest {digest}") from None

    def digests(self) -> list[Digest]:
        """Return the digest of every blob, in order."""
        found: list[Digest] = []
        for algorithm in sorted(p.name for p in self.blobs.iterdir() if p.name in HEX_LENGTHS):
            length = HEX_LENGTHS[algorithm]
            found += [Digest(algorithm, name) for name in sorted(os.listdir(self.blobs / algorithm)) if len(name) == length]
        return found

    def infos(self, digests: Iterable[Digest]) -> list[BlobInfo]:
        """Return those of digests that are there."""
        found: list[BlobInfo] = []
        for digest in digests:
            try:
                found.append(self.info(digest))
            except NotFound:
                continue  # deleted since
        return found

    def ingest_path(self, ref: str) -> Path:
        return self.ingests / hashlib.sha256(ref.encode()).hexdigest()

    def status(self, ref: str) -> IngestStatus:
        """Return where an ingest stands. Raises NotFound."""
        path = self.ingest_path(ref)
        try:
            return self._status(path)
        except _UNREADABLE:
            raise NotFound(f"reference {ref}") from None

    @staticmethod
    def _status(path: Path) -> IngestStatus:
        ref = (path / "ref").read_text()
        started = parse_rfc3339((path / "startedat").read_text())
        try:
            updated = parse_rfc3339((path / "updatedat").read_text())
        except _UNREADABLE:
            updated = started  # a power loss left it empty
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
            except _UNREADABLE:
                continue  # ended since, or of a crash
        return sorted(found, key=lambda s: s.ref)

    def open_ingest(
        self, ref: str, total: int, algorithm: str = "sha256", stopped: Callable[[], bool] = _never
    ) -> OpenIngest:
        """Open or make the ingest of ref. One whose announced size differs starts again from nothing.

        Raises InvalidArgument for the ref, Locked, ResourceExhausted, and Cancelled once stopped says so.
        """
        if (size := len(ref.encode())) > _MAX_REF_BYTES:
            raise InvalidArgument(f'ref "{ref[:64]}..." is {size} bytes long; at most {_MAX_REF_BYTES} are allowed')
        path = self.ingest_path(ref)
        try:
            status: IngestStatus | None = self._status(path)
        except _UNREADABLE:
            status = None
        if status is not None and (status.ref != ref or (total and status.total and total != status.total)):
            status = None
        if status is None:
            shutil.rmtree(path, ignore_errors=True)
            now = time.time_ns()
            status = IngestStatus(ref, 0, total, now, now)
            try:
                path.mkdir(mode=0o700)
                replace_file(path / "total", str(total), durable=False)
                replace_file(path / "startedat", format_rfc3339(now), durable=False)
                replace_file(path / "updatedat", format_rfc3339(now), durable=False)
                # The ref comes last: an ingest without it is nobody's and is removed at start.
                replace_file(path / "ref", ref, durable=False)
            except OSError as error:
                shutil.rmtree(path, ignore_errors=True)
                raise full_disk(error, f'ingest "{ref}"') from error
        ingest = OpenIngest(path, status, algorithm, stopped)
        try:
            if total and not status.total:
                ingest.set_total(total)
        except BaseException:
            ingest.close()
            raise
        return ingest

    def abort(self, ref: str) -> None:
        """Forget an ingest and its bytes. Raises NotFound."""
        path = self.ingest_path(ref)
        if not path.exists():
            raise NotFound(f"reference {ref}")
        shutil.rmtree(path, ignore_errors=True)

    def commit(self, ingest: OpenIngest) -> Digest:
        """Turn an ingest into a blob, durably. Raises AlreadyExists when the blob is there; the ingest goes either way.

        Raises FailedPrecondition when a client can still change the bytes, the ingest stays then; Aborted when it was aborted meanwhile.
        """
        try:
            return self._commit(ingest)
        except FileNotFoundError as error:
            if ingest.path.exists():
                raise
            raise Aborted(
                f'ingest "{ingest.ref}" was aborted while it was open, and its bytes are gone; write it again'
            ) from error

    def _commit(self, ingest: OpenIngest) -> Digest:
        ingest.seal()
        digest = Digest.parse(ingest.digest())
        target = self.path_of(digest)
        if target.exists():
            self._forget(ingest)
            raise AlreadyExists(f"content {digest}")
        try:
            if not target.parent.exists():
                target.parent.mkdir(exist_ok=True, mode=0o700)
                sync_directory(self.blobs)
            self.keep(ingest, target)
        except OSError as error:
            os.fchmod(ingest.fd, 0o600)
            if isinstance(error, FileNotFoundError):
                raise
            raise full_disk(error, f"content {digest}") from error
        self._forget(ingest)
        return digest

    def keep(self, ingest: OpenIngest, target: Path) -> None:
        """Have what ``read`` reads at target, durably; the ingest is forgotten then. Raises OSError, and the ingest is as it was.

        Override both, and ``info`` for the size, to keep blobs in another form.
        """
        data = ingest.path / "data"
        os.fsync(ingest.fd)
        os.fchmod(ingest.fd, 0o444)
        now = time.time_ns()
        os.utime(ingest.fd, ns=(now, now))
        os.rename(data, target)
        try:
            sync_directory(target.parent)
        except OSError:
            # Nobody may go on to write into what others take for a blob.
            os.rename(target, data)
            raise

    @staticmethod
    def _forget(ingest: OpenIngest) -> None:
        os.close(ingest.fd)
        ingest.fd = -1
        shutil.rmtree(ingest.path, ignore_errors=True)
