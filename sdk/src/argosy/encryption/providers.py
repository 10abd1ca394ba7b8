"""Key providers: programs and gRPC services that wrap and unwrap keys of layers with a key of their own.

Which there are says the JSON file that ``OCICRYPT_KEYPROVIDER_CONFIG`` names. A provider has ``ANSWER_S`` seconds, and is told of its own
parameters only: keys of others that are given beside it are none of its business.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from argosy.encryption.base64s import from_base64, to_base64
from argosy.errors import (
    ArgosyError,
    DeadlineExceeded,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.kernel.process import die_with_parent, pidfd

CONFIG: Final = "OCICRYPT_KEYPROVIDER_CONFIG"
ANSWER_S: Final = 30.0
_MOST_BYTES: Final = 1 << 20
_SAID_BYTES: Final = 1024
# A pipe holds a mebibyte at most, and is read 64 KiB at a time.
_PIPE_READS: Final = 16


def _table(name: str) -> dict[str, Any]:
    """Return what the configuration says of a provider. Raises InvalidArgument."""
    path = os.environ.get(CONFIG)
    if not path:
        raise InvalidArgument(f'key provider "{name}" is not known here: {CONFIG} names no file that says what it is')
    try:
        said = json.loads(Path(path).read_bytes())
        found = said["key-providers"][name]
        if isinstance(found, dict):
            return found
    except OSError as error:
        raise InvalidArgument(f"{path}, which {CONFIG} names, cannot be read: {error.strerror}") from None
    except KeyError:
        raise InvalidArgument(f'key provider "{name}" is not in {path}, which {CONFIG} names') from None
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidArgument(f'{path}, which {CONFIG} names, is no JSON object with key-providers, or "{name}" is none of them')


def wrap(name: str, data: bytes, parameters: Sequence[bytes]) -> bytes:
    """Return data, a layer's key, as a provider wraps it. Raises InvalidArgument, Unknown, Unavailable, DeadlineExceeded."""
    config = {"Parameters": {name: list(map(to_base64, parameters))}, "DecryptConfig": {"Parameters": None}}
    answer = _asked(name, "WrapKey", {"op": "keywrap", "keywrapparams": {"ec": config, "optsdata": to_base64(data)}})
    return _result(name, answer, "keywrapresults", "annotation")


def unwrap(name: str, wrapped: bytes, parameters: Sequence[bytes]) -> bytes:
    """Return what a provider has wrapped. Raises what ``wrap`` raises."""
    config = {"Parameters": {name: list(map(to_base64, parameters))}}
    answer = _asked(
        name, "UnWrapKey", {"op": "keyunwrap", "keyunwrapparams": {"dc": config, "annotation": to_base64(wrapped)}}
    )
    return _result(name, answer, "keyunwrapresults", "optsdata")


def _result(name: str, answer: bytes, results: str, key: str) -> bytes:
    try:
        found = json.loads(answer)[results][key]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidArgument(f'key provider "{name}" answers with something else than JSON with {results}.{key}') from None
    return from_base64(found, f'the answer of key provider "{name}"')


def _asked(name: str, method: str, question: dict[str, Any]) -> bytes:
    table, data = _table(name), json.dumps(question).encode()
    command = table.get("cmd")
    if isinstance(command, dict):
        path, args = command.get("path"), command.get("args") or []
        if not isinstance(path, str) or not path or not isinstance(args, list) or not all(isinstance(x, str) for x in args):
            raise InvalidArgument(f'key provider "{name}" has a cmd without a path, or with args that are no list of words')
        return _run(name, [path, *args], data)
    if isinstance(address := table.get("grpc"), str) and address:
        return _call(name, address, method, data)
    if table.get("ttrpc"):
        raise Unimplemented(f'key provider "{name}" speaks ttrpc, which is not spoken here; give it a cmd or a grpc address')
    raise InvalidArgument(f'key provider "{name}" has neither a cmd nor a grpc address')


def _run(name: str, words: Sequence[str], data: bytes) -> bytes:
    """Run a provider's program, which ends with the call, whatever comes of it, and with it what it has started in its group.

    Its answer is what it has written when it ends: whoever else has its output may keep it.
    """
    deadline = time.monotonic() + ANSWER_S
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            # Nobody would wait for its answer any more when we are gone.
            preexec_fn=die_with_parent,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(
            f'key provider "{name}" cannot be started: {words[0]}: {getattr(error, "strerror", error)}'
        ) from None
    try:
        out, said = _exchanged(name, process, data, deadline)
    finally:
        # Before it is waited for: until then its group's number is nobody else's.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()
    if code:
        text = said.decode("utf-8", "replace").strip()
        raise Unknown(f'key provider "{name}" exited {code}: {text or "without a word"}')
    return out


def _late(name: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f'key provider "{name}" has not answered for {ANSWER_S:.0f} s; look whether it waits for somebody'
    )


def _exchanged(name: str, process: subprocess.Popen[bytes], data: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Write a program's input; return its output when it has ended, and the beginning of what it says of errors: neither has it hold more than we allow.

    It is not waited for, so that its pid stays its own. Raises DeadlineExceeded, ResourceExhausted.
    """
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    left, out, said = memoryview(data), bytearray(), bytearray()
    stdin, stdout, stderr = process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()
    after = 0
    ending = pidfd(process.pid)
    try:
        poll = select.poll()
        for fd, events in (
            (stdin, select.POLLOUT),
            (stdout, select.POLLIN),
            (stderr, select.POLLIN),
            (ending, select.POLLIN),
        ):
            poll.register(fd, events)
        for fd in (stdin, stdout, stderr):
            os.set_blocking(fd, False)
        while True:
            ready = {fd for fd, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)}
            if not ready or time.monotonic() > deadline:
                raise _late(name)
            if stdin in ready:
                try:
                    left = left[os.write(stdin, left) :]
                except BrokenPipeError:
                    left = left[len(left) :]  # what it did not want to read
                if not left:
                    poll.unregister(stdin)
                    process.stdin.close()
            for fd in ready & {stdout, stderr}:
                part = os.read(fd, 64 << 10)
                if not part:
                    poll.unregister(fd)
                elif fd == stdout:
                    out += part
                    if len(out) > _MOST_BYTES:
                        raise ResourceExhausted(f'key provider "{name}" answers with more than {_MOST_BYTES} bytes')
                else:
                    said += part[: max(0, _SAID_BYTES - len(said))]
            # What it has written was there before its end; who else has its output may write for ever.
            after += ending in ready
            if after > _PIPE_READS or (after and not ready & {stdout, stderr}):
                return bytes(out), bytes(said)
    finally:
        os.close(ending)


def _call(name: str, address: str, method: str, data: bytes) -> bytes:
    """Ask a provider that is a gRPC service."""
    import asyncio  # one that is a command has no use for it

    from argosy_protos.keyprovider import ProtocolInput, ProtocolOutput
    from grpclib.client import Channel
    from grpclib.const import Cardinality
    from grpclib.encoding.base import CodecBase
    from grpclib.exceptions import GRPCError, StreamTerminatedError

    class Bytes(CodecBase):
        """Messages that are encoded already."""

        __content_subtype__ = "proto"

        def encode(self, message: Any, message_type: Any) -> bytes:
            encoded: bytes = message
            return encoded

        def decode(self, data: bytes, message_type: Any) -> Any:
            return data

    async def ask() -> bytes:
        if address.startswith("unix:"):
            channel = Channel(path=address.removeprefix("unix:").removeprefix("//"), codec=Bytes())
        else:
            host, _, port = address.rpartition(":")
            if not host or not port.isdecimal():
                raise InvalidArgument(f'key provider "{name}" is at "{address}", which is no HOST:PORT')
            channel = Channel(host.strip("[]"), int(port), codec=Bytes())
        try:
            path = f"/keyprovider.KeyProviderService/{method}"
            async with channel.request(path, Cardinality.UNARY_UNARY, bytes, bytes, timeout=ANSWER_S) as stream:
                await stream.send_message(ProtocolInput(text=data).encode(), end=True)
                answer = await stream.recv_message()
        finally:
            channel.close()
        if answer is None:
            raise Unavailable(f'key provider "{name}" at {address} hung up without an answer')
        if len(answer) > _MOST_BYTES:
            raise ResourceExhausted(f'key provider "{name}" answers with more than {_MOST_BYTES} bytes')
        return ProtocolOutput.decode(answer).text

    try:
        return asyncio.run(asyncio.wait_for(ask(), ANSWER_S))
    except TimeoutError:
        raise _late(name) from None
    except GRPCError as error:
        raise Unknown(f'key provider "{name}" refuses: {error.message or error.status.name}') from None
    except (OSError, StreamTerminatedError) as error:
        raise Unavailable(f'key provider "{name}" at {address} cannot be reached: {error}') from None
    except ArgosyError:
        raise
    except ValueError as error:  # a message that is none
        raise Unknown(f'key provider "{name}" at {address} answers with something that is no message: {error}') from None
