"""Making a container: what its image says, a snapshot of it, a spec, and the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from argosy_protos.containerd.services.containers import v1 as p
from argosy_protos.containerd.services.images.v1 import GetImageRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy.client.connection import Client, Defaults
from argosy.client.images.authorizing import authorize
from argosy.client.images.documents import from_wire, layers_of, resolve
from argosy.client.jobs import both, together
from argosy.client.leftovers import remove_snapshot
from argosy.client.services import Services, present
from argosy.encryption.payload import Parameters
from argosy.errors import AlreadyExists, NotFound
from argosy.kernel.mount import temporary_mount
from argosy.labels import OWN_LABELS_HEADER, of_image
from argosy.mounts import Mount
from argosy.oci.image import Descriptor, Resolved, chain_ids
from argosy.oci.spec import Options, build
from argosy.oci.users import User
from argosy.oci.users import resolve as resolve_user
from argosy.typeurl import SPEC, pack_json

# A snapshotter that loses an image's layers while it is unpacked is given so many chances to have a container made.
_PREPARE_TRIES: Final = 3


def _look_up_user(mounts: Sequence[Mount], user: str) -> User:
    with temporary_mount(mounts, read_only=True) as root:
        return resolve_user(root, user)


async def user_of(mounts: Sequence[WireMount], user: str) -> User:
    """Return who a user is in the root file system that mounts make. Raises InvalidArgument, and what ``mount_all`` does."""
    # Not left alone when we are cancelled: it mounts, and has to unmount.
    return await anyio.to_thread.run_sync(_look_up_user, [Mount.from_wire(m) for m in mounts], user)


async def _look_up(client: Client, image: str) -> tuple[Descriptor, Resolved]:
    """Return an image's target, and what it says. Raises NotFound."""
    found = present((await client.services.images.get(GetImageRequest(name=image))).image, f'image "{image}"')
    target = from_wire(present(found.target, f'the target of image "{image}"'))
    return target, await resolve(client.services, target)


async def _prepare(
    services: Services,
    image: str,
    target: Descriptor,
    resolved: Resolved,
    snapshotter: str,
    key: str,
    keys: Parameters | None,
) -> list[WireMount]:
    """Prepare a snapshot of an image, unpacked first where it is not yet; return its mounts. Raises AlreadyExists, InvalidArgument."""
    chain = chain_ids(layers_of(resolved))
    request = snapshots.PrepareSnapshotRequest(snapshotter=snapshotter, key=key, parent=chain[-1])
    for tries_left in reversed(range(_PREPARE_TRIES)):
        try:
            return (await services.snapshots.prepare(request)).mounts
        except NotFound:
            if not tries_left:
                raise
            from argosy.client.images.unpacking import unpack  # most images are unpacked already

            # Not yet, or not any more: its snapshotter was emptied, replaced, or falls back on another that has not got the image.
            request.parent = await unpack(services, target, snapshotter, name=image, keys=keys)
    raise AssertionError("the last try returns, or raises")


async def _taken(services: Services, id: str, namespace: str) -> AlreadyExists | None:
    """Return what to say where there is a container of that id, and so its snapshot."""
    try:
        await services.containers.get(p.GetContainerRequest(id=id))
    except NotFound:
        return None
    return AlreadyExists(f'container "{id}" in namespace "{namespace}"')


async def create(
    client: Client, id: str, image: str, options: Options, *, snapshotter: str = "", runtime: str = "",
    runtime_options: AnyMessage | None = None, user: str = "", labels: Mapping[str, str] | None = None, snapshot_key: str = "",
    keys: Parameters | None = None, check_keys: bool = True,
) -> tuple[p.Container, list[WireMount]]:  # fmt: skip
    """Make what ``Container.create`` says; return the record, and the mounts that its snapshot was prepared with."""
    known: list[tuple[Defaults, Descriptor, Resolved]] = []
    looked = anyio.Event()

    async def look() -> None:
        defaults, (target, resolved) = await both(client.defaults, partial(_look_up, client, image))
        known.append((defaults, target, resolved))
        looked.set()

    # What is only read needs no lease, and does not wait for one.
    async with together() as group:
        group.start_soon(look)
        async with client.lease(linger=True) as services:
            await looked.wait()
            defaults, target, resolved = known[0]
            if check_keys:
                await authorize(services, image, resolved.manifest.layers, keys)
            chosen = snapshotter or defaults.snapshotter
            key = snapshot_key or id
            try:
                prepared = await _prepare(services, image, target, resolved, chosen, key, keys)
            except AlreadyExists as error:
                raise await _taken(services, id, client.namespace) or error from None
            try:
                config = resolved.config.config
                who = await user_of(prepared, user or config.user)
                spec = build(client.namespace, id, config, who, options)
                record = p.Container(
                    id=id,
                    labels={**of_image(config.labels), **(labels or {})},
                    image=image,
                    runtime=p.ContainerRuntime(name=runtime or defaults.runtime, options=runtime_options),
                    spec=pack_json(SPEC, spec),
                    snapshotter=chosen,
                    snapshot_key=key,
                )
                reply = await services.containers.create(
                    p.CreateContainerRequest(container=record), metadata={OWN_LABELS_HEADER: "1"}
                )
            except BaseException:
                await remove_snapshot(client.services, chosen, key)
                raise
    return present(reply.container, f'container "{id}"'), prepared
