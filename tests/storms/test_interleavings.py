"""Calls made at the same time, against a model: what came back, and what is there afterwards, fits some order of them.

The model is a pure function of one call on one state. A step makes up to three calls at once; of all orders in which they
might have happened those stay that explain every answer, and one of them must end in what is seen over the wire.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import grpc
import hypothesis.strategies as st
import pytest
from argosy.testkit.registry import running_registry
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.harness.mesh import Mesh
from tests.storms import images
from tests.storms.test_acknowledged import surely
from tests.storms.wire import ALREADY_EXISTS, FAILED_PRECONDITION, NOT_FOUND, OK, Wire
from tests.storms.workers.worker import CONTENTS, EXPIRE, IMAGES, LEASES, NAMESPACES, SNAPSHOTS

pytestmark = [pytest.mark.root, pytest.mark.timeout(1800)]

INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT
KEYS: Final = ("a", "b", "c", "d")
KEPT, PASSING = "kept", "passing"
KINDS: Final = {1: "view", 2: "active", 3: "committed"}


@dataclass(frozen=True)
class State:
    """Snapshots of one snapshotter in one namespace, and the leases that hold them."""

    snapshots: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """key -> kind, parent"""
    held: frozenset[tuple[str, str]] = frozenset()
    """lease, key; also of keys that are not there"""
    leases: frozenset[str] = frozenset({KEPT})

    def without(self, key: str) -> dict[str, tuple[str, str]]:
        return {k: v for k, v in self.snapshots.items() if k != key}

    def collected(self) -> State:
        """What a collection leaves: what a lease holds, and its parents."""
        alive: set[str] = set()
        for lease, key in self.held:
            while lease in self.leases and key in self.snapshots and key not in alive:
                alive.add(key)
                key = self.snapshots[key][1]
        return replace(self, snapshots={k: v for k, v in self.snapshots.items() if k in alive})


@dataclass(frozen=True)
class Op:
    """One call."""

    verb: str
    key: str = ""
    other: str = ""
    """The parent of a new one, or the name that a Commit gives."""
    lease: str = KEPT


Code = Any


def happens(state: State, op: Op) -> Iterator[tuple[Code, State]]:
    """Yield every answer that this call may get in this state, with the state after it."""
    snapshots, there = state.snapshots, op.key in state.snapshots
    if op.verb == "Collect":
        yield OK, state.collected()
        return
    if op.verb == "DropLease":
        gone = replace(state, leases=state.leases - {op.lease}, held=frozenset(h for h in state.held if h[0] != op.lease))
        yield (OK, gone.collected()) if op.lease in state.leases else (NOT_FOUND, state)
        return
    # A Remove takes the snapshot from the lease that it names, if there is one: containerd does not ask for it either.
    if op.lease not in state.leases and op.verb != "Remove":
        yield NOT_FOUND, state
        return
    if op.verb in ("Prepare", "View"):
        if there:
            yield ALREADY_EXISTS, replace(state, held=state.held | {(op.lease, op.key)})
        if op.other and op.other not in snapshots:
            yield NOT_FOUND, state
        elif op.other and snapshots[op.other][0] != "committed":
            yield FAILED_PRECONDITION, state
            yield INVALID, state
        elif not there:
            kind = "active" if op.verb == "Prepare" else "view"
            made = {**snapshots, op.key: (kind, op.other)}
            yield OK, replace(state, snapshots=made, held=state.held | {(op.lease, op.key)})
    elif op.verb == "Commit":
        if op.other in snapshots:
            yield ALREADY_EXISTS, state
        if not there:
            yield NOT_FOUND, state
        elif snapshots[op.key][0] != "active":
            yield FAILED_PRECONDITION, state
            yield INVALID, state
            yield NOT_FOUND, state
        elif op.other not in snapshots:
            made = {**state.without(op.key), op.other: ("committed", snapshots[op.key][1])}
            yield OK, replace(state, snapshots=made, held=(state.held | {(op.lease, op.other)}) - {(op.lease, op.key)})
    elif op.verb == "Remove":
        if not there:
            yield NOT_FOUND, state
        elif any(parent == op.key for _, parent in snapshots.values()):
            yield FAILED_PRECONDITION, state
        else:
            yield OK, replace(state, snapshots=state.without(op.key), held=state.held - {(op.lease, op.key)})


def explained(before: Iterable[State], ops: list[Op], codes: list[Code]) -> list[State]:
    """Return the states in which some order of the calls ends that explains all answers."""
    found: list[State] = []
    for order in itertools.permutations(range(len(ops))):
        states = list(before)
        for index in order:
            states = [after for state in states for code, after in happens(state, ops[index]) if code is codes[index]]
        found += [state for state in states if state not in found]
    return found


key = st.sampled_from(KEYS)
lease = st.sampled_from((KEPT, PASSING))
op = st.one_of(
    st.builds(Op, st.sampled_from(("Prepare", "View")), key, st.sampled_from(("", *KEYS)), lease),
    st.builds(Op, st.just("Commit"), key, key, lease).filter(lambda o: o.key != o.other),
    st.builds(Op, st.just("Remove"), key, st.just(""), lease),
    st.just(Op("Collect")),
    st.just(Op("DropLease", lease=PASSING)),
)  # fmt: skip


class Interleavings(RuleBasedStateMachine):
    """Steps of calls that overlap, in a namespace of their own."""

    mesh: ClassVar[Mesh]
    sample: ClassVar[images.Sample]
    registry: ClassVar[str]
    numbers: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.states = [State()]
        self.pulled = False

    @initialize(snapshotter=st.sampled_from(("overlayfs", "native", "erofs")))
    def begin(self, snapshotter: str) -> None:
        self.snapshotter = snapshotter
        self.ns = f"i{next(self.numbers)}"
        self.wire = Wire(self.mesh.address, self.ns)
        assert surely(self.wire, LEASES + "Create", id=KEPT).ok

    def _call(self, op: Op) -> Code:
        common: dict[str, Any] = {"snapshotter": self.snapshotter, "key": op.key}
        if op.verb == "Collect":
            made = surely(self.wire, LEASES + "Create").message.lease.id
            return self.wire.call(LEASES + "Delete", id=made, sync=True).code
        if op.verb == "DropLease":
            return self.wire.call(LEASES + "Delete", id=op.lease, sync=True).code
        fields: dict[str, Any] = {"Commit": {"name": op.other}, "Remove": {}}.get(op.verb, {"parent": op.other})
        return self.wire.call(SNAPSHOTS + op.verb, lease=op.lease, **common, **fields).code

    def _seen(self) -> dict[str, tuple[str, str]]:
        listed = surely(self.wire, SNAPSHOTS + "List", snapshotter=self.snapshotter)
        found = {i.name: (KINDS[i.kind], i.parent) for part in listed.messages for i in part.info}
        layers = set(self.sample.chains)
        return {k: v for k, v in found.items() if k not in layers and not k.startswith("extract-")}

    @rule(ops=st.lists(op, min_size=2, max_size=3))
    def at_once(self, ops: list[Op]) -> None:
        """Make the calls together."""
        codes: list[Code] = [None] * len(ops)

        def one(index: int) -> None:
            codes[index] = self._call(ops[index])

        threads = [threading.Thread(target=one, args=(n,)) for n in range(len(ops))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = ", ".join(f"{o.verb} {o.key} {o.other} for {o.lease}: {c.name}" for o, c in zip(ops, codes, strict=True))
        after = explained(self.states, ops, codes)
        assert after, f"no order explains {told}, before: {self.states}"
        self._fit(after, told)

    def _fit(self, states: list[State], told: str) -> None:
        """Keep the states that look like what is there; what only garbage tells apart is collected first."""
        surely(self.wire, LEASES + "Delete", id=surely(self.wire, LEASES + "Create").message.lease.id, sync=True)
        seen = self._seen()
        fitting = [state for state in (s.collected() for s in states) if state.snapshots == seen]
        assert fitting, f"{told}: there is {seen}, expected one of {[dict(s.collected().snapshots) for s in states]}"
        self.states = fitting

    @rule()
    def open_lease(self) -> None:
        """A lease that goes again."""
        assume(all(PASSING not in s.leases for s in self.states))
        assert surely(self.wire, LEASES + "Create", id=PASSING).ok
        self.states = [replace(s, leases=s.leases | {PASSING}) for s in self.states]

    @rule(first=key)
    def expire_a_lease(self, first: str) -> None:
        """What only an expired lease holds goes."""
        assume(all(first not in s.snapshots for s in self.states))
        assume(all(k != first for s in self.states for _, k in s.held))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        assert surely(self.wire, LEASES + "Create", id="short", labels={EXPIRE: stamp}).ok
        made = surely(self.wire, SNAPSHOTS + "Prepare", lease="short", snapshotter=self.snapshotter, key=first)
        assert made.ok, made
        time.sleep(2.1)
        self._fit(self.states, f"lease of {first} expired")

    @rule(clients=st.integers(2, 3), collects=st.booleans())
    def pull(self, clients: int, collects: bool) -> None:
        """Clients pull and unpack one image, maybe beside a collection; all get it."""
        name = f"{self.registry}/{self.sample.name}"
        command = ("images", "pull", "--plain-http", "--snapshotter", self.snapshotter, name)
        codes: list[tuple[int, str]] = []

        def one() -> None:
            ran = self.mesh.ctr(*command, namespace=self.ns)
            codes.append((ran.code, ran.err[-300:]))

        threads = [threading.Thread(target=one) for _ in range(clients)]
        for thread in threads:
            thread.start()
        if collects:
            assert self._call(Op("Collect")) is OK
        for thread in threads:
            thread.join()
        assert all(code == 0 for code, _ in codes), codes
        self.pulled = True

    @rule()
    def remove_image(self) -> None:
        assume(self.pulled)
        self.mesh.ctr("images", "rm", "--sync", f"{self.registry}/{self.sample.name}", namespace=self.ns).ok()
        self.pulled = False
        for chain in self.sample.chains:
            assert surely(self.wire, SNAPSHOTS + "Stat", snapshotter=self.snapshotter, key=chain).code is NOT_FOUND

    @rule()
    def remove_namespace(self) -> None:
        """One that is in use stays."""
        assume(self.pulled or any(s.snapshots for s in self.states))
        assert surely(self.wire, NAMESPACES + "Delete", name=self.ns).code is FAILED_PRECONDITION

    @invariant()
    def what_was_pulled_is_whole(self) -> None:
        if not self.pulled:
            return
        got = surely(self.wire, IMAGES + "Get", name=f"{self.registry}/{self.sample.name}")
        assert got.ok and got.message.image.target.digest == self.sample.digest, got
        for digest in self.sample.blobs:
            assert surely(self.wire, CONTENTS + "Info", digest=digest).ok
        for chain in self.sample.chains:
            assert surely(self.wire, SNAPSHOTS + "Stat", snapshotter=self.snapshotter, key=chain).ok

    @invariant()
    def what_is_listed_answers(self) -> None:
        if not hasattr(self, "wire"):
            return
        for name, (kind, _) in self._seen().items():
            verb = "Stat" if kind == "committed" else "Mounts"
            answer = surely(self.wire, SNAPSHOTS + verb, snapshotter=self.snapshotter, key=name)
            assert answer.ok, f"{name}: {answer}"

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        with suppress(AssertionError):  # what is left of a failed example goes with the mesh
            if self.pulled:
                surely(self.wire, IMAGES + "Delete", name=f"{self.registry}/{self.sample.name}", sync=True)
            for held in surely(self.wire, LEASES + "List").message.leases:
                surely(self.wire, LEASES + "Delete", id=held.id, sync=True)
        self.wire.close()


@pytest.mark.parametrize(("examples", "steps"), [(4, 20), pytest.param(30, 40, marks=pytest.mark.storm)])
def test_calls_at_the_same_time_are_as_if_one_after_the_other(examples: int, steps: int, tmp_path: Path) -> None:
    """Prepare, View, Commit, Remove, pull, unpack, expiry, collection and removal of a namespace."""
    mesh = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    with running_registry() as registry:
        (sample, *_) = images.make(tmp_path, 5, 1)
        images.push(sample, registry)
        mesh.start()
        try:
            Interleavings.mesh, Interleavings.sample, Interleavings.registry = mesh, sample, registry
            run_state_machine_as_test(
                Interleavings,
                settings=settings(
                    max_examples=examples, stateful_step_count=steps, deadline=None, database=None, print_blob=False,
                    suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
                    # What depends on who comes first does not let itself be made smaller.
                    phases=[Phase.generate],
                ),
            )  # fmt: skip
            assert mesh.leftovers() == []
        finally:
            mesh.destroy()


def test_the_model_refuses_what_no_order_explains() -> None:
    """A check of the check: two Commits to one name that both succeed, a child without a parent."""
    two = State(snapshots={"a": ("active", ""), "b": ("active", "")}, held=frozenset({(KEPT, "a"), (KEPT, "b")}))
    commits = [Op("Commit", "a", "c"), Op("Commit", "b", "c")]
    assert explained([two], commits, [OK, OK]) == []
    assert explained([two], commits, [OK, ALREADY_EXISTS])[0].snapshots == {"b": ("active", ""), "c": ("committed", "")}
    one = State(snapshots={"p": ("committed", "")}, held=frozenset({(KEPT, "p")}))
    beside = [Op("Prepare", "k", "p"), Op("Remove", "p")]
    assert explained([one], beside, [OK, OK]) == []
    assert len(explained([one], beside, [OK, FAILED_PRECONDITION])) == 1
    assert len(explained([one], [Op("Remove", "p", lease=PASSING)], [OK])) == 1
    assert explained([one], [Op("View", "k", "p", PASSING)], [OK]) == []
