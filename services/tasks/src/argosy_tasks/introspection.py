"""containerd.services.introspection.v1.Introspection, for the question that only the task manager can answer: what a runtime can do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument, Unimplemented
from argosy.typeurl import bare, pack
from argosy_protos._wire import DecodeError
from argosy_protos.containerd.services.introspection import v1 as p
from argosy_protos.containerd.types import RuntimeInfo, RuntimeRequest

from argosy_tasks.bootstrap import answered, run
from argosy_tasks.runtimes import Runtimes

_REQUEST: Final = "containerd.types.RuntimeRequest"
_INFO: Final = "containerd.types.RuntimeInfo"
_INFO_S: Final = 10.0


class Introspection(p.IntrospectionBase):
    """``PluginInfo`` with a RuntimeRequest."""

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes

    async def plugin_info(self, request: p.PluginInfoRequest) -> p.PluginInfoResponse:
        """Return the RuntimeInfo of the runtime that the options name, as its shim says it with ``-info``.

        Raises Unimplemented for other options, InvalidArgument, NotFound for a runtime that is not there, FailedPrecondition for
        one that can't be run, Unknown in the shim's own words, DeadlineExceeded. Cancellation: the shim ends within 10 s.
        """
        given = request.options
        if given is None or bare(given.type_url) != _REQUEST:
            raise Unimplemented(
                f'the task manager knows nothing of a "{given.type_url if given else ""}"; ask with a {_REQUEST} as the options'
            )
        try:
            asked = RuntimeRequest.decode(given.value)
        except DecodeError as error:
            raise InvalidArgument(f"the RuntimeRequest is malformed: {error}") from error
        binary = self._runtimes.resolve(asked.runtime_path)
        return p.PluginInfoResponse(extra=pack(_INFO, await _ask(binary, asked.options.encode() if asked.options else b"")))


async def _ask(binary: Path, options: bytes) -> RuntimeInfo:
    try:
        code, output, errors = await run([str(binary), "-info"], Path("/"), {}, options, _INFO_S)
    except OSError as error:
        raise FailedPrecondition(f"the shim {binary} can't be run: {error.strerror}; check what its file is") from error
    info: RuntimeInfo = answered(RuntimeInfo, f"{binary.name} -info", code, output, errors)
    return info
