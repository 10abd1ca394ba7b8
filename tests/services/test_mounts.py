"""containerd.services.mounts.v1.Mounts: a whole mesh and the kernel, asked by grpc's C core with Google's protobuf."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from argosy.kernel.mount import mount_all
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_all, unmount_tree
from argosy.mounts import Mount

from tests.harness.mesh import Mesh, eventually
from tests.storms.wire import Answer, Wire

pytestmark = pytest.mark.root
S = "X-containerd."
HELD = "held"
UNIMPLEMENTED = (grpc.StatusCode.UNIMPLEMENTED, "not implemented")


class Client(Wire):
    """One namespace's mounts, which a lease holds: nothing else would keep them from collection."""

    def hold(self) -> None:
        assert self.call("leases.v1.Leases/Create", id=HELD).ok

    def mounts(self, method: str, lease: str = "", **fields: Any) -> Answer:
        return self.call(f"mounts.v1.Mounts/{method}", lease=lease, **fields)

    def ask(
        self, name: str, mounts: Sequence[Mount], labels: Mapping[str, str] | None = None, temporary: bool = False,
        lease: str = HELD,
    ) -> Answer:  # fmt: skip
        wire = [{"type": m.type, "source": m.source, "options": m.options, "target": m.target} for m in mounts]
        return self.mounts("Activate", lease, name=name, mounts=wire, labels=labels or {}, temporary=temporary)

    def activate(self, *args: Any, **kwargs: Any) -> Any:
        answer = self.ask(*args, **kwargs)
        assert answer.ok, answer
        return answer.message.info

    def names(self, *filters: str) -> list[str]:
        answer = self.mounts("List", filters=filters)
        assert answer.ok, answer
        return [message.info.name for message in answer.messages]


def refusal(answer: Answer) -> tuple[Any, str]:
    return answer.code, answer.details


def answered(call: Callable[[], Answer]) -> Answer:
    """Return the first answer that is not said by a service that has just been killed."""
    answers: list[Answer] = []

    def ask() -> bool:
        answers.append(call())
        return answers[-1].code is not grpc.StatusCode.UNAVAILABLE

    eventually(ask)
    return answers[-1]


@pytest.fixture
def client(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[Client]:
    with Client(mesh.address, f"m{abs(hash(request.node.name)) % 10**9}") as found:
        found.hold()
        yield found
        for name in found.names():
            assert found.mounts("Deactivate", name=name).ok
    assert mounted(mesh) == []


@pytest.fixture
def own_mesh(short_path: Path) -> Iterator[Mesh]:
    """A mesh that can be stopped and killed."""
    mesh = Mesh(short_path)
    mesh.start()
    try:
        yield mesh
    finally:
        unmount_tree(str(mesh.state))  # of a test that failed
        mesh.destroy()


def mounted(mesh: Mesh) -> list[str]:
    """Return what is mounted for clients."""
    below = f"{mesh.state}/io.containerd.mount-manager.v1.bolt/"
    return [one.point for one in mount_points() if one.point.startswith(below)]


def directories(mesh: Mesh) -> list[str]:
    base = mesh.state / "io.containerd.mount-manager.v1.bolt/t"
    return [path.name for path in base.iterdir() if path.is_dir()] if base.exists() else []


def loops_of(image: Path) -> list[str]:
    """Return the loop devices that an image is attached to, as the kernel says."""
    found = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if path.read_text().strip() == str(image):
                found.append(path.parts[3])
        except OSError:
            pass  # it was let go of
    return found


@pytest.fixture
def low(short_path: Path) -> Path:
    """A directory with a file in it."""
    path = short_path / "low"
    path.mkdir()
    (path / "file").write_text("low")
    return path


@contextmanager
def mounted_at(point: Path, info: Any) -> Iterator[Path]:
    """Mount what an activation left to its caller."""
    point.mkdir(exist_ok=True)
    mount_all([Mount(m.type, m.source, tuple(m.options), m.target) for m in info.system], str(point))
    try:
        yield point
    finally:
        unmount_all(str(point))


def test_a_bind_below_an_overlay_is_made_and_the_overlay_is_left(
    mesh: Mesh, client: Client, low: Path, short_path: Path
) -> None:
    for name in ("upper", "work"):
        (short_path / name).mkdir()
    info = client.activate(
        "a", [
            Mount("bind", str(low), ("rbind", "ro")),
            Mount("format/overlay", "overlay", ("lowerdir={{ mount 0 }}", f"upperdir={short_path}/upper", f"workdir={short_path}/work")),
        ],
        {"containerd.io/x": "y"},
    )  # fmt: skip
    (active,) = info.active
    assert (active.mount.type, active.mount.source, list(active.mount.options)) == ("bind", str(low), ["rbind", "ro"])
    assert active.mount_point.startswith(str(mesh.state)) and active.mount_point.endswith("/1")
    assert active.mounted_at.seconds > 1_700_000_000
    assert mounted(mesh) == [os.path.realpath(active.mount_point)]
    (left,) = info.system
    assert (left.type, left.source, left.options[0]) == ("overlay", "overlay", f"lowerdir={active.mount_point}")
    with mounted_at(short_path / "point", info) as point:
        (point / "new").write_text("x")
        assert sorted(os.listdir(point)) == ["file", "new"]
    assert (short_path / "upper/new").read_text() == "x"
    assert client.mounts("Info", name="a").message.info == info, "as it was answered, and with its labels"
    assert dict(info.labels) == {"containerd.io/x": "y"} and info.name == "a"


def test_an_image_is_made_attached_mounted_and_let_go_of(mesh: Mesh, client: Client, short_path: Path) -> None:
    image = mesh.root / "rwlayer.img"
    made = [
        Mount("mkfs/ext4", str(image), (f"{S}mkfs.size=16MiB", f"{S}mkfs.uuid=01234567-89ab-cdef-0123-456789abcdef", "rw", "loop")),
        Mount("format/mkdir/bind", "{{ mount 0 }}/upper", (f"{S}mkdir.path={{{{ mount 0 }}}}/upper:0755", "rw", "rbind")),
    ]  # fmt: skip
    info = client.activate("image", made)
    assert list(info.active[0].mount.options) == ["rw", "loop"] and list(info.system[0].options) == ["rw", "rbind"]
    assert info.active[0].mount.type == "ext4" and info.system[0].type == "bind"
    found = image.stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (16 << 20, 0o640)
    assert len(loops_of(image)) == 1
    with mounted_at(short_path / "point", info) as point:
        assert stat.S_IMODE(point.stat().st_mode) == 0o755
        (point / "kept").write_text("x")
    assert client.mounts("Deactivate", name="image").ok
    eventually(lambda: loops_of(image) == [])
    assert mounted(mesh) == [] and directories(mesh) == []
    # What is there is never formatted.
    info = client.activate("image", made)
    assert (Path(info.active[0].mount_point) / "upper/kept").read_text() == "x"
    assert image.read_bytes()[1024 + 104 : 1024 + 120].hex() == "0123456789abcdef0123456789abcdef"


def test_layers_of_erofs_are_stacked_in_any_order(mesh: Mesh, client: Client, low: Path, short_path: Path) -> None:
    for name in ("1", "2"):
        (low / "file").write_text(name)
        subprocess.run(["mkfs.erofs", str(short_path / f"{name}.erofs"), str(low)], check=True, capture_output=True)
    layers = [Mount("erofs", f"{short_path}/{name}.erofs", ("ro", "loop")) for name in ("1", "2")]
    for order, topmost in (("0 1", "1"), ("1 0", "2")):
        info = client.activate("e", [*layers, Mount("format/overlay", "overlay", (f"lowerdir={{{{ overlay {order} }}}}",))])
        points = [active.mount_point for active in info.active]
        assert [Path(point).name for point in points] == ["2", "1"], "they are taken down in the order of their numbers"
        with mounted_at(short_path / "point", info) as point:
            assert (point / "file").read_text() == topmost
        assert client.mounts("Deactivate", name="e").ok
    # All of it, whichever the last one is: what a client gets is one bind.
    info = client.activate(
        "t", [*layers, Mount("format/overlay", "overlay", ("lowerdir={{ overlay 1 0 }}",))], temporary=True
    )
    assert [(m.type, m.source, list(m.options)) for m in info.system] == [("bind", info.active[2].mount_point, ["rbind"])]
    assert (Path(info.system[0].source) / "file").read_text() == "2"
    single = client.activate("s", [Mount("format/erofs", f"{short_path}/1.erofs", ("ro",))])
    assert len(single.active) == 1 and not single.system


def test_a_loop_device_outlives_its_maker_and_goes_with_its_activation(mesh: Mesh, client: Client, short_path: Path) -> None:
    image = short_path / "disk"
    image.write_bytes(bytes(1 << 20))
    info = client.activate("loop", [Mount("loop", str(image), ("ro",))])
    (device,) = loops_of(image)
    assert os.readlink(info.active[0].mount_point) == f"/dev/{device}"
    os.kill(mesh.services()["argosy-mounts"], 9)
    assert answered(lambda: client.mounts("Info", name="loop")).message.info == info
    assert loops_of(image) == [device]
    assert client.mounts("Deactivate", name="loop").ok
    eventually(lambda: loops_of(image) == [])


def test_what_is_nothing_for_a_manager_is_not_implemented(client: Client, low: Path) -> None:
    plain = [Mount("overlay", "overlay", (f"lowerdir={low}:{low}",))]
    assert refusal(client.ask("p", plain)) == UNIMPLEMENTED
    assert refusal(client.ask("p", [])) == UNIMPLEMENTED
    assert refusal(client.ask("p", [], temporary=True)) == UNIMPLEMENTED
    assert refusal(client.ask("p", [Mount("what/ever", "x")])) == UNIMPLEMENTED
    assert refusal(client.mounts("Update", info={"name": "p"})) == UNIMPLEMENTED


def test_errors_are_in_containerds_words(client: Client, low: Path) -> None:
    bind = [Mount("bind", str(low), ("ro",))]
    client.activate("a", bind, temporary=True)
    assert refusal(client.ask("a", bind, temporary=True)) == (grpc.StatusCode.ALREADY_EXISTS, 'mount "a": already exists')
    assert refusal(client.mounts("Info", name="x")) == (grpc.StatusCode.NOT_FOUND, 'mount "x" not found')
    assert refusal(client.mounts("Deactivate", name="x")) == (
        grpc.StatusCode.NOT_FOUND, 'missing mount "x" bucket: not found',
    )  # fmt: skip
    out_of_bounds = client.ask("b", [*bind, Mount("format/bind", "{{ mount 7 }}", ("ro",))])
    assert refusal(out_of_bounds) == (
        grpc.StatusCode.UNKNOWN,
        'template: :1:3: executing "" at <mount 7>: error calling mount: index out of bounds: 7, has 1 active mounts',
    )
    assert client.names() == ["a"], "what failed is not there"
    assert client.call("mounts.v1.Mounts/Info", ns="other", name="a").code is grpc.StatusCode.NOT_FOUND
    assert client.call("mounts.v1.Mounts/List", ns="other").messages == ()


def test_lists_are_of_a_namespace_and_filtered(client: Client, low: Path) -> None:
    bind = [Mount("bind", str(low), ("ro",))]
    for name, color in (("b", "red"), ("a", "blue"), ("c", "red")):
        client.activate(name, bind, {"color": color}, temporary=True)
    assert client.names() == ["a", "b", "c"]
    assert client.names("labels.color==red") == ["b", "c"]
    assert client.names("name==a", "name==c") == ["a", "c"]


def test_the_command_shows_them_and_takes_them_down(mesh: Mesh, client: Client, low: Path) -> None:
    info = client.activate("a b", [Mount("bind", str(low), ("ro",)), Mount("format/bind", "{{ mount 0 }}", ("ro",))])
    client.activate("none", [Mount("format/bind", str(low), ("ro",))])
    shown = mesh.argosy("mounts", "ls", namespace=client.namespace).ok().out
    assert f"a b   bind  {low}" in shown and info.active[0].mount_point in shown
    (one, two) = json.loads(mesh.argosy("-o", "json", "mounts", "ls", namespace=client.namespace).ok().out)
    assert (one["name"], one["at"], one["left"]) == (
        "a b",
        info.active[0].mount_point,
        [f"bind {info.active[0].mount_point}"],
    )
    assert (two["name"], two["at"]) == ("none", "")
    assert mesh.argosy("mounts", "rm", "a b", "none", namespace=client.namespace).ok().out.splitlines() == [
        "UNMOUNTED",
        "a b",
        "none",
    ]
    assert client.names() == []
    assert "no mounts" in mesh.argosy("mounts", "ls", namespace=client.namespace).ok().out
    assert 'missing mount "a b" bucket' in mesh.argosy("mounts", "rm", "a b", namespace=client.namespace).err


def test_collection_takes_down_what_nothing_refers_to(mesh: Mesh, client: Client, low: Path, image_archive: Path) -> None:
    ns, bind = client.namespace, [Mount("bind", str(low), ("ro",))]
    mesh.ctr("images", "import", str(image_archive), namespace=ns).ok()
    image = mesh.ctr("images", "ls", "-q", namespace=ns).ok().out.split()[0]
    mesh.ctr("containers", "create", image, "box", namespace=ns).ok()
    assert client.call("leases.v1.Leases/Create", id="l").ok
    bref = "containerd.io/gc.bref."
    kept: list[tuple[str, dict[str, str], str]] = [
        ("by lease", {}, "l"), ("by container", {f"{bref}container": "box"}, ""), ("by image", {f"{bref}image.x": image}, ""),
        ("by snapshot", {f"{bref}snapshot.overlayfs/x": "box"}, ""),
    ]  # fmt: skip
    for name, labels, lease in kept:
        client.activate(name, bind, labels, temporary=True, lease=lease)
    client.activate("alone", bind, temporary=True, lease="")
    client.activate("by nobody", bind, {f"{bref}container": "gone"}, temporary=True, lease="")
    mesh.argosy("gc").ok()
    assert client.names() == sorted(name for name, _, _ in kept)
    assert len(mounted(mesh)) == len(kept)
    # A lease's mounts are no resource that clients of containerd know.
    assert not client.call("leases.v1.Leases/ListResources", id="l").message.resources
    assert client.call("leases.v1.Leases/Delete", id="l", sync=True).ok
    mesh.ctr("containers", "rm", "box", namespace=ns).ok()
    mesh.ctr("images", "rm", image, namespace=ns).ok()
    mesh.argosy("gc").ok()
    assert client.names() == [] and mounted(mesh) == [] and directories(mesh) == []


def test_clients_find_it_by_containerds_ids(client: Client) -> None:
    listed = client.call("introspection.v1.Introspection/Plugins").message.plugins
    found = {(one.type.removeprefix("io.containerd."), one.id) for one in listed}
    assert found >= {
        ("mount-manager.v1", "bolt"),
        ("grpc.v1", "mounts"),
        ("mount-handler.v1", "erofs"),
        ("mount-handler.v1", "loop"),
    }


def test_what_somebody_else_unmounted_is_not_there_and_can_be_made_again(mesh: Mesh, client: Client, low: Path) -> None:
    bind = [Mount("bind", str(low), ("ro",))]
    info = client.activate("a", bind, temporary=True)
    unmount_all(info.active[0].mount_point)
    assert client.mounts("Info", name="a").code is grpc.StatusCode.NOT_FOUND and client.names() == []
    again = client.activate("a", bind, temporary=True)
    assert again.active[0].mount_point != info.active[0].mount_point, "a place is not given out twice"
    assert client.names() == ["a"]


def test_a_mesh_that_stops_leaves_mounts_and_one_that_was_killed_finds_them(own_mesh: Mesh, low: Path) -> None:
    mesh, bind = own_mesh, [Mount("bind", str(low), ("ro",))]
    with Client(mesh.address, "n") as client:
        client.hold()
        info = client.activate("kept", bind, temporary=True)
        mesh.argosy("gc").ok()
        client.activate("alone", bind, temporary=True, lease="")
    mesh.stop()
    assert len(mounted(mesh)) == 2
    mesh.start()
    with Client(mesh.address, "n") as client:
        assert client.mounts("Info", name="kept").message.info == info

        def collected() -> None:
            assert (client.names(), len(mounted(mesh))) == (["kept"], 1)

        eventually(collected)
        for service in ("gateway", "mounts"):
            os.kill(mesh.services()[f"argosy-{service}"], 9)
            assert answered(lambda: client.mounts("Info", name="kept")).message.info == info
        assert client.mounts("Deactivate", name="kept").ok
    assert mounted(mesh) == []
