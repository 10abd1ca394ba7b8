"""Starting a shim: what goes into its standard input and what comes out of it, in all three dialects.

Input by the shim's version (``-v``, asked once a binary): 2.3 and newer take BootstrapParams; older ones an Any of
the runtime options, or nothing. Output: a BootstrapResult, JSON, or a bare address, tried in that order.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy.errors import DeadlineExceeded, Unimplemented, Unknown
from argosy_protos._wire import DecodeError
from argosy_protos.containerd.runtime.bootstrap.v1 import BootstrapParams, BootstrapResult, Extension
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy_tasks import template
from argosy_tasks.bundle import Bootstrap, Bundle

_VERSION: Final = re.compile(r"Version:\s*v?(\d+)\.(\d+)")
_NEW_DIALECT: Final = (2, 3)
_START_TIMEOUT_S: Final = 60.0
HIGHEST_TASK_API: Final = 3


class Dialects:
    """The dialect that each shim binary speaks on ``start``; each is asked once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[bool, bool]] = {}

    async def of(self, binary: Path) -> tuple[bool, bool]:
        """Return whether a shim takes BootstrapParams, and whether it is ours. One that answers ``-v`` strangely is neither."""
        key = (str(binary), binary.stat().st_mtime_ns)
        if key not in self._known:
            code, output, _ = await run([str(binary), "-v"], Path("/"), {}, b"", 10.0)
            match = _VERSION.search(output.decode("utf-8", "replace"))
            ours = b"argosy" in output
            new = ours or (match is not None and (int(match[1]), int(match[2])) >= _NEW_DIALECT)
            self._known[key] = code == 0 and new, code == 0 and ours
        return self._known[key]


async def run(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: bytes, timeout: float
) -> tuple[int, bytes, bytes]:
    """Run a shim's command line to its end in a session of its own. Returns (code, output, errors).

    Raises DeadlineExceeded; the process is killed then.
    """

    def blocking() -> subprocess.CompletedProcess[bytes]:
        # subprocess closes every other descriptor of ours; a loop's own spawn leaves some open in the child, and a
        # shim that outlives its start would hold them, and us, for ever.
        return subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **env},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            start_new_session=True,
        )

    try:
        done = await asyncio.to_thread(blocking)
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded(f"{command[0]} {command[-1]} took longer than {timeout:g} s") from None
    return done.returncode, done.stdout, done.stderr


def parse_answer(output: bytes) -> Bootstrap:
    """Return where a shim listens, from what ``start`` printed. Raises Unknown, Unimplemented."""
    text = output.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            data = json.loads(text)
            found = Bootstrap(str(data["address"]), int(data["version"]), str(data.get("protocol") or "ttrpc"))
        except (ValueError, KeyError, TypeError):
            raise Unknown(f"the shim answered start with {text[:200]!r}, which is no bootstrap JSON") from None
    elif text.startswith(("unix://", "ttrpc+unix://", "/", "@")):
        found = Bootstrap(text)
    else:
        try:
            result = BootstrapResult.decode(output)
        except DecodeError:
            result = BootstrapResult()
        if not result.address:
            raise Unknown(f"the shim answered start with {text[:200]!r}, which names no address")
        found = Bootstrap(result.address, result.version, result.protocol or "ttrpc")
    if found.version > HIGHEST_TASK_API:
        raise Unimplemented(f"the shim speaks Task API {found.version}; {HIGHEST_TASK_API} is the newest known here")
    if found.protocol != "ttrpc":
        raise Unimplemented(f"the shim speaks {found.protocol}; only ttrpc is served here")
    return found


def answered(message: type[Any], command: str, code: int, output: bytes, errors: bytes) -> Any:
    """Return the message that a shim's binary wrote. Raises Unknown: it failed, or wrote something else."""
    if code:
        said = errors.decode("utf-8", "replace").strip()
        raise Unknown(f"{command} exited {code}: {said or 'without a word'}")
    try:
        return message.decode(output)
    except DecodeError as error:
        raise Unknown(f"{command} answered no {message.__name__}: {error}") from error


class Starter:
    """Runs shims' ``start`` and ``delete``."""

    def __init__(
        self, address: str, ttrpc_address: str, publish_binary: str, state: Path, sockets: Path, debug: bool
    ) -> None:
        self._address, self._ttrpc, self._publish = address, ttrpc_address, publish_binary
        self._debug = debug
        self._dialects = Dialects()
        self._env = {
            "TTRPC_ADDRESS": ttrpc_address,
            "GRPC_ADDRESS": address,
            "MAX_SHIM_VERSION": str(HIGHEST_TASK_API),
            "GOMAXPROCS": "2",
            # Ours alone: shims of other makes use their own directories.
            "ARGOSY_SHIM_SOCKET_DIR": str(sockets),
            "ARGOSY_RUNC_ROOT": str(state / "runc"),
        }

    def _command(self, binary: Path, bundle: Bundle, action: str) -> list[str]:
        command = [str(binary), "-namespace", bundle.namespace, "-address", self._address, "-publish-binary", self._publish]
        command += ["-id", bundle.id]
        if action == "delete":
            command += ["-bundle", str(bundle.path)]
        if self._debug:
            command.append("-debug")
        return [*command, action]

    async def start(self, binary: Path, bundle: Bundle, options: AnyMessage | None) -> Bootstrap:
        """Start a shim for bundle. Raises Unknown in the shim's own words, DeadlineExceeded."""
        new, ours = await self._dialects.of(binary)
        if new:
            stdin = BootstrapParams(
                instance_id=bundle.id,
                namespace=bundle.namespace,
                containerd_ttrpc_address=self._ttrpc,
                containerd_grpc_address=self._address,
                containerd_binary=self._publish,
                extensions=[Extension(value=options)] if options is not None and options.value else [],
            ).encode()
        else:
            stdin = options.encode() if options is not None and options.value else b""
        env = {**self._env, "NAMESPACE": bundle.namespace}
        command = self._command(binary, bundle, "start")
        answer = await self._ask_template(binary, command, bundle, env, stdin) if ours else None
        code, output, errors = answer or await run(command, bundle.path, env, stdin, _START_TIMEOUT_S)
        if code:
            said = (output + errors).decode("utf-8", "replace").strip()
            raise Unknown(f"failed to start shim: {binary.name} start exited {code}: {said or 'without a word'}")
        return parse_answer(output)

    @staticmethod
    async def _ask_template(
        binary: Path, command: Sequence[str], bundle: Bundle, env: Mapping[str, str], stdin: bytes
    ) -> tuple[int, bytes, bytes] | None:
        try:
            return await asyncio.to_thread(
                template.ask, binary, command, bundle.path, {**os.environ, **env}, stdin, _START_TIMEOUT_S
            )
        except TimeoutError:
            raise DeadlineExceeded(f"{command[0]} {command[-1]} took longer than {_START_TIMEOUT_S:g} s") from None

    async def delete(self, binary: Path, bundle: Bundle, timeout: float) -> Any:
        """Have a shim's binary clean up after a shim that is gone. Returns its DeleteResponse. Raises Unknown."""
        from argosy_protos.containerd.task.v2 import DeleteResponse

        env = {**self._env, "NAMESPACE": bundle.namespace}
        code, output, errors = await run(self._command(binary, bundle, "delete"), bundle.path, env, b"", timeout)
        return answered(DeleteResponse, f"{binary.name} delete", code, output, errors)
