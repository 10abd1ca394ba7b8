"""What each call does to the tree of snapshots, and what it refuses. Nothing is mounted here."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from argosy_protos.containerd.services.snapshots import v1 as p

from argosy.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
)
from argosy.labels import SNAPSHOT_REF
from argosy.testkit.snapshotter.calls import SUITE, Snapshots, facts, told
from argosy.testkit.suite import Broken, spoken
from argosy.timestamps import from_wire

check = SUITE.check

# A plugin may run on another machine's clock, within reason.
_CLOCKS_NS: Final = 2_000_000_000
# Long enough to be seen in any clock's time.
_TICK_S: Final = 0.02
_AT_ONCE: Final = 8
# More than any implementation sends in one message of a list.
_MANY: Final = 130

# -- making --


@check(fast=True)
async def prepare_makes_an_active_snapshot(s: Snapshots) -> None:
    """Prepare makes an active snapshot: Stat knows its key, kind, parent and labels, and its times are those of now."""
    key, labels = s.name("a"), {"containerd.io/snapshot/a": "1", "x.y/z": "two words"}
    began = time.time_ns()
    await s.prepare(key, labels=labels)
    info = await s.stat(key)
    s.equal(told(info), (key, "ACTIVE", ""), "name, kind and parent")
    s.equal(dict(info.labels), labels, "the labels")
    created, updated = from_wire(info.created_at), from_wire(info.updated_at)
    s.equal(updated, created, "the time of the last change")
    s.holds(
        created is not None and began - _CLOCKS_NS <= created <= time.time_ns() + _CLOCKS_NS, "created_at to be now", created
    )


@check(fast=True)
async def view_makes_a_view(s: Snapshots) -> None:
    """View makes a snapshot of the kind VIEW on its parent."""
    base, key = await s.committed("base"), s.name("v")
    await s.view(key, base, {"containerd.io/snapshot/a": "1"})
    info = await s.stat(key)
    s.equal(told(info), (key, "VIEW", base), "name, kind and parent")
    s.equal(dict(info.labels), {"containerd.io/snapshot/a": "1"}, "the labels")


@check(fast=True)
async def a_name_that_is_there_is_taken(s: Snapshots) -> None:
    """Keys and names are of one kind: Prepare and View of one that is there, whatever it is, answer ALREADY_EXISTS and change nothing."""
    base, active, view = await s.committed("base"), s.name("a"), s.name("v")
    await s.prepare(active, base, {"a": "1"})
    await s.view(view, base)
    for key in (active, view, base):
        before = await s.stat(key)
        await s.refused(s.prepare(key, base), AlreadyExists)
        await s.refused(s.prepare(key), AlreadyExists)
        await s.refused(s.view(key, base), AlreadyExists)
        await s.unchanged(before)


@check(fast=True)
async def a_parent_has_to_be_there(s: Snapshots) -> None:
    """Prepare and View on a parent that is not there answer NOT_FOUND, and make nothing."""
    key = s.name("a")
    await s.refused(s.prepare(key, s.name("nobody")), NotFound)
    await s.absent(key)
    await s.refused(s.view(key, s.name("nobody")), NotFound)
    await s.absent(key)
    await s.prepare(key)


@check()
async def a_parent_has_to_be_committed(s: Snapshots) -> None:
    """Prepare and View on a parent that is not committed answer INVALID_ARGUMENT, and make nothing."""
    base, active, view, key = await s.committed("base"), s.name("a"), s.name("v"), s.name("child")
    await s.prepare(active)
    await s.view(view, base)
    for parent in (active, view):
        await s.refused(s.prepare(key, parent), InvalidArgument)
        await s.refused(s.view(key, parent), InvalidArgument)
        await s.absent(key)


@check()
async def a_key_has_any_characters(s: Snapshots) -> None:
    """A key is compared byte for byte, and may have blanks, slashes, colons, dots and what is not ASCII in it."""
    keys = [s.name(word) for word in ("extract-1-Ab_- sha256:0a", "../../b", "a//b/", "ä:ö", "A", "a", 'it\'s "it"')]
    for key in keys:
        await s.prepare(key)
    for key in keys:
        s.equal((await s.stat(key)).name, key, "the name")
    s.equal(sorted(info.name for info in await s.listed()), sorted(keys), "the names in a list")
    await s.remove(keys[-2])
    s.equal(sorted(info.name for info in await s.listed()), sorted({*keys} - {keys[-2]}), "the names in a list")


@check()
async def no_key_is_no_key(s: Snapshots) -> None:
    """An empty key or name is refused."""
    key = s.name("a")
    await s.refused(s.prepare(""))
    await s.prepare(key)
    before = await s.stat(key)
    await s.refused(s.commit("", key))
    await s.unchanged(before)


@check()
async def a_label_without_a_value_is_none(s: Snapshots) -> None:
    """A label with an empty value is not stored."""
    key = s.name("a")
    await s.prepare(key, labels={"full": "1", "empty": ""})
    s.equal(dict((await s.stat(key)).labels), {"full": "1"}, "the labels")


@check()
async def one_of_many_prepares_wins(s: Snapshots) -> None:
    """Of several Prepares of one key at the same time one answers OK, and the others ALREADY_EXISTS."""
    key = s.name("a")
    got = await s.at_once(s.prepare(key) for _ in range(_AT_ONCE))
    s.equal(got, sorted(["OK", *["ALREADY_EXISTS"] * (_AT_ONCE - 1)]), f"the answers of {_AT_ONCE} Prepares of one key")
    s.equal(told(await s.stat(key)), (key, "ACTIVE", ""), "name, kind and parent")


@check()
async def a_prepare_that_is_given_up_leaves_a_key_that_can_be_used(s: Snapshots) -> None:
    """A Prepare whose caller leaves is done or not: its snapshot can be removed or is not there, and its key can be used."""
    base = await s.committed("base")
    for n in range(4):
        key = s.name(f"a{n}")
        task = asyncio.ensure_future(s.prepare(key, base))  # noqa: TID251 - cancelled and awaited below
        await asyncio.sleep(0.001 * n)
        task.cancel()
        await asyncio.wait([task])

        async def usable(key: str = key) -> bool:
            try:
                await s.remove(key)
            except NotFound:
                pass  # it was not done
            except Unavailable:
                return False  # it is under way
            try:
                await s.prepare(key, base)
            except (AlreadyExists, Unavailable):
                return False  # it came late
            return True

        await s.eventually(usable, "the key to be of use again", "ALREADY_EXISTS after each Remove")


# -- committing --


@check(fast=True)
async def commit_makes_a_committed_snapshot(s: Snapshots) -> None:
    """Commit turns an active snapshot into a committed one of another name, on the same parent; its key is free again."""
    base, key, name = await s.committed("base"), s.name("a"), s.name("layer")
    await s.prepare(key, base)
    await s.commit(name, key)
    s.equal(told(await s.stat(name)), (name, "COMMITTED", base), "name, kind and parent")
    await s.absent(key)
    await s.refused(s.mounts(key), NotFound)
    await s.prepare(key, name)
    s.equal(told(await s.stat(key)), (key, "ACTIVE", name), "name, kind and parent")


@check(fast=True)
async def commit_has_its_own_labels(s: Snapshots) -> None:
    """A committed snapshot has the labels that Commit gave it, and none of the active one."""
    key, name = s.name("a"), s.name("layer")
    await s.prepare(key, labels={"old": "1", "both": "1"})
    await s.commit(name, key, {"new": "2", "both": "2"})
    s.equal(dict((await s.stat(name)).labels), {"new": "2", "both": "2"}, "the labels")
    plain = s.name("plain")
    await s.prepare(key, labels={"old": "1"})
    await s.commit(plain, key)
    s.equal(dict((await s.stat(plain)).labels), {}, "the labels")


@check()
async def commit_is_a_creation(s: Snapshots) -> None:
    """A committed snapshot's times are those of its Commit."""
    key, name = s.name("a"), s.name("layer")
    await s.prepare(key)
    before = facts(await s.stat(key))["created"]
    await asyncio.sleep(_TICK_S)
    await s.commit(name, key)
    after = facts(await s.stat(name))
    assert isinstance(before, int)
    s.holds(isinstance(after["created"], int) and after["created"] > before, f"created_at after {before}", after["created"])
    s.equal(after["updated"], after["created"], "the time of the last change")


@check(fast=True)
async def a_committed_name_is_taken(s: Snapshots) -> None:
    """Commit to a name that is there answers ALREADY_EXISTS, and leaves the active snapshot as it is."""
    base, key = await s.committed("base", labels={"first": "1"}), s.name("a")
    await s.prepare(key, base, {"a": "1"})
    before, other = await s.stat(key), await s.stat(base)
    await s.refused(s.commit(base, key), AlreadyExists)
    await s.unchanged(before)
    await s.unchanged(other)
    await s.commit(s.name("layer"), key)


@check()
async def commit_asked_again_is_told_that_it_is_done(s: Snapshots) -> None:
    """A Commit that is repeated, since its answer was lost, answers ALREADY_EXISTS: clients go on then."""
    key, name = s.name("a"), s.name("layer")
    await s.prepare(key)
    await s.commit(name, key)
    await s.refused(s.commit(name, key), AlreadyExists)
    s.equal(told(await s.stat(name)), (name, "COMMITTED", ""), "name, kind and parent")


@check(fast=True)
async def only_active_snapshots_are_committed(s: Snapshots) -> None:
    """Commit of a key that is not there answers NOT_FOUND, of a committed snapshot FAILED_PRECONDITION, and of a view an error; nothing is made."""
    base, view, name = await s.committed("base"), s.name("v"), s.name("layer")
    await s.refused(s.commit(name, s.name("nobody")), NotFound)
    await s.view(view, base)
    for key in (view, base):
        before = await s.stat(key)
        # Of a view it should be the same; but containerd's native snapshotter measures first, and has no directory for a view.
        await s.refused(s.commit(name, key), *((FailedPrecondition,) if key == base else ()))
        await s.unchanged(before)
    await s.absent(name)


@check()
async def one_of_two_commits_wins(s: Snapshots) -> None:
    """Of two Commits to one name at the same time one answers OK, the other ALREADY_EXISTS, and its snapshot stays active."""
    name, keys = s.name("layer"), [s.name(f"a{n}") for n in range(2)]
    for key in keys:
        await s.prepare(key)
    got = await s.at_once(s.commit(name, key) for key in keys)
    s.equal(got, ["ALREADY_EXISTS", "OK"], "the answers of two Commits to one name")
    s.equal(told(await s.stat(name)), (name, "COMMITTED", ""), "name, kind and parent")
    still = [info.name for info in await s.listed() if info.name in keys]
    s.equal(len(still), 1, "the number of active snapshots that are left")


@check(fast=True)
async def parents_are_kept(s: Snapshots) -> None:
    """A snapshot's parent is the one that it was made on, all the way down."""
    names = [await s.committed("l0")]
    for n in range(1, 4):
        names.append(await s.committed(f"l{n}", names[-1]))
    await s.prepare(s.name("a"), names[-1])
    chain = [(await s.stat(s.name("a"))).parent]
    while chain[-1] and len(chain) < 9:
        chain.append((await s.stat(chain[-1])).parent)
    s.equal(chain, [*reversed(names), ""], "the chain of parents")


@check("rebase", fast=True)
async def commit_gives_a_parent(s: Snapshots) -> None:
    """Commit with a parent gives it to a snapshot that was made without one; one that has another is refused with INVALID_ARGUMENT."""
    base, other, key, name = await s.committed("base"), await s.committed("other"), s.name("a"), s.name("layer")
    await s.prepare(key)
    await s.refused(s.commit(name, key, parent=s.name("nobody")), NotFound, FailedPrecondition)
    await s.commit(name, key, parent=base)
    s.equal(told(await s.stat(name)), (name, "COMMITTED", base), "name, kind and parent")
    await s.prepare(key, base)
    await s.refused(s.commit(s.name("wrong"), key, parent=other), InvalidArgument)
    await s.commit(s.name("right"), key, parent=base)


# -- mounts --


@check(fast=True)
async def mounts_are_said_again(s: Snapshots) -> None:
    """Mounts answers what Prepare or View did, as often as it is asked; some mount has to be among it."""
    base, active, view = await s.committed("base"), s.name("a"), s.name("v")
    for key, first in ((active, await s.prepare(active, base)), (view, await s.view(view, base))):
        s.holds(first, "a mount at least", first)
        for _ in range(2):
            s.equal(await s.mounts(key), first, "the mounts")


@check()
async def the_last_mount_of_an_active_snapshot_takes_a_layer(s: Snapshots) -> None:
    """The last mount of an active snapshot can be written to, by its words, on any parent: what cannot is a layer that is there already to clients, which unpack none."""
    base = await s.committed("base")
    for parent in ("", base, await s.committed("middle", base)):
        mounts = await s.prepare(s.name("a"), parent)
        s.holds(mounts and not mounts[-1].takes_no_layer, "a last mount that can be written to", mounts)
        await s.remove(s.name("a"))


@check(fast=True)
async def only_active_snapshots_and_views_have_mounts(s: Snapshots) -> None:
    """Mounts of what is not there answers NOT_FOUND, of a committed snapshot FAILED_PRECONDITION."""
    await s.refused(s.mounts(s.name("nobody")), NotFound)
    await s.refused(s.mounts(await s.committed("base")), FailedPrecondition)


# -- removing --


@check(fast=True)
async def remove_removes(s: Snapshots) -> None:
    """Remove takes a snapshot of any kind away, and no other: what was removed is NOT_FOUND for every call, for Remove too."""
    base, active, view = await s.committed("base"), s.name("a"), s.name("v")
    other = f"{s.prefix}-other"
    await s.prepare(other)
    beside = await s.stat(other)
    await s.prepare(active, base)
    await s.view(view, base)
    for key in (active, view, base):
        await s.remove(key)
        await s.absent(key)
        await s.refused(s.remove(key), NotFound)
        await s.refused(s.mounts(key), NotFound)
        await s.refused(s.usage(key), NotFound)
        await s.refused(s.update(p.Info(name=key, labels={"a": "1"}), "labels.a"), NotFound)
        await s.refused(s.commit(s.name("layer"), key), NotFound)
        await s.unchanged(beside)
    await s.refused(s.remove(s.name("nobody")), NotFound)


@check(fast=True)
async def a_parent_is_not_removed(s: Snapshots) -> None:
    """Remove of a snapshot with a child, of whatever kind, answers FAILED_PRECONDITION, and it stays; without the child it goes."""
    base, key, layer = await s.committed("base"), s.name("child"), s.name("layer")
    before = await s.stat(base)

    async def held(child: str) -> None:
        await s.refused(s.remove(base), FailedPrecondition)
        await s.unchanged(before)
        await s.remove(child)

    await s.prepare(key, base)
    await held(key)
    await s.view(key, base)
    await held(key)
    await s.prepare(key, base)
    await s.commit(layer, key)
    await held(layer)
    await s.remove(base)
    await s.absent(base)


@check()
async def a_removed_name_is_free(s: Snapshots) -> None:
    """The key or name of what was removed can be used at once, for any kind of snapshot, on another parent too."""
    base, key = await s.committed("base"), s.name("a")
    await s.prepare(key, base, {"a": "1"})
    await s.remove(key)
    await s.view(key, base)
    await s.remove(key)
    await s.remove(base)
    await s.prepare(key)
    info = await s.stat(key)
    s.equal((told(info), dict(info.labels)), ((key, "ACTIVE", ""), {}), "name, kind and parent, and labels")
    await s.commit(base, key)
    await s.view(key, base)
    s.equal(told(await s.stat(key)), (key, "VIEW", base), "name, kind and parent")


@check()
async def one_of_many_removes_wins(s: Snapshots) -> None:
    """Of several Removes of one key at the same time one answers OK, and the others NOT_FOUND."""
    key = s.name("a")
    await s.prepare(key)
    got = await s.at_once(s.remove(key) for _ in range(_AT_ONCE))
    s.equal(got, sorted(["OK", *["NOT_FOUND"] * (_AT_ONCE - 1)]), f"the answers of {_AT_ONCE} Removes of one key")
    await s.absent(key)


@check()
async def cleanup_takes_nothing_that_is_there(s: Snapshots) -> None:
    """Cleanup answers OK, or UNIMPLEMENTED; what is there stays as it is."""
    base, key = await s.committed("base"), s.name("a")
    mounts, before = await s.prepare(key, base), await s.stat(key)
    for _ in range(2):
        try:
            await s.cleanup()
        except Unimplemented:
            pass  # there is nothing that it would have to do
    await s.unchanged(before)
    s.equal(await s.mounts(key), mounts, "the mounts")
    s.equal(told(await s.stat(base)), (base, "COMMITTED", ""), "name, kind and parent")


# -- labels --


@check(fast=True)
async def update_without_a_mask_replaces_labels(s: Snapshots) -> None:
    """Update without a mask replaces all labels, and nothing else: the parent that it is given is not looked at."""
    base, key = await s.committed("base"), s.name("a")
    await s.prepare(key, base, {"a": "1", "b": "1"})
    before = facts(await s.stat(key))
    await asyncio.sleep(_TICK_S)
    answer = facts(await s.update(p.Info(name=key, parent="other", labels={"b": "2", "c": "3"})))
    after = facts(await s.stat(key))
    s.equal(answer, after, "the answer of Update")
    s.equal(after, {**before, "labels": {"b": "2", "c": "3"}, "updated": after["updated"]}, "the snapshot")
    then, now = before["updated"], after["updated"]
    s.holds(isinstance(then, int) and isinstance(now, int) and now > then, f"updated_at after {then}", now)


@check(fast=True)
async def update_of_one_label_leaves_the_others(s: Snapshots) -> None:
    """Update with the mask labels.KEY sets that label or, where it is given none, removes it; KEY may have dots and slashes in it."""
    key = s.name("a")
    await s.prepare(key, labels={"a": "1", "x.y/z.w": "1", "gone": "1"})
    await s.update(p.Info(name=key, labels={"x.y/z.w": "2", "a": "no", "more": "no"}), "labels.x.y/z.w")
    s.equal(dict((await s.stat(key)).labels), {"a": "1", "x.y/z.w": "2", "gone": "1"}, "the labels")
    await s.update(p.Info(name=key, labels={"new": "3"}), "labels.new", "labels.gone")
    s.equal(dict((await s.stat(key)).labels), {"a": "1", "x.y/z.w": "2", "new": "3"}, "the labels")


@check()
async def update_of_labels_replaces_them(s: Snapshots) -> None:
    """Update with the mask labels replaces all labels, of a committed snapshot and of a view too."""
    base, view = await s.committed("base", labels={"a": "1"}), s.name("v")
    await s.view(view, base, {"a": "1"})
    for key in (base, view):
        await s.update(p.Info(name=key, labels={"b": "2"}), "labels")
        s.equal(dict((await s.stat(key)).labels), {"b": "2"}, "the labels")


@check(fast=True)
async def only_labels_are_updated(s: Snapshots) -> None:
    """Update with any other mask answers INVALID_ARGUMENT, and changes nothing."""
    base, key = await s.committed("base"), s.name("a")
    await s.prepare(key, base, {"a": "1"})
    before = await s.stat(key)
    for path in ("parent", "kind", "name", "created_at"):
        await s.refused(s.update(p.Info(name=key, parent="", labels={"a": "2"}), "labels.a", path), InvalidArgument)
        await s.unchanged(before)


# -- looking --


@check(fast=True)
async def what_is_not_there_is_not_found(s: Snapshots) -> None:
    """Stat, Usage and Update of what is not there answer NOT_FOUND."""
    key = s.name("nobody")
    await s.refused(s.stat(key), NotFound)
    await s.refused(s.usage(key), NotFound)
    await s.refused(s.update(p.Info(name=key, labels={"a": "1"})), NotFound)


@check(fast=True)
async def a_list_has_everything_once(s: Snapshots) -> None:
    """List has every snapshot once, as Stat says it: a parent that is not listed would keep its children from collection."""
    base, active, view = await s.committed("base", labels={"a": "1"}), s.name("a"), s.name("v")
    await s.prepare(active, base, {"b": "2"})
    await s.view(view, base)
    listed = sorted((facts(info) for info in await s.listed()), key=lambda one: str(one["name"]))
    s.equal(listed, [facts(await s.stat(key)) for key in sorted((base, active, view))], "the list")


@check()
async def a_long_list_is_whole(s: Snapshots) -> None:
    """A list of many snapshots comes in parts, and has each of them once."""
    keys = [s.name(f"{n:03}") for n in range(_MANY)]
    for start in range(0, _MANY, 10):
        await s.at_once(s.prepare(key) for key in keys[start : start + 10])
    s.equal(sorted(info.name for info in await s.listed()), keys, "the names in a list")


@check(fast=True)
async def a_list_is_filtered(s: Snapshots) -> None:
    """Each filter of List is a set of conditions that all hold, on name, parent, kind and labels; of several filters one is enough."""
    base, active, view, mark = await s.committed("base", labels={"m": "1"}), s.name("a"), s.name("v"), s.name("m")
    await s.prepare(active, base, {"m": "2", "x.y/z": mark})
    await s.view(view, base)
    for filters, expected in (
        ([f'name=="{active}"'], {active}),
        ([f'parent=="{base}"'], {active, view}),
        ([f'kind==active,parent=="{base}"'], {active}),
        ([f'kind==view,parent=="{base}"'], {view}),
        ([f'kind==committed,name=="{base}"'], {base}),
        ([f'kind==active,name=="{base}"'], set()),
        ([f'labels."x.y/z"=="{mark}"'], {active}),
        ([f'labels."x.y/z",name=="{active}"'], {active}),
        ([f'labels."x.y/z",name=="{view}"'], set()),
        ([f'labels.m==1,name~="^{s.prefix}/"'], {base}),
        ([f'labels.m!=1,parent=="{base}"'], {active, view}),
        ([f'name=="{base}"', f'name=="{view}"'], {base, view}),
        ([f'name=="{s.name("nobody")}"'], set()),
    ):
        got = {info.name for info in await s.listed(*filters)}
        s.equal(sorted(got), sorted(expected), "the names in a filtered list")


@check()
async def stat_answers_while_a_list_is_read(s: Snapshots) -> None:
    """Who reads a list may ask for a snapshot meanwhile, as a collection does."""
    key = s.name("a")
    await s.prepare(key)
    await s.listed_and_stat(key)


# -- remote snapshots --


@check()
async def a_target_is_prepared_or_there(s: Snapshots) -> None:
    """Prepare with a target answers OK, or ALREADY_EXISTS once there is a committed snapshot with that label, on that parent."""
    key, target = s.name("a"), s.name("target")
    labels = {SNAPSHOT_REF: target}
    try:
        await s.prepare(key, labels=labels)
    except AlreadyExists as error:
        wanted = f'labels."{SNAPSHOT_REF}"=="{target}"'
        found = await s.listed() if s.target.is_daemon else await s.listed(wanted)
        kinds = [facts(info)["kind"] for info in found if info.labels.get(SNAPSHOT_REF) == target or info.name == target]
        if kinds != ["COMMITTED"]:
            raise Broken("one committed snapshot with that label", f"{spoken(error)}, and {kinds}") from None
        return
    s.equal(dict((await s.stat(key)).labels), labels, "the labels")
    await s.commit(target, key, labels)
    if not s.target.is_daemon:
        return
    await s.refused(s.prepare(key, labels=labels), AlreadyExists)
    await s.absent(key)


@check()
async def a_snapshot_is_measured(s: Snapshots) -> None:
    """Usage of a snapshot of any kind that is there answers; of a committed one it is always the same."""
    base, active, view = await s.committed("base"), s.name("a"), s.name("v")
    await s.prepare(active, base)
    await s.view(view, base)
    for key in (active, view):
        await s.usage(key)
    first = await s.usage(base)
    s.equal(await s.usage(base), first, "the usage of a committed snapshot")
    s.holds(first.size >= 0 and first.inodes >= 0, "a usage that is not negative", first)
