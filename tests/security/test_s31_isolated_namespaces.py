"""S31: with the ``isolated`` policy a digest alone gives nothing; and every call needs a namespace that is one."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import pkgutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import argosy_protos
import pytest
from argosy.client import Client
from argosy.client.content import read_blob, write_blob
from argosy.client.services import present
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from argosy.names import NAMESPACE_HEADER
from argosy.rpc import Channel
from argosy_protos._service import ServiceBase
from argosy_protos.argosy.content.v1 import PlaceRequest
from argosy_protos.argosy.plugins.v1 import AddInterceptRequest, InterceptsStub, ListInterceptsRequest, Selector
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.diff import v1 as diff
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Descriptor, Mount
from argosy_protos.google.protobuf import FieldMask
from argosy_protos.grpc.reflection import v1 as reflection

from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root

# About the daemon, or about all namespaces, as in containerd.
WITHOUT = {
    "containerd.services.version.v1.Version",
    "containerd.services.introspection.v1.Introspection",
    "containerd.services.namespaces.v1.Namespaces",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "argosy.service.v1.Service",
    "argosy.plugins.v1.Plugins",
    # It names one in its messages.
    "argosy.plugins.v1.Intercepts",
    # A registry's tokens are of no namespace.
    "argosy.credentials.v1.Credentials",
}
WITHOUT_METHODS = {"/containerd.services.events.v1.Events/Subscribe", "/containerd.services.events.v1.Events/Forward"}
# containerd takes a stream without a namespace; a transfer, which has one, never finds it.
MAY_HAVE_ONE = {"/containerd.services.streaming.v1.Streaming/Stream"}
# Each is no name of a namespace; a slash or dots in one would be part of a plugin's keys and of paths.
NO_NAMESPACES = ["", "a/b", "../x", ".", "..", "-a", "a-", "a..b", "a" * 77, "ä", "a b", "a,b", "a\tb", "/", "a;b", "*"]


@pytest.fixture(scope="module")
def isolated() -> Iterator[Mesh]:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    (base / "mesh.toml").write_text('content_sharing_policy = "isolated"\n')
    mesh = Mesh(base, extra=["--config", str(base / "mesh.toml")])
    mesh.start()
    try:
        yield mesh
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()


def in_both(mesh: Mesh, work: Callable[[Client, Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Client(mesh.address, "owner") as owner, Client(mesh.address, "thief") as thief:
            await asyncio.wait_for(work(owner, thief), 60)

    asyncio.run(main())


async def said(stub: content.ContentStub, **fields: Any) -> content.WriteContentResponse:
    """Return the answer to one message of a write. Raises what it is answered with."""
    async with stub.write() as stream:
        await stream.send_message(content.WriteContentRequest(**fields))
        answer = await stream.recv_message()
        assert isinstance(answer, content.WriteContentResponse)
        return answer


def test_a_digest_gives_nothing_to_another_namespace(isolated: Mesh) -> None:
    """Not its size, its bytes, its labels; not by writing without sending; not through the differ; nor can it be deleted."""
    data = b"a secret of one namespace"
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"

    async def work(owner: Client, thief: Client) -> None:
        labels = {"containerd.io/gc.root": "x"}
        async with owner.lease() as services:
            await write_blob(services.content, "r", data, labels)
        stub = thief.services.content
        info = content.Info(digest=digest, labels={"a": "b"})
        for call in (
            lambda: stub.info(content.InfoRequest(digest=digest)),
            lambda: read_blob(stub, digest),
            lambda: stub.update(content.UpdateRequest(info=info, update_mask=FieldMask(paths=["labels.a"]))),
            lambda: stub.delete(content.DeleteContentRequest(digest=digest)),
            lambda: stub.status(content.StatusRequest(ref="r")),
            lambda: stub.abort(content.AbortRequest(ref="r")),
            lambda: present(thief.services.ingests, "a place").place(PlaceRequest(ref="r")),
        ):
            with pytest.raises(NotFound):
                await call()
        listed = [i async for reply in stub.list(content.ListContentRequest()) for i in reply.info]
        assert listed == []
        # An ingest that says which digest it will have starts empty, with the size or without.
        for i, total in enumerate((0, len(data))):
            answer = await said(stub, action=content.WriteAction.STAT, ref=f"w{i}", total=total, expected=digest)
            assert answer.offset == 0 and answer.digest != digest
        with pytest.raises(ArgosyError):
            await said(stub, action=content.WriteAction.COMMIT, ref="w2", total=len(data), expected=digest)
        with pytest.raises(NotFound):
            await stub.info(content.InfoRequest(digest=digest))
        # The differ sees what its caller may see.
        with tempfile.TemporaryDirectory() as place:
            apply = diff.ApplyRequest(
                diff=Descriptor(media_type="application/vnd.oci.image.layer.v1.tar", digest=digest, size=len(data)),
                mounts=[Mount(type="bind", source=place, options=["rbind", "rw"])],
            )
            with pytest.raises(NotFound):
                await thief.services.diff.apply(apply)
        # Who has the bytes may have them stored, and then both have them.
        async with thief.lease() as services:
            await write_blob(services.content, "own", data, labels)
        assert await read_blob(stub, digest) == data == await read_blob(owner.services.content, digest)

    in_both(isolated, work)


def test_snapshots_of_another_namespace_are_no_parents(isolated: Mesh) -> None:
    """Neither by their names nor by the keys that the plugin knows."""

    async def work(owner: Client, thief: Client) -> None:
        stub = owner.services.snapshots
        labels = {"containerd.io/gc.root": "x"}
        await stub.prepare(snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="a", labels=labels))
        await stub.commit(snapshots.CommitSnapshotRequest(snapshotter="overlayfs", key="a", name="base", labels=labels))
        other = thief.services.snapshots
        for parent in ("base", "owner/1/base", "owner/2/base", "../owner/2/base"):
            with pytest.raises(NotFound):
                await other.prepare(snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="b", parent=parent))
            for call in (other.stat, other.mounts, other.remove, other.usage):
                request: Any = {"stat": snapshots.StatSnapshotRequest, "mounts": snapshots.MountsRequest,
                                "remove": snapshots.RemoveSnapshotRequest, "usage": snapshots.UsageRequest}[call.__name__]  # fmt: skip
                with pytest.raises(NotFound):
                    await call(request(snapshotter="overlayfs", key=parent))
        found = [
            i async for reply in other.list(snapshots.ListSnapshotsRequest(snapshotter="overlayfs")) for i in reply.info
        ]
        assert found == []

    in_both(isolated, work)


def known_services() -> dict[str, type[ServiceBase]]:
    """Return every service that the generated package has a class for."""
    found: dict[str, type[ServiceBase]] = {}
    for module in pkgutil.walk_packages(argosy_protos.__path__, "argosy_protos."):
        if not module.name.rpartition(".")[2].startswith("_"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, ServiceBase) and "__service__" in vars(value):
                    found[value.__service__] = value
    return found


async def served(channel: Channel) -> list[str]:
    async with reflection.ServerReflectionStub(channel).server_reflection_info() as stream:
        await stream.send_message(reflection.ServerReflectionRequest(list_services=""))
        listed = present(await stream.recv_message(), "an answer").list_services_response
        return [s.name for s in present(listed, "a list").service]


def test_every_method_needs_a_namespace_that_is_one(mesh: Mesh) -> None:
    """Of every service on the main socket: without one FAILED_PRECONDITION, with what is none INVALID_ARGUMENT."""
    known = known_services()
    tried: list[str] = []

    async def refused(channel: Channel, method: Any, path: str, headers: dict[str, str]) -> ArgosyError | None:
        stream = channel.request(path, method.cardinality, bytes, bytes, timeout=10.0, metadata=headers)
        try:
            async with stream:
                await stream.send_message(b"", end=True)
                while await stream.recv_message() is not None:
                    pass
        except ArgosyError as error:
            return error
        return None

    async def main() -> None:
        channel = Channel(mesh.address, name="gateway")
        try:
            names = await served(channel)
            assert set(names) >= {"containerd.services.tasks.v1.Tasks", "containerd.services.containers.v1.Containers"}
            for service in names:
                if service in WITHOUT:
                    continue
                assert service in known, f"{service} is served and has no class here; add it to what is tried"
                for method in known[service].__methods__:
                    path = f"/{service}/{method.name}"
                    if path in WITHOUT_METHODS:
                        continue
                    error = await refused(channel, method, path, {})
                    if error is not None and type(error) is Unimplemented:
                        continue  # no such part yet
                    if path not in MAY_HAVE_ONE:
                        assert error is not None and type(error) is FailedPrecondition, (path, error)
                        assert "namespace" in error.message, (path, error.message)
                    tried.append(path)
                    for value in NO_NAMESPACES[1:] if path in MAY_HAVE_ONE else NO_NAMESPACES:
                        error = await refused(channel, method, path, {NAMESPACE_HEADER: value})
                        wanted = InvalidArgument if value else FailedPrecondition
                        assert error is not None and type(error) is wanted, (path, value, error)
        finally:
            channel.close()

    asyncio.run(main())
    assert len(tried) > 60, tried


def test_the_first_value_counts(mesh: Mesh) -> None:
    """A second header can't change whose call it is."""

    async def main() -> None:
        channel = Channel(mesh.address, name="gateway")
        try:
            doubled = [(NAMESPACE_HEADER, "first"), (NAMESPACE_HEADER, "default")]
            stub = content.ContentStub(channel)
            found = [i async for r in stub.list(content.ListContentRequest(), metadata=doubled) for i in r.info]
            assert found == []  # the image is in "default"
        finally:
            channel.close()

    asyncio.run(main())


def test_an_intercept_needs_a_namespace_that_is_one(mesh: Mesh) -> None:
    """It becomes a part of the rows' keys, and of an instance's name."""

    async def main() -> None:
        async with Channel(mesh.address, name="gateway") as channel:
            stub = InterceptsStub(channel)
            for value in NO_NAMESPACES:
                selector = Selector(plugin="overlayfs", namespace=value)
                with pytest.raises(InvalidArgument if value else FailedPrecondition, match="namespace"):
                    await stub.add(AddInterceptRequest(selector=selector, address=f"{mesh.base}/none.sock"))
            assert not (await stub.list(ListInterceptsRequest())).intercepts

    asyncio.run(main())
