"""The programs of a directory that verify images, run as containerd's image verifier plugin "bindir" runs them.

Each gets the image's name and digest as arguments and its descriptor on standard input. Its exit code is its verdict, what it prints the reason. It runs in
a process group of its own, which ends with its time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import anyio
from argosy import log
from argosy.errors import Unknown, in_words
from argosy.kernel.process import die_with_parent
from argosy.settled import given_back, settled
from argosy.tables import ImageVerifiers
from argosy_protos.argosy.verifier.v1 import VerifierBase, VerifyRequest, VerifyResponse
from argosy_protos.containerd.types import Descriptor

logger = log.get("transfer.verifiers")

# containerd's: what is kept of what a program prints.
OUTPUT_BYTES: Final = 32 << 10
_STDIN_TYPE: Final = "application/vnd.oci.descriptor.v1+json"


class Bindir(VerifierBase):
    """argosy.verifier.v1.Verifier: all programs of the directory, one after the other."""

    def __init__(self, settings: ImageVerifiers) -> None:
        self._settings = settings

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        """Raises Unknown for a program that can't be run, is killed, or takes too long, and for a directory that can't be read."""
        settings, target = self._settings, request.target or Descriptor()
        try:
            names = sorted(os.listdir(os.fsencode(settings.bin_dir)))
        except FileNotFoundError:
            return VerifyResponse(ok=True)
        except OSError as error:
            raise Unknown(f"failed to list directory contents: {in_words(error)}") from error
        if 0 <= settings.max_verifiers < len(names):
            logger.warning("verifiers.skipped", skipped=[os.fsdecode(name) for name in names[settings.max_verifiers :]][:64])
            names = names[: settings.max_verifiers]
        reasons = []
        for file in names:
            name = os.fsdecode(file)
            code, said = await self._run(name, os.path.join(os.fsencode(settings.bin_dir), file), request.name, target)
            if code != 0:
                return VerifyResponse(ok=False, reason=f"verifier {name} rejected image (exit code {code}): {said}")
            reasons.append(f"{name} => {said}")
        return VerifyResponse(ok=True, reason=", ".join(reasons))

    async def _run(self, name: str, path: bytes, image: str, target: Descriptor) -> tuple[int, str]:
        """Return the exit code of a program, and what it printed. Raises Unknown. Cancellation: its group is killed."""
        began = time.monotonic()

        def failed(why: str) -> Unknown:
            return Unknown(f"failed to call verifier {name} (runtime {time.monotonic() - began:.4f}s): {why}")

        arguments = ("-name", image, "-digest", target.digest, "-stdin-media-type", _STDIN_TYPE)
        if any("\0" in word for word in arguments):
            raise failed("starting process: a zero byte in an argument, which no program can be given")
        try:
            transport, process = await _started(path, arguments, target)
        except (OSError, subprocess.SubprocessError) as error:
            why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
            raise failed(f"starting process: fork/exec {os.fsdecode(path)}: {why}") from error
        assert process.stdout is not None and process.stderr is not None
        said, complaints = _Output(process.stdout), _Output(process.stderr)
        over = False
        try:
            with anyio.move_on_after(self._settings.per_verifier_timeout_s):
                async with anyio.create_task_group() as group:
                    group.start_soon(said.read)
                    group.start_soon(complaints.read)
                    await process.wait()
                over = True
        finally:
            code = process.returncode
            if not over:
                await _kill(process)
            # What it has started may have the other ends for as long as it likes.
            transport.close()
        for line in complaints.text.splitlines():
            logger.debug("verifier.said", image_verifier=name, stream="stderr", line=line)
        # One that has ended in time counts, though something that it started has its output still.
        if code is None or code < 0:
            number = signal.SIGKILL if code is None else -code
            raise failed(f"waiting on command to exit: signal: {(signal.strsignal(number) or str(number)).lower()}")
        return code, said.text


class _Output:
    """What a program prints, as far as it is kept. The rest is read all the same, so that no pipe fills up."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._kept = bytearray()
        self._more = False

    async def read(self) -> None:
        while data := await self._stream.read(OUTPUT_BYTES):
            room = OUTPUT_BYTES - len(self._kept)
            self._kept += data[:room]
            self._more = self._more or len(data) > room

    @property
    def text(self) -> str:
        return self._kept.decode(errors="replace").strip() + ("(stdout truncated)" if self._more else "")


async def _started(path: bytes, words: Sequence[str], target: Descriptor) -> tuple[asyncio.SubprocessTransport, Process]:
    """Start a program. Raises OSError, SubprocessError. Cancellation: one that was started is killed."""
    loop, stdin = asyncio.get_running_loop(), _input(target)
    # Cut in two, it would leave a program that nobody knows.
    starting = loop.create_task(
        loop.subprocess_exec(
            partial(SubprocessStreamProtocol, OUTPUT_BYTES, loop), path, *words, stdin=stdin, stdout=subprocess.PIPE,
            # Nobody would wait for its verdict any more when we are gone.
            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=die_with_parent,
        )
    )  # fmt: skip
    try:
        await settled(starting)
    except asyncio.CancelledError:
        if starting.exception() is None:
            transport, protocol = starting.result()
            await _kill(Process(transport, protocol, loop))
            transport.close()
        raise
    finally:
        os.close(stdin)
    transport, protocol = starting.result()
    return transport, Process(transport, protocol, loop)


async def _kill(process: Process) -> None:
    """Kill a program and what it started, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await given_back(process.wait())


def _input(target: Descriptor) -> int:
    """Return a file with a descriptor as containerd writes it, one line of JSON. Who does not read it holds up nobody."""
    said: dict[str, object] = {"mediaType": target.media_type, "digest": target.digest, "size": target.size}
    if target.annotations:
        said["annotations"] = dict(sorted(target.annotations.items()))
    data = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    fd = os.memfd_create("descriptor")
    with os.fdopen(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
