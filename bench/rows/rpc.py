"""Unary calls: what one costs, how many go through at once, and how many are durable a second."""

from __future__ import annotations

import itertools

from argosy_protos.containerd.services.containers.v1 import (
    Container,
    ContainerRuntime,
    CreateContainerRequest,
    GetContainerRequest,
)
from argosy_protos.containerd.services.images.v1 import CreateImageRequest, Image, ListImagesRequest
from argosy_protos.containerd.services.leases.v1 import CreateRequest as CreateLease
from argosy_protos.containerd.services.namespaces.v1 import CreateNamespaceRequest, ListNamespacesRequest, Namespace
from argosy_protos.containerd.types import Descriptor
from argosy_protos.google.protobuf import Any as AnyMessage

from bench.load import Generator
from bench.measure import Bench, Result, Series
from bench.sides import VERSION, Side

S = "/containerd.services"
CREATE_LEASE = f"{S}.leases.v1.Leases/Create"
CREATE_CONTAINER = f"{S}.containers.v1.Containers/Create"
CREATE_IMAGE = f"{S}.images.v1.Images/Create"
CREATE_NAMESPACE = f"{S}.namespaces.v1.Namespaces/Create"
GET_CONTAINER = f"{S}.containers.v1.Containers/Get"
_SPEC_BYTES = 3000
_NUMBERS = itertools.count()


def container(id: str, image: str = "example.com/image:0") -> bytes:
    """A Create request of a container with a spec of the usual size."""
    spec = AnyMessage(
        type_url="types.containerd.io/opencontainers/runtime-spec/1/Spec", value=b"{" + b" " * _SPEC_BYTES + b"}"
    )
    record = Container(id=id, image=image, runtime=ContainerRuntime(name="io.containerd.runc.v2"), spec=spec)
    return CreateContainerRequest(container=record).encode()


def image(name: str, digest: str = "sha256:" + "0" * 64) -> bytes:
    target = Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=digest, size=500)
    return CreateImageRequest(image=Image(name=name, target=target, labels={"a": "b"})).encode()


def lease() -> tuple[str, bytes]:
    return CREATE_LEASE, CreateLease(id=f"l{next(_NUMBERS)}").encode()


def prepare(load: Generator, namespace: str = "bench", images: int = 100, containers: int = 1) -> None:
    """A namespace with images and containers in it."""
    load([(CREATE_NAMESPACE, CreateNamespaceRequest(namespace=Namespace(name=namespace)).encode())], 1)
    made = [(CREATE_IMAGE, image(f"example.com/image:{n}")) for n in range(images)]
    made += [(CREATE_CONTAINER, container(f"c{n}")) for n in range(containers)]
    load(made, 1, at_once=32, namespace=namespace)


LIST_CONTAINERS = f"{S}.containers.v1.Containers/List"

READS: dict[str, tuple[str, bytes]] = {
    "Version": (VERSION, b""),
    "Namespaces.List": (f"{S}.namespaces.v1.Namespaces/List", ListNamespacesRequest().encode()),
    "Containers.Get": (GET_CONTAINER, GetContainerRequest(id="c0").encode()),
    "Images.List(100)": (f"{S}.images.v1.Images/List", ListImagesRequest().encode()),
}


def _each(bench: Bench, loads: dict[Side, Generator], what: str, calls: int) -> None:
    cpu: tuple[Series, Series] = (Series(), Series())

    def step(side: Side, n: int) -> float:
        plan = [lease() for _ in range(calls)] if what == "Leases.Create" else [READS[what]]
        before = side.cgroup.cpu_s()
        counted = loads[side](plan, 1 if len(plan) > 1 else calls)
        if n >= 0:
            cpu[0 if side is bench.ours else 1].values.append((side.cgroup.cpu_s() - before) / calls * 1e6)
        return counted["p50_s"] * 1e6

    ours, theirs = bench.turns(bench.rounds(9), step)
    bench.add(Result("unary", f"{what} p50", "us", ours, theirs, 1.2, 0.9))
    bench.add(Result("unary-cpu", f"{what} daemon", "us", *cpu, required=1.2, aim=0.9))


def unary(bench: Bench) -> None:
    loads = {side: Generator(side) for side in bench.sides}
    for load in loads.values():
        prepare(load)
    for what in (*READS, "Leases.Create"):
        calls = 200 if what in ("Images.List(100)", "Leases.Create") else 1000
        _each(bench, loads, what, calls)

    def crowd(side: Side, n: int) -> float:
        return loads[side]([READS["Version"], READS["Namespaces.List"], READS["Containers.Get"]], 1000, at_once=32)["per_s"]

    ours, theirs = bench.turns(bench.rounds(9), crowd)
    bench.add(Result("unary-32", "32 in flight", "calls/s", ours, theirs, 0.8, 1.2, higher_is_better=True))

    def leases(side: Side, n: int) -> float:
        return loads[side]([lease() for _ in range(1500)], 1, at_once=32)["per_s"]

    def containers(side: Side, n: int) -> float:
        return loads[side]([(CREATE_CONTAINER, container(f"w{next(_NUMBERS)}")) for _ in range(800)], 1, at_once=32)["per_s"]

    for what, step in (("Leases.Create", leases), ("Containers.Create", containers)):
        ours, theirs = bench.turns(bench.rounds(7), step)
        bench.add(Result("writes-32", f"{what} 32 in flight", "calls/s", ours, theirs, 2, 5, higher_is_better=True))
    for load in loads.values():
        load.close()
