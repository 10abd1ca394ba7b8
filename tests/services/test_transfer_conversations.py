"""Whole conversations of containerd's 2.x tools, message by message: their bytes are written here by field numbers, not by our own classes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.transfer import Opened, Tool

pytestmark = pytest.mark.root

TYPES = "containerd.types.transfer."


def number(n: int) -> bytes:
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(n: int, value: bytes | str | int | bool) -> bytes:
    """Return one field as it stands on the wire; what is empty is not there."""
    if not value:
        return b""
    if isinstance(value, int):
        return number(n << 3) + number(int(value))
    data = value.encode() if isinstance(value, str) else value
    return number(n << 3 | 2) + number(len(data)) + data


def wrapped(n: int, *fields: bytes) -> bytes:
    """Return a message in a message, which is there though it may be empty."""
    body = b"".join(fields)
    return number(n << 3 | 2) + number(len(body)) + body


def any_of(n: int, name: str, *fields: bytes) -> bytes:
    return wrapped(n, field(1, TYPES + name), field(2, b"".join(fields)))


HOST = field(1, "linux") + field(2, "amd64")
UNPACK = wrapped(10, wrapped(1, HOST))
EXPIRES = "containerd.io/gc.expire"


class Talk(Tool):
    """One command: the server is asked who it is, a lease is made, and goes at the end."""

    def raw(self, path: str, message: bytes = b"") -> bytes:
        call = self.channel.unary_unary(path, lambda data: data, lambda data: data)
        answer: bytes = call(message, metadata=self.metadata(), timeout=60)
        return answer

    @contextmanager
    def command(self) -> Iterator[None]:
        assert self.raw("/containerd.services.introspection.v1.Introspection/Server") != b""
        day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
        id = f"{time.time_ns() % 1_000_000_000}-AbC_"
        self.raw("/containerd.services.leases.v1.Leases/Create", field(1, id) + wrapped(3, field(1, EXPIRES), field(2, day)))
        self.lease = id
        yield
        self.raw("/containerd.services.leases.v1.Leases/Delete", field(1, id))
        self.lease = ""

    def moved(self, source: bytes, destination: bytes, progress: str = "") -> None:
        """Ask for a transfer. Its answer is google.protobuf.Empty, which has no bytes."""
        options = wrapped(3, field(1, progress)) if progress else b""
        assert self.raw("/containerd.services.transfer.v1.Transfer/Transfer", source + destination + options) == b""

    def begin(self, kind: str) -> Opened:
        """Open a stream with the bytes of a StreamInit; the acknowledgement is an Any of Empty under its bare name."""
        id = f"{kind}-{time.time_ns() % 1_000_000_000}-_IC-"
        init = AnyMessage(type_url="containerd.services.streaming.v1.StreamInit", value=field(1, id))
        found = Opened(self, id, init)
        assert found.ack.encode() == field(1, "google.protobuf.Empty")
        self._opened.append(found)
        return found


def stream_events(tool: Talk, stream: Opened) -> list[p.Progress]:
    """Read progress until the server ends the call, which it does when the transfer is over."""
    found: list[p.Progress] = []

    def read() -> None:
        for message in stream.rest():
            assert message.type_url == TYPES + "Progress"
            found.append(p.Progress.decode(message.value))

    tool.watching = tool.beside(read)
    return found


@pytest.fixture
def talk(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[Talk]:
    with Talk(mesh.address, f"w{abs(hash(request.node.name)) % 10**9}") as found:
        yield found


@pytest.fixture
def pushed(mesh: Mesh, registry: str) -> str:
    name = f"{registry}/library/box:1"
    mesh.ctr("images", "tag", "--force", IMAGE, name).ok()
    mesh.argosy("push", "--plain-http", name).ok()
    return name


def listed(mesh: Mesh, talk: Talk) -> set[str]:
    return set(mesh.ctr("images", "ls", "-q", namespace=talk.namespace).ok().out.split())


def pulled(talk: Talk, name: str, *, all_platforms: bool = False) -> list[p.Progress]:
    """``ctr images pull NAME``, with or without ``--all-platforms``."""
    with talk.command():
        progress, creds = talk.begin("progress"), talk.begin("creds")
        events = stream_events(talk, progress)
        source = any_of(1, "OCIRegistry", field(1, name), wrapped(2, field(1, creds.id)))
        only = b"" if all_platforms else wrapped(3, HOST)
        store = any_of(2, "ImageStore", field(1, name), only, field(4, True), b"" if all_platforms else UNPACK)
        talk.moved(source, store, progress.id)
        talk.watching.join(10)
        assert not talk.watching.is_alive()
    return events


@pytest.mark.parametrize("all_platforms", [False, True])
def test_ctr_images_pull(mesh: Mesh, talk: Talk, pushed: str, all_platforms: bool) -> None:
    events = [one.event for one in pulled(talk, pushed, all_platforms=all_platforms)]
    assert events[:3] == [
        f"Resolving from OCI Registry ({pushed})",
        f"Pulling from OCI Registry ({pushed})",
        "fetching image content",
    ]
    # ctr draws the last line with what is said of a blob after it.
    assert events[-3:] == ["saved", f"Completed pull from OCI Registry ({pushed})", "complete"]
    assert ("extracted" in events) == (not all_platforms)
    assert listed(mesh, talk) == {pushed}


def test_ctr_images_push(mesh: Mesh, talk: Talk, pushed: str, registry: str) -> None:
    pulled(talk, pushed)
    target = f"{registry}/pushed/box:2"
    with talk.command():
        progress, creds = talk.begin("progress"), talk.begin("creds")
        events = stream_events(talk, progress)
        store = any_of(1, "ImageStore", field(1, pushed), wrapped(3, HOST))
        talk.moved(store, any_of(2, "OCIRegistry", field(1, target), wrapped(2, field(1, creds.id))), progress.id)
        talk.watching.join(10)
    said = [one.event for one in events]
    assert said[0] == f"Pushing to OCI Registry ({target})" and said[-3:-1] == [
        "pushed content",
        f"Completed push to OCI Registry ({target})",
    ]
    assert said[-1] == "complete"
    pulled(talk, target)
    assert listed(mesh, talk) == {pushed, target}


def test_ctr_images_tag(mesh: Mesh, talk: Talk, pushed: str) -> None:
    pulled(talk, pushed)
    with talk.command():
        for name in ("a/b:1", "a/b:2"):
            talk.moved(any_of(1, "ImageStore", field(1, pushed)), any_of(2, "ImageStore", field(1, name)))
    assert listed(mesh, talk) == {pushed, "a/b:1", "a/b:2"}


def saved(talk: Talk, name: str) -> bytes:
    """``ctr images export FILE NAME`` and ``nerdctl save``."""
    got = bytearray()
    with talk.command():
        progress = talk.begin("progress")
        stream_events(talk, progress)
        id, _ = talk.receiving(got)
        store = any_of(1, "ImageStore", wrapped(6, field(1, name)))
        talk.moved(store, any_of(2, "ImageExportStream", field(1, id), wrapped(3, HOST)), progress.id)
        return bytes(got)  # ctr ends here, whatever is under way


def loaded(talk: Talk, data: bytes, *store: bytes) -> list[p.Progress]:
    with talk.command():
        progress = talk.begin("progress")
        events = stream_events(talk, progress)
        source = any_of(1, "ImageImportStream", field(1, talk.sending(data)))
        talk.moved(source, any_of(2, "ImageStore", *store), progress.id)
        talk.watching.join(10)
    return events


def test_ctr_images_export_and_import(mesh: Mesh, talk: Talk, pushed: str, tmp_path: Path) -> None:
    pulled(talk, pushed)
    data = saved(talk, pushed)
    mesh.ctr("images", "rm", pushed, namespace=talk.namespace).ok()
    prefix = wrapped(6, field(1, "import-2026-11-26"), field(2, True), field(3, True))
    events = loaded(talk, data, wrapped(3, HOST), prefix, UNPACK)
    assert [one.event for one in events if not one.name] == ["Importing", "Completed import"]
    assert [one.name for one in events if one.event == "saved"] == [pushed] and listed(mesh, talk) == {pushed}
    archive = tmp_path / "exported.tar"
    archive.write_bytes(data)
    assert pushed in mesh.ctr("images", "import", str(archive), namespace=f"{talk.namespace}x").ok().out, (
        "stock ctr reads it, too"
    )


def test_nerdctl_save_load_and_tag(mesh: Mesh, talk: Talk, image_archive: Path, pushed: str) -> None:
    first = wrapped(6, field(1, "import"), field(2, True), field(3, True), field(4, True), field(5, True))
    second = wrapped(6, field(1, "import-2026-11-26"), field(2, True), field(3, True))
    events = loaded(talk, image_archive.read_bytes(), wrapped(3, HOST), first, second, UNPACK)
    assert IMAGE in [one.name for one in events if one.event == "saved"]
    assert IMAGE in listed(mesh, talk)
    again = loaded(talk, saved(talk, IMAGE), wrapped(3, HOST), first, second, UNPACK)
    assert IMAGE in [one.name for one in again if one.event == "saved"]
    talk.moved(any_of(1, "ImageStore", field(1, IMAGE)), any_of(2, "ImageStore", field(1, "docker.io/library/t:1")))
    assert "docker.io/library/t:1" in listed(mesh, talk)


def test_nerdctl_pull_tries_plain_http_and_asks_for_the_image(mesh: Mesh, talk: Talk, pushed: str) -> None:
    """It names each platform twice, once with a feature, and unpacks one of them."""
    with talk.command():
        progress, creds = talk.begin("progress"), talk.begin("creds")
        stream_events(talk, progress)
        source = any_of(1, "OCIRegistry", field(1, pushed), wrapped(2, field(1, creds.id), field(4, "http")))
        both = wrapped(3, HOST) + wrapped(3, HOST, field(5, "erofs"))
        talk.moved(source, any_of(2, "ImageStore", field(1, pushed), both, UNPACK), progress.id)
        talk.watching.join(10)
        assert pushed.encode() in talk.raw("/containerd.services.images.v1.Images/Get", field(1, pushed))
    mesh.argosy("gc").ok()
    run = mesh.ctr("run", "--rm", pushed, f"run-{talk.namespace}", "echo", "it runs", namespace=talk.namespace)
    assert run.ok().out == "it runs\n"


def test_nothing_of_a_conversation_is_left(mesh: Mesh, talk: Talk, pushed: str) -> None:
    pulled(talk, pushed)
    mesh.ctr("images", "rm", pushed, namespace=talk.namespace).ok()

    def nothing() -> None:
        mesh.argosy("gc").ok()
        for kind in (("content", "ls", "-q"), ("leases", "ls", "-q"), ("content", "active")):
            out = mesh.ctr(*kind, namespace=talk.namespace).out.splitlines()
            assert [line for line in out if not line.startswith("REF")] == []
        assert mesh.ctr("snapshots", "ls", namespace=talk.namespace).out.splitlines()[1:] == []

    eventually(nothing)
