"""From a media type to tar: what is built in, and external stream processors as containerd configures them.

A processor reads standard input and writes standard output; ``STREAM_PROCESSOR_MEDIATYPE`` names the input type, and a
payload for its id comes as a serialized ``google.protobuf.Any`` on descriptor 3. Its standard error explains a failure.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Final

from argosy.errors import Unknown
from argosy.tables import StreamProcessor

TAR: Final = "application/vnd.oci.image.layer.v1.tar"
_BUILT_IN: Final = frozenset(
    (
        TAR, TAR + "+gzip", TAR + "+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd",
    )
)  # fmt: skip
_MAX_CHAIN: Final = 16
_STDERR_BYTES: Final = 4096


class _Running:
    """One external processor."""

    def __init__(self, id: str, pid: int, errors: IO[bytes]) -> None:
        self.id, self.pid = id, pid
        self._said: list[bytes] = []
        self._code: int | None = None
        self._listener = threading.Thread(target=_listen, args=(errors, self._said), daemon=True)
        self._listener.start()

    def wait(self) -> int:
        """Return its exit code."""
        if self._code is None:
            _, status = os.waitpid(self.pid, 0)
            self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def finish(self) -> None:
        """Raises Unknown with what it said when it failed."""
        code = self.wait()
        self._listener.join(5)
        if code:
            text = b"".join(self._said).decode("utf-8", "replace").strip()
            raise Unknown(f'stream processor "{self.id}" exited {code}: {text or "without a word"}')

    def kill(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


class Chain:
    """The running processors of one layer; ``output`` is tar, compressed or not."""

    def __init__(self, source: IO[bytes]) -> None:
        self.output = source
        self._running: list[_Running] = []

    def add(self, id: str, processor: StreamProcessor, media_type: str, payload: bytes | None) -> None:
        """Put one more processor behind the last. Raises Unknown when it can't be started."""
        env = dict(entry.split("=", 1) for entry in processor.env if "=" in entry)
        path = env.setdefault("PATH", os.environ.get("PATH", os.defpath))
        env["STREAM_PROCESSOR_MEDIATYPE"] = media_type
        program = shutil.which(processor.path, path=path)
        if program is None:
            raise Unknown(f'stream processor "{id}" cannot be started: {processor.path} is not an executable file')
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        # Each source is moved above the targets first, or one dup2 could overwrite the next one's source.
        ends = [(self.output.fileno(), 0), (out_write, 1), (err_write, 2)]
        fed = -1
        if payload is not None:
            fed, feeder = os.pipe()
            ends.append((fed, 3))
            threading.Thread(target=_feed, args=(feeder, payload), daemon=True).start()
        high = [(fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, 10), target) for source, target in ends]
        try:
            actions = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in high]
            pid = os.posix_spawn(program, [processor.path, *processor.args], env, file_actions=actions)
        except OSError as error:
            os.close(out_read)
            os.close(err_read)
            raise Unknown(f'stream processor "{id}" ({program}) cannot be started: {error.strerror}') from error
        finally:
            for source, _ in high:
                os.close(source)
            for fd in (out_write, err_write, fed):
                if fd >= 0:
                    os.close(fd)
        self._running.append(_Running(id, pid, os.fdopen(err_read, "rb")))
        self.output = os.fdopen(out_read, "rb")

    def finish(self) -> None:
        """Wait for the processors. Raises Unknown with what a failed one said."""
        for running in self._running:
            running.finish()

    def kill(self) -> None:
        """End what still runs."""
        for running in self._running:
            running.kill()
        if self._running:
            self.output.close()


def _feed(fd: int, data: bytes) -> None:
    try:
        with os.fdopen(fd, "wb") as pipe:
            pipe.write(data)
    except BrokenPipeError:
        pass  # it did not want its payload


def _listen(stream: IO[bytes], said: list[bytes]) -> None:
    total = 0
    with stream:
        while data := stream.read(1024):
            if total < _STDERR_BYTES:
                said.append(data)
                total += len(data)


def resolve(media_type: str, processors: Mapping[str, StreamProcessor]) -> Sequence[tuple[str, StreamProcessor, str]]:
    """Return the external processors, in order, that lead from media_type to a built-in one.

    The processor configured last is asked first. Raises Unknown when nothing takes the type.
    """
    chain: list[tuple[str, StreamProcessor, str]] = []
    current = media_type.partition(";")[0].strip()
    for _ in range(_MAX_CHAIN):
        if current in _BUILT_IN:
            return chain
        for id, processor in reversed(list(processors.items())):
            if current in processor.accepts:
                chain.append((id, processor, current))
                current = processor.returns
                break
        else:
            raise Unknown(
                f'failed to get stream processor for {media_type}: no processor for media-type "{current}"; '
                "configure one under [stream_processors]"
            )
    raise Unknown(f"stream processors for {media_type} lead in a circle")
