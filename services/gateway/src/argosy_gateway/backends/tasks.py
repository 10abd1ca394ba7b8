"""The task manager, forwarded to: for containers that exist, which is looked up in the rows."""

from __future__ import annotations

from typing import Any, Final

from argosy.errors import InvalidArgument, NotFound, ResourceExhausted
from argosy.fields import FLAT, count_in
from argosy.store.schema import Reader
from argosy_protos._service import ServiceBase
from argosy_protos._wire import DecodeError, rv, skip, text
from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub, PluginInfoRequest
from argosy_protos.containerd.services.tasks.v1 import TasksBase
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy_gateway.backends.hooks import PRE_RUN
from argosy_gateway.backends.policy import Policy
from argosy_gateway.backends.relays import Relay
from argosy_gateway.metadata import containers
from argosy_gateway.plugins.plugin import ANSWER_S, Plugin
from argosy_gateway.plugins.registry import Registry

_CONTAINER_ID: Final = 10  # field 1, length-delimited, in every request to the task manager about one container
# Mounts and annotations are some hundreds at most.
_MOST_FIELDS: Final = 8192
_ABOUT_ALL: Final = frozenset(("List", "Metrics"))


def _first_string(data: bytes) -> str:
    """Return field 1 of a message without decoding the rest. Raises InvalidArgument, ResourceExhausted."""
    if count_in(FLAT, data, _MOST_FIELDS) > _MOST_FIELDS:
        raise ResourceExhausted(f"the request has more than {_MOST_FIELDS} fields; send less at once")
    found, p = "", 0
    try:
        while p < len(data):
            t, p = rv(data, p)
            if t == _CONTAINER_ID:
                size, p = rv(data, p)
                found = text(data, p, p + size)
                p += size
            else:
                p = skip(data, p, t, len(data))
    except (DecodeError, IndexError) as error:
        raise InvalidArgument(f"the request is malformed: {error}") from error
    if p > len(data):
        raise InvalidArgument("the request is malformed: truncated")
    return found


async def runtime_info(registry: Registry, request: PluginInfoRequest) -> AnyMessage | None:
    """Return what the task manager says of the runtime in a question's options. Raises what it raises, Unimplemented, Unavailable."""
    async with registry.only("tasks").call(ANSWER_S) as channel:
        return (await IntrospectionStub(channel).plugin_info(request)).extra


class Tasks(Relay):
    """A service of the task manager: containerd.services.tasks.v1.Tasks, unless it is another one."""

    waits = Relay.waits | {"Hold"}

    def __init__(self, registry: Registry, reader: Reader, policy: Policy, service: type[ServiceBase] = TasksBase) -> None:
        super().__init__(service)
        self._registry, self._reader, self._policy = registry, reader, policy
        self._starts = service is TasksBase

    async def plugin(self, method: Any, namespace: str, message: bytes) -> Plugin:
        """Return the task manager, for a container that is there. Raises NotFound for another, and what hooks say of one that is to run."""
        plugin = self._registry.only("tasks")
        if method.name not in _ABOUT_ALL:
            id = _first_string(message)
            if not containers.exists(self._reader, namespace, id):
                raise NotFound(f'container "{id}" in namespace "{namespace}"')
            if self._starts and method.name == "Create" and self._policy.asks(PRE_RUN):
                await self._policy.before_run(namespace, id)
        return plugin
