"""What the collector keeps and why: roots, edges, flat leases, back-references, expiry; and how a kind joins."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from argosy_gateway.gc.graph import Facts, Node, mark
from argosy_gateway.gc.kinds import CONTAINER, CONTENT, IMAGE, INTENT, KINDS, LEASE, SNAPSHOT, Kind, Objects, Words, always
from argosy_gateway.gc.sweep import ask, sweep
from argosy_gateway.metadata import intents
from argosy_gateway.metadata.schema import MIGRATIONS
from argosy_protos.containerd.services.containers.v1 import Container
from argosy_protos.containerd.types import Descriptor, Sandbox

PAST, FUTURE = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
NOW = 1_700_000_000 * 10**9
REF = "containerd.io/gc.ref."

At = tuple[str, str]
Labels = Mapping[str, str]


@dataclass
class World:
    """What is in the database, by namespace and name; labels are those of the object."""

    images: dict[At, tuple[str, Labels]] = field(default_factory=dict)  # -> target, labels
    containers: dict[At, tuple[str, str, Labels]] = field(default_factory=dict)  # -> snapshotter, key, labels
    leases: dict[At, Labels] = field(default_factory=dict)
    resources: dict[At, list[tuple[str, str]]] = field(default_factory=dict)
    content: dict[At, Labels] = field(default_factory=dict)
    ingests: dict[At, tuple[str, int]] = field(default_factory=dict)  # -> expected digest, expire
    snapshots: dict[At, tuple[str, Labels]] = field(default_factory=dict)  # (ns, snapshotter/key) -> parent, labels
    sandboxes: dict[At, Labels] = field(default_factory=dict)

    def write(self, db: sqlite3.Connection) -> None:
        def insert(table: str, *row: object) -> None:
            db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

        for (ns, name), (target, labels) in self.images.items():
            insert("images", ns, name, Descriptor(digest=target).encode(), json.dumps(labels), 0, 0)
        for (ns, id), (snapshotter, key, labels) in self.containers.items():
            container = Container(id=id, snapshotter=snapshotter, snapshot_key=key, labels=dict(labels))
            insert("containers", ns, id, container.encode())
        for (ns, id), labels in self.leases.items():
            insert("leases", ns, id, json.dumps(labels), 0)
        for (ns, id), resources in self.resources.items():
            for resource in resources:
                insert("lease_resources", ns, id, *resource)
        for (ns, digest), labels in self.content.items():
            insert("content", ns, digest, 1, json.dumps(labels), 0, 0)
        for (ns, ref), (expected, expire) in self.ingests.items():
            insert("ingests", ns, ref, ref, expected, expire)
        for (ns, name), (parent, labels) in self.snapshots.items():
            snapshotter, key = name.split("/", 1)
            insert("snapshots", ns, snapshotter, key, snapshotter, name, parent, json.dumps(labels), 0, 0, "")
        for (ns, id), labels in self.sandboxes.items():
            insert("sandboxes", ns, id, Sandbox(sandbox_id=id, labels=dict(labels)).encode())


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with database() as opened:
        yield opened


def database() -> closing[sqlite3.Connection]:
    """Return an empty database of the newest schema."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    for migration in MIGRATIONS:
        for statement in migration.statements:
            made.execute(statement)
    return closing(made)


def alive(world: World) -> set[Node]:
    with database() as db:
        world.write(db)
        return set(mark(ask(db, NOW)))


def content(*keys: str, ns: str = "n") -> set[Node]:
    return {Node(CONTENT, ns, k) for k in keys}


def test_an_image_keeps_what_its_labels_lead_to() -> None:
    world = World(
        images={("n", "i"): ("m", {})},
        content={
            ("n", "m"): {REF + "content.config": "c", REF + "content.l.0": "l0", REF + "content/x": "l1"},
            ("n", "c"): {REF + "snapshot.overlayfs": "top"},
            ("n", "l0"): {}, ("n", "l1"): {}, ("n", "stray"): {},
        },
        snapshots={("n", "overlayfs/top"): ("base", {}), ("n", "overlayfs/base"): ("", {}), ("n", "overlayfs/stray"): ("", {})},
    )  # fmt: skip
    live = alive(world)
    assert content("m", "c", "l0", "l1") <= live and not content("stray") & live
    assert Node(SNAPSHOT, "n", "overlayfs/base") in live and Node(SNAPSHOT, "n", "overlayfs/stray") not in live


def test_names_that_only_look_like_references_are_none() -> None:
    world = World(
        images={("n", "i"): ("m", {REF + "contents": "x", REF + "contentfoo": "x"})},
        content={("n", "m"): {}, ("n", "x"): {}},
    )
    assert not content("x") & alive(world)


def test_references_do_not_cross_namespaces() -> None:
    world = World(images={("a", "i"): ("m", {})}, content={("a", "m"): {}, ("b", "m"): {}})
    assert alive(world) & (content("m", ns="a") | content("m", ns="b")) == content("m", ns="a")


def test_expired_images_and_leases_are_no_roots_and_nonsense_never_expires() -> None:
    expire = "containerd.io/gc.expire"
    world = World(
        images={
            ("n", "old"): ("a", {expire: PAST}),
            ("n", "new"): ("b", {expire: FUTURE}),
            ("n", "odd"): ("c", {expire: "soon"}),
        },
        leases={("n", "l1"): {expire: PAST}, ("n", "l2"): {expire: FUTURE}},
        resources={("n", "l1"): [("content", "d"), ("ingests", "r1")], ("n", "l2"): [("content", "e"), ("ingests", "r2")]},
        content={("n", k): {} for k in "abcde"},
        ingests={("n", "r1"): ("", 0), ("n", "r2"): ("", 0), ("n", "r3"): ("", NOW + 1), ("n", "r4"): ("", NOW - 1)},
    )
    live = alive(world)
    assert live & content(*"abcde") == content("b", "c", "e")
    assert Node(LEASE, "n", "l1") not in live and Node(LEASE, "n", "l2") in live
    assert {n.key for n in live if n.type == "ingest"} == {"r2", "r3"}


def test_a_flat_lease_keeps_the_thing_and_its_parents_but_not_what_it_refers_to() -> None:
    world = World(
        leases={("n", "l"): {"containerd.io/gc.flat": "x"}},
        resources={("n", "l"): [("content", "m"), ("snapshots/o", "top"), ("images", "i")]},
        content={("n", "m"): {REF + "content.0": "child"}, ("n", "child"): {}, ("n", "t"): {REF + "content.0": "child"}},
        snapshots={("n", "o/top"): ("base", {REF + "content.0": "child"}), ("n", "o/base"): ("", {})},
        images={("n", "i"): ("t", {"containerd.io/gc.expire": PAST})},
    )
    live = alive(world)
    assert content("m", "t") <= live and not content("child") & live
    assert {Node(SNAPSHOT, "n", "o/top"), Node(SNAPSHOT, "n", "o/base"), Node(IMAGE, "n", "i")} <= live
    # Reached both ways, it is kept both ways.
    world.images["n", "j"] = ("m", {})
    assert content("child") <= alive(world)


def test_a_back_reference_lives_while_its_parent_does() -> None:
    bref = "containerd.io/gc.bref.content"
    world = World(
        images={("n", "i"): ("m", {})}, content={("n", "m"): {}, ("n", "sig"): {bref: "m"}, ("n", "stray"): {bref: "gone"}}
    )
    assert content("m", "sig") == alive(world) & content("m", "sig", "stray")


def test_roots_by_label_containers_and_sandboxes() -> None:
    world = World(
        content={
            ("n", "a"): {"containerd.io/gc.root": "x"},
            ("n", "b"): {"containerd.io/gc.root.mine": "x"},
            ("n", "s"): {},
        },
        snapshots={("n", "o/k"): ("p", {}), ("n", "o/p"): ("", {}), ("n", "o/r"): ("", {"containerd.io/gc.root": "x"})},
        containers={("n", "c"): ("o", "k", {}), ("n", "bare"): ("", "", {REF + "content.0": "s"})},
        sandboxes={("n", "sb"): {REF + "snapshot.o/x": "nothing"}},
    )
    live = alive(world)
    assert content("a", "b", "s") <= live
    assert {Node(SNAPSHOT, "n", f"o/{k}") for k in "kpr"} <= live


def test_a_circle_ends() -> None:
    world = World(
        images={("n", "i"): ("a", {})}, content={("n", "a"): {REF + "content.0": "b"}, ("n", "b"): {REF + "content.0": "a"}}
    )
    assert content("a", "b") <= alive(world)


def test_what_is_being_made_is_kept(db: sqlite3.Connection) -> None:
    """An intent keeps what it makes and what that stands on, before anything refers to it."""
    World(
        content={("n", "c"): {}, ("n", "d"): {}},
        snapshots={("n", "o/k"): ("p", {}), ("n", "o/p"): ("", {}), ("n", "o/q"): ("", {})},
    ).write(db)
    intents.add(db, "snapshot", "o", "prepare", "n", {"key": "k"})
    intents.add(db, "content", "content", "commit", "n", {"digest": "c"})
    assert sweep(db, NOW) == {
        "content": [("n", "d")], "snapshot": [("n", "o", "q")], "image": [], "ingest": [], "lease": [], "mount": [],
    }  # fmt: skip


def test_one_is_told_what_keeps_a_thing(db: sqlite3.Connection) -> None:
    World(
        images={("n", "i"): ("m", {})},
        content={("n", "m"): {REF + "content.0": "l"}, ("n", "l"): {}, ("n", "r"): {"containerd.io/gc.root": "x"}},
    ).write(db)
    intents.add(db, "snapshot", "o", "prepare", "n", {"key": "k"})
    why = mark(ask(db, NOW))
    assert why[Node(CONTENT, "n", "l")] == (Node(CONTENT, "n", "m"), "")
    assert why[Node(CONTENT, "n", "m")] == (Node(IMAGE, "n", "i"), "")
    assert why[Node(IMAGE, "n", "i")] == (None, "an image")
    assert why[Node(CONTENT, "n", "r")] == (None, "labelled containerd.io/gc.root")
    by, _ = why[Node(SNAPSHOT, "n", "o/k")]
    assert by is not None and by.type == INTENT and why[by] == (None, "something that is being made")


def test_a_sweep_takes_a_lease_with_its_resources_and_never_a_container(db: sqlite3.Connection) -> None:
    World(
        leases={("n", "l"): {"containerd.io/gc.expire": PAST}},
        resources={("n", "l"): [("content", "c")]},
        content={("n", "c"): {}},
        containers={("n", "c"): ("o", "gone", {})},
        sandboxes={("n", "s"): {}},
    ).write(db)
    gone = sweep(db, NOW)
    assert gone["lease"] == [("n", "l")] and gone["content"] == [("n", "c")] and CONTAINER not in gone
    for table, left in (("leases", 0), ("lease_resources", 0), ("content", 0), ("containers", 1), ("sandboxes", 1)):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (left,), table


def test_an_expired_lease_is_not_kept_by_its_own_labels(db: sqlite3.Connection) -> None:
    labels = {"containerd.io/gc.expire": PAST, "containerd.io/gc.root": "x", "containerd.io/gc.bref.content": "c"}
    World(leases={("n", "l"): labels}, content={("n", "c"): {"containerd.io/gc.root": "x"}}).write(db)
    assert sweep(db, NOW)["lease"] == [("n", "l")]


# -- a kind that joins --


def _pods(db: sqlite3.Connection, words: Words) -> Objects:
    return {
        ("pod", ns, id, False): (((SNAPSHOT, ns, f"o/{snapshot}", False),) if snapshot else (), words.stored(labels)[1])
        for ns, id, snapshot, labels in db.execute("SELECT ns, id, snapshot, labels FROM pods")
    }


def _volumes(db: sqlite3.Connection, words: Words) -> Objects:
    return {
        ("volume", ns, f"{manager}/{id}", False): (((CONTENT, ns, digest, False),), Facts())
        for ns, manager, id, digest in db.execute("SELECT ns, manager, id, digest FROM volumes")
    }


# Pods live of themselves; volumes live by what names them. No other line says anything about either.
PODS = Kind("pod", _pods, always, "a pod")
VOLUMES = Kind(
    "volume", _volumes, lambda volumes, now_ns: (), "nothing", in_refs=True, in_back_refs=True, of_plugin=True, resource="volumes",
    bytes_in="volume", delete=("DELETE FROM volumes WHERE ns = ? AND manager = ? AND id = ?",),
)  # fmt: skip


def test_mounts_live_by_what_refers_to_them_alone(db: sqlite3.Connection) -> None:
    """No root label and no time keeps one: the lease that it was made under, a label of something alive, its own back references, an intent."""
    ref, bref = "containerd.io/gc.ref.mount", "containerd.io/gc.bref."
    World(
        containers={("n", "c"): ("", "", {ref: "by-ref", f"{ref}.x": "by-ref-x"})},
        images={("n", "i"): ("m", {})},
        content={("n", "m"): {}},
        leases={("n", "l"): {}},
        resources={("n", "l"): [("mounts", "by-lease")]},
    ).write(db)
    labels: dict[str, dict[str, str]] = {
        "by-ref": {}, "by-ref-x": {}, "by-lease": {}, "by-intent": {}, "by-container": {f"{bref}container.a": "c"},
        "by-image": {f"{bref}image": "i"}, "by-content": {f"{bref}content/x": "m"}, "alone": {},
        "rooted": {"containerd.io/gc.root": "now"}, "later": {"containerd.io/gc.expire": FUTURE}, "by-nothing": {f"{bref}container": "d"},
    }  # fmt: skip
    for name, given in labels.items():
        db.execute("INSERT INTO mounts VALUES ('n', ?, ?, ?, 0)", (name, f"n/1/{name}", json.dumps(given)))
    intents.add(db, "mounts", "bolt", "create", "n", {"name": "by-intent", "backend": "n/1/by-intent", "lease": ""})
    gone = sweep(db, NOW)
    assert sorted(name for _, name in gone["mount"]) == ["alone", "by-nothing", "later", "rooted"]
    assert {row[0] for row in db.execute("SELECT name FROM mounts")} == labels.keys() - {
        "alone",
        "by-nothing",
        "later",
        "rooted",
    }


def test_a_kind_joins_with_one_row(db: sqlite3.Connection) -> None:
    """It is a root, refers to content, snapshots and another new kind, is held by a lease and a container, and is swept."""
    db.execute("CREATE TABLE pods (ns TEXT, id TEXT, snapshot TEXT, labels TEXT)")
    db.execute("CREATE TABLE volumes (ns TEXT, manager TEXT, id TEXT, digest TEXT)")
    World(
        content={("n", k): {} for k in "abcdex"} | {("n", "child"): {"containerd.io/gc.bref.volume.m": "by-pod"}},
        snapshots={("n", "o/top"): ("base", {}), ("n", "o/base"): ("", {}), ("n", "o/stray"): ("", {})},
        leases={("n", "l"): {}},
        resources={("n", "l"): [("volumes/m", "by-lease"), ("volumes", "no-manager")]},
        containers={("n", "c"): ("", "", {REF + "volume.m/rootfs": "by-container"})},
    ).write(db)
    labels = {REF + "volume.m": "by-pod", REF + "content.0": "a"}
    db.execute("INSERT INTO pods VALUES ('n', 'p', 'top', ?)", (json.dumps(labels),))
    for id, digest in (("by-pod", "b"), ("by-lease", "c"), ("by-container", "d"), ("stray", "x"), ("no-manager", "e")):
        db.execute("INSERT INTO volumes VALUES ('n', 'm', ?, ?)", (id, digest))
    gone = sweep(db, NOW, (*KINDS, PODS, VOLUMES))
    assert gone["volume"] == [("n", "m", "stray"), ("n", "m", "no-manager")] and "pod" not in gone
    assert set(gone["content"]) == {("n", "x"), ("n", "e")} and gone["snapshot"] == [("n", "o", "stray")]
    assert [id for (id,) in db.execute("SELECT id FROM volumes")] == ["by-pod", "by-lease", "by-container"]
    assert VOLUMES.leaves_bytes_in("volume", "m", gone["volume"]) and not VOLUMES.leaves_bytes_in(
        "volume", "o", gone["volume"]
    )
    # Without its row nobody knows it, and nothing of it is touched.
    assert "volume" not in sweep(db, NOW)
    assert db.execute("SELECT count(*) FROM volumes").fetchone() == (3,)
