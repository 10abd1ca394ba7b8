"""What a plugin says of itself to who asks: argosy.instance.v1.Instance/GetInfo.

Its author says more than its type by two attributes, where there is something to say: ``version``, or the ``__version__`` of its module, and
``capabilities``, a sequence of words. Its name is what whoever starts it says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from argosy_protos._service import ServiceBase
from argosy_protos.argosy.instance.v1 import GetInfoRequest, GetInfoResponse, InstanceBase

from argosy.plugin.content import ContentStore
from argosy.plugin.depots import Depot
from argosy.plugin.diff import Differ
from argosy.plugin.snapshots import Backend, Snapshotter
from argosy.rpc.server import Server, inline

_TYPES: Final[Sequence[tuple[type[Any], str]]] = (
    (Backend, "snapshot"),
    (Snapshotter, "snapshot"),
    (ContentStore, "content"),
    (Differ, "diff"),
    (Depot, "depot"),
    (ServiceBase, "service"),
)


def info_of(plugin: object, name: str = "") -> GetInfoResponse:
    """Return what a plugin is. name is what whoever starts it calls it; "" when that was not said. Raises TypeError for what is no plugin."""
    found = next((type for of, type in _TYPES if isinstance(plugin, of)), None)
    if found is None:
        raise TypeError(f"{plugin!r} is no snapshotter, content store, differ, depot or gRPC service")
    version = getattr(plugin, "version", None)
    if not isinstance(version, str):  # a service may have a method of that name
        version = getattr(sys.modules.get(type(plugin).__module__), "__version__", "")
    words = getattr(plugin, "capabilities", ())
    if isinstance(plugin, ServiceBase):
        found = type_of_service(type(plugin))
    return GetInfoResponse(
        type=found, name=name, version=str(version), capabilities=[] if callable(words) else [*map(str, words)],
        services=[plugin.__service__] if found == "service" and isinstance(plugin, ServiceBase) else [],
    )  # fmt: skip


def type_of_service(cls: type[ServiceBase]) -> str:
    """Return the type of plugin that a class of a gRPC service is: ``service``, unless it says otherwise in ``plugin_type``, as a hook does."""
    return str(getattr(cls, "plugin_type", "service"))


class Info(InstanceBase):
    """Answers what a plugin is, for one that takes part in no hand-over (``argosy.instance`` does both)."""

    def __init__(self, plugin: object, name: str = "") -> None:
        """As ``info_of``."""
        self._answer = info_of(plugin, name)

    def add(self, server: Server) -> None:
        """Answer it at a server, also while that drains."""
        server.add(self)
        server.always |= self.__mapping__().keys()

    @inline
    async def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return self._answer
