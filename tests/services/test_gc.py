"""What the collector keeps and why: roots, edges, flat leases, back-references, expiry."""

from __future__ import annotations

from argosy_gateway.gc.graph import CONTENT, IMAGE, LEASE, SNAPSHOT, Node, World, mark
from argosy_gateway.gc.sweep import parse_time

PAST, FUTURE = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
NOW = 1_700_000_000 * 10**9
REF = "containerd.io/gc.ref."


def alive(world: World) -> set[Node]:
    return set(mark(world, NOW, parse_time))


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
