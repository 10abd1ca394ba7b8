"""The services a client uses: a typed stub each, made at its first use, or whatever was put into its place.

A command that lists containers loads the messages of that service, and of no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

from argosy.errors import Internal
from argosy.names import LEASE_HEADER

if TYPE_CHECKING:
    from argosy_protos.argosy.content.v1 import IngestsStub
    from argosy_protos.argosy.diff.v1 import LayersStub
    from argosy_protos.argosy.plugins.v1 import PluginsStub
    from argosy_protos.argosy.policy.v1 import PolicyStub
    from argosy_protos.argosy.shims.v1 import ShimsStub
    from argosy_protos.argosy.transfer.v1 import DepotStub
    from argosy_protos.containerd.services.containers.v1 import ContainersStub
    from argosy_protos.containerd.services.content.v1 import ContentStub
    from argosy_protos.containerd.services.diff.v1 import DiffStub
    from argosy_protos.containerd.services.events.v1 import EventsStub
    from argosy_protos.containerd.services.images.v1 import ImagesStub
    from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub
    from argosy_protos.containerd.services.leases.v1 import LeasesStub
    from argosy_protos.containerd.services.mounts.v1 import MountsStub
    from argosy_protos.containerd.services.namespaces.v1 import NamespacesStub
    from argosy_protos.containerd.services.snapshots.v1 import SnapshotsStub
    from argosy_protos.containerd.services.streaming.v1 import StreamingStub
    from argosy_protos.containerd.services.tasks.v1 import TasksStub
    from argosy_protos.containerd.services.transfer.v1 import TransferStub
    from argosy_protos.containerd.services.version.v1 import VersionStub

    from argosy.rpc.blocking import BlockingChannel
    from argosy.rpc.channel import BoundChannel, Channel

T = TypeVar("T")


def present(part: T | None, what: str) -> T:
    """Return a part of an answer that its sender may leave out, as every message in a message. Raises Internal when it did."""
    if part is None:
        raise Internal(f"the daemon's answer is without {what}; it breaks containerd's contract")
    return part


class Services:
    """The services of one daemon. Each attribute is a stub, with a method for each of the service's methods.

    A method takes a request message and returns the answer, or iterates over answers; beside the request it takes
    ``timeout`` in seconds and ``metadata``. It raises what the daemon says, by the classes of ``argosy.errors``.
    """

    def __init__(self, channel: Channel | BoundChannel | BlockingChannel, **others: Any) -> None:
        """others are objects with a service's methods, by its name. Raises TypeError for a name that is no service's."""
        for name in others:
            if not isinstance(vars(Services).get(name), cached_property):
                raise TypeError(f'"{name}" is no service of a client')
        if "content" in others:
            # Where another store keeps its ingests is not known.
            others = {"ingests": None, **others}
        self._channel, self._others = channel, others
        self.lease = ""
        """The lease that every call is made under; "" is none that is known here."""
        vars(self).update(others)

    def replaced(self, **others: Any) -> Self:
        """Return these services with other objects in the place of some, by their names. Raises TypeError for a wrong name."""
        services = type(self)(self._channel, **{**self._others, **others})
        services.lease = self.lease
        return services

    def with_metadata(self, metadata: Mapping[str, str]) -> Self:
        """Return stubs that add metadata to every call; what is no stub stays as it is."""
        services = type(self)(self._channel.with_metadata(metadata), **self._others)
        services.lease = metadata.get(LEASE_HEADER, self.lease)
        return services

    @cached_property
    def namespaces(self) -> NamespacesStub:
        from argosy_protos.containerd.services.namespaces.v1 import NamespacesStub

        return NamespacesStub(self._channel)

    @cached_property
    def containers(self) -> ContainersStub:
        from argosy_protos.containerd.services.containers.v1 import ContainersStub

        return ContainersStub(self._channel)

    @cached_property
    def images(self) -> ImagesStub:
        from argosy_protos.containerd.services.images.v1 import ImagesStub

        return ImagesStub(self._channel)

    @cached_property
    def content(self) -> ContentStub:
        from argosy_protos.containerd.services.content.v1 import ContentStub

        return ContentStub(self._channel)

    @cached_property
    def snapshots(self) -> SnapshotsStub:
        from argosy_protos.containerd.services.snapshots.v1 import SnapshotsStub

        return SnapshotsStub(self._channel)

    @cached_property
    def diff(self) -> DiffStub:
        from argosy_protos.containerd.services.diff.v1 import DiffStub

        return DiffStub(self._channel)

    @cached_property
    def layers(self) -> LayersStub:
        """What the differ does beyond ``diff``, which a daemon of another make has not."""
        from argosy_protos.argosy.diff.v1 import LayersStub

        return LayersStub(self._channel)

    @cached_property
    def tasks(self) -> TasksStub:
        from argosy_protos.containerd.services.tasks.v1 import TasksStub

        return TasksStub(self._channel)

    @cached_property
    def shims(self) -> ShimsStub:
        from argosy_protos.argosy.shims.v1 import ShimsStub

        return ShimsStub(self._channel)

    @cached_property
    def streaming(self) -> StreamingStub:
        from argosy_protos.containerd.services.streaming.v1 import StreamingStub

        return StreamingStub(self._channel)

    @cached_property
    def transfer(self) -> TransferStub:
        from argosy_protos.containerd.services.transfer.v1 import TransferStub

        return TransferStub(self._channel)

    @cached_property
    def events(self) -> EventsStub:
        from argosy_protos.containerd.services.events.v1 import EventsStub

        return EventsStub(self._channel)

    @cached_property
    def leases(self) -> LeasesStub:
        from argosy_protos.containerd.services.leases.v1 import LeasesStub

        return LeasesStub(self._channel)

    @cached_property
    def mounts(self) -> MountsStub:
        from argosy_protos.containerd.services.mounts.v1 import MountsStub

        return MountsStub(self._channel)

    @cached_property
    def introspection(self) -> IntrospectionStub:
        from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub

        return IntrospectionStub(self._channel)

    @cached_property
    def version(self) -> VersionStub:
        from argosy_protos.containerd.services.version.v1 import VersionStub

        return VersionStub(self._channel)

    @cached_property
    def ingests(self) -> IngestsStub | None:
        """Where ingests of ``content`` can be written without it; None where that is not known."""
        from argosy_protos.argosy.content.v1 import IngestsStub

        return IngestsStub(self._channel)

    @cached_property
    def policy(self) -> PolicyStub:
        """The hooks and verifiers of a daemon of ours; another daemon has none, and says UNIMPLEMENTED."""
        from argosy_protos.argosy.policy.v1 import PolicyStub

        return PolicyStub(self._channel)

    @cached_property
    def plugins(self) -> PluginsStub:
        """Of a gateway of ours."""
        from argosy_protos.argosy.plugins.v1 import PluginsStub

        return PluginsStub(self._channel)

    def depot(self, name: str) -> DepotStub:
        """Return the depot of a name, a plugin of the daemon's."""
        from argosy_protos.argosy.transfer.v1 import DepotStub

        from argosy.names import DEPOT_HEADER

        return DepotStub(self._channel.with_metadata({DEPOT_HEADER: name}))
