"""Our .proto files say what Debian's say: packages, services, method kinds, messages, fields, numbers, types."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

GOCODE = Path("/usr/share/gocode/src")
CONTAINERD = GOCODE / "github.com/containerd/containerd"
F = descriptor_pb2.FieldDescriptorProto

# What 1.6 has and the contract no longer does, or has elsewhere.
MOVED = {
    "containerd.services.events.v1.Envelope": "containerd.types.Envelope",
    "containerd.services.events.ttrpc.v1.Envelope": "containerd.types.Envelope",
}
GONE = {"containerd.runtime.linux.shim.v1", "containerd.linux.runc", "containerd.plugin"}
# Debian's package declares these under a name that is not on the wire.
PACKAGES = {"containerd.services.ttrpc.events.v1": "containerd.services.events.ttrpc.v1"}


def ours() -> descriptor_pb2.FileDescriptorSet:
    return descriptor_pb2.FileDescriptorSet.FromString(files("argosy_protos").joinpath("descriptors.pb").read_bytes())


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> descriptor_pb2.FileDescriptorSet:
    """Debian's files, compiled by protoc. The gogo options they carry are no part of the wire."""
    if not CONTAINERD.exists():
        pytest.fail("golang-github-containerd-containerd-dev is not installed; run ./run setup")
    scratch = tmp_path_factory.mktemp("protos")
    names = []
    for source in sorted([*CONTAINERD.rglob("*.proto"), *(GOCODE / "github.com/containerd/cgroups").rglob("*.proto")]):
        target = scratch / source.relative_to(GOCODE)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text().replace("import weak", "import")
        target.write_text(text)
        names.append(str(target.relative_to(scratch)))
    gogo = GOCODE / "github.com/gogo/protobuf"
    (scratch / "gogoproto").mkdir()
    (scratch / "gogoproto/gogo.proto").write_text((gogo / "gogoproto/gogo.proto").read_text())
    (scratch / "github.com/gogo/protobuf/gogoproto").mkdir(parents=True)
    (scratch / "github.com/gogo/protobuf/gogoproto/gogo.proto").write_text(
        'syntax = "proto2"; import public "gogoproto/gogo.proto";'
    )
    # A file of Google's that the package only refers to.
    (scratch / "google/rpc").mkdir(parents=True)
    status = Path(__file__).parents[2] / "protos/proto/google/rpc/status.proto"
    (scratch / "google/rpc/status.proto").write_text(status.read_text())
    out = scratch / "all.pb"
    done = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{scratch}", f"-I{_google()}", f"--descriptor_set_out={out}", *names],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def _google() -> str:
    import grpc_tools

    return str(Path(grpc_tools.__file__).parent / "_proto")


def messages(files: descriptor_pb2.FileDescriptorSet) -> dict[str, descriptor_pb2.DescriptorProto]:
    found: dict[str, descriptor_pb2.DescriptorProto] = {}

    def walk(prefix: str, items) -> None:  # type: ignore[no-untyped-def] # protobuf containers are untyped
        for m in items:
            found[f"{prefix}.{m.name}"] = m
            walk(f"{prefix}.{m.name}", m.nested_type)

    for file in files.file:
        walk(file.package, file.message_type)
    return found


def enums(files: descriptor_pb2.FileDescriptorSet) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for file in files.file:
        for e in file.enum_type:
            found[f"{file.package}.{e.name}"] = {v.name: v.number for v in e.value}
    return found


def here(name: str) -> str:
    """Where the contract has what Debian's files call name."""
    name = name.lstrip(".")
    for package, real in PACKAGES.items():
        if name.startswith(package + "."):
            name = real + name[len(package) :]
    return MOVED.get(name, name)


def relevant(files: descriptor_pb2.FileDescriptorSet) -> descriptor_pb2.FileDescriptorSet:
    kept = descriptor_pb2.FileDescriptorSet()
    kept.file.extend(
        f for f in files.file if f.package not in GONE and not f.package.startswith("google") and f.package != "gogoproto"
    )
    return kept


def test_every_message_of_debians_is_ours_with_the_same_fields(theirs: descriptor_pb2.FileDescriptorSet) -> None:
    mine = messages(ours())
    compared = 0
    for name, message in messages(relevant(theirs)).items():
        if here(name) not in mine:
            pytest.fail(f"{name} is not in our files")
        own = {f.name: f for f in mine[here(name)].field}
        for field in message.field:
            compared += 1
            assert field.name in own, f"{name}.{field.name} is not in our files"
            got = own[field.name]
            want = (field.number, field.label, field.type, here(field.type_name))
            assert (got.number, got.label, got.type, got.type_name.lstrip(".")) == want, f"{name}.{field.name}"
    assert compared > 500


def test_every_service_of_debians_is_ours_with_the_same_methods(theirs: descriptor_pb2.FileDescriptorSet) -> None:
    mine = {f"{f.package}.{s.name}": {m.name: m for m in s.method} for f in ours().file for s in f.service}
    compared = 0
    for file in relevant(theirs).file:
        for service in file.service:
            own = mine[here(f"{file.package}.{service.name}")]
            for method in service.method:
                compared += 1
                got = own[method.name]
                assert (got.client_streaming, got.server_streaming) == (method.client_streaming, method.server_streaming)
                assert got.input_type.lstrip(".") == here(method.input_type), method.name
                assert got.output_type.lstrip(".") == here(method.output_type), method.name
    assert compared > 80


def test_every_enum_of_debians_is_ours_with_the_same_numbers(theirs: descriptor_pb2.FileDescriptorSet) -> None:
    """Old files spell some values differently; on the wire there are numbers only."""
    mine = enums(ours())
    for name, values in enums(relevant(theirs)).items():
        assert set(values.values()) <= set(mine[here(name)].values()), name
