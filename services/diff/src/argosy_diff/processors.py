"""From a media type to tar: what is built in, and external stream processors as containerd configures them.

A processor reads standard input and writes standard output; ``STREAM_PROCESSOR_MEDIATYPE`` names the input type, and a
payload for its id comes as a serialized ``google.protobuf.Any`` on descriptor 3. Its standard error explains a failure.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from argosy.errors import Unknown
from pydantic import BaseModel, ConfigDict, Field

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


class StreamProcessor(BaseModel):
    """One ``[stream_processors.ID]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accepts: list[str]
    returns: str
    path: str
    args: list[str] = Field(default_factory=list)
    env: list[str] = Field(default_factory=list)


class Chain:
    """The running processors of one layer; ``output`` is tar, compressed or not."""

    def __init__(self, source: IO[bytes]) -> None:
        self.output = source
        self._running: list[tuple[str, subprocess.Popen[bytes], list[bytes], threading.Thread]] = []

    def add(self, id: str, processor: StreamProcessor, media_type: str, payload: bytes | None) -> None:
        """Put one more processor behind the last. Raises Unknown when it can't be started."""
        env = dict(entry.split("=", 1) for entry in processor.env if "=" in entry)
        env.update({"STREAM_PROCESSOR_MEDIATYPE": media_type, "PATH": env.get("PATH", os.environ.get("PATH", ""))})
        pass_fds: tuple[int, ...] = ()
        reader = -1
        if payload is not None:
            reader, writer = os.pipe()
            feeder = threading.Thread(target=_feed, args=(writer, payload), daemon=True)
            feeder.start()
            pass_fds = (3,)
        try:
            command = [processor.path, *processor.args]
            process = subprocess.Popen(
                command, stdin=self.output, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                pass_fds=pass_fds if reader == 3 else (reader,) if reader >= 0 else (),
                preexec_fn=None if reader < 0 else _move_to_3(reader),
            )  # fmt: skip
        except OSError as error:
            raise Unknown(f'stream processor "{id}" ({processor.path}) cannot be started: {error.strerror}') from error
        finally:
            if reader >= 0:
                os.close(reader)
        assert process.stdout is not None and process.stderr is not None
        said: list[bytes] = []
        listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
        listener.start()
        self._running.append((id, process, said, listener))
        self.output = process.stdout

    def finish(self) -> None:
        """Wait for the processors. Raises Unknown with what a failed one said."""
        for id, process, said, listener in self._running:
            code = process.wait()
            listener.join(5)
            if code:
                text = b"".join(said).decode("utf-8", "replace").strip()
                raise Unknown(f'stream processor "{id}" exited {code}: {text or "without a word"}')

    def kill(self) -> None:
        """End what still runs."""
        for _, process, _, _ in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()


def _move_to_3(fd: int) -> Any:
    def move() -> None:
        os.dup2(fd, 3, inheritable=True)

    return move


def _feed(fd: int, data: bytes) -> None:
    try:
        with os.fdopen(fd, "wb") as pipe:
            pipe.write(data)
    except BrokenPipeError:
        pass  # it did not want its payload


def _listen(stream: IO[bytes], said: list[bytes]) -> None:
    total = 0
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
