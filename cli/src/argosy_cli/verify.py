"""Whether anybody's plugin keeps the contract: the suites of argosy.testkit, pointed at a socket."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from argosy_cli.output import Exit, Shown, fail, remark, say, show_one
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb

if TYPE_CHECKING:
    from argosy.testkit.suite import Check, Report, Result, Suite

# A plugin that breaks the contract is no failure of this command's, and a suite that could not begin says nothing about one.
BROKEN: Final = 1
NOT_BEGUN: Final = 2

_Address = Annotated[Path | None, Option("--address", "-a", help="socket of a plugin, or of a daemon")]
_Namespace = Annotated[str, Option("--namespace", "-n", help="in a daemon; default: one of its own, which goes at the end")]
_Focus = Annotated[str, Option("--focus", help="only checks whose names this regular expression finds")]
_Skip = Annotated[str, Option("--skip", help="no checks whose names this regular expression finds")]
_Fast = Annotated[bool, Option("--fast", help="only the checks that matter most and take least")]
_Json = Annotated[bool, Option("--json", help="as -o json")]
_Junit = Annotated[Path | None, Option("--junit", help="write a report for CI servers to this file, too")]
_Deadline = Annotated[float, Option("--deadline", help="seconds that one call may take")]
_Has = Annotated[list[str] | None, Option("--has", help="a capability that it has besides the usual ones; may be repeated")]
_Lacks = Annotated[list[str] | None, Option("--lacks", help="a usual capability that it does not have; may be repeated")]
_Minimize = Annotated[
    bool, Option("--minimize", help="also make calls at random, and show the shortest list of them that fails")
]


class _Wish(NamedTuple):
    """What the options say that every kind has."""

    focus: str
    skip: str
    fast: bool
    json: bool
    junit: Path | None
    deadline: float


class _Judge(NamedTuple):
    """A suite, and how it is pointed at a socket."""

    suite: Suite[Any]
    able: frozenset[str]
    reach: Callable[[], AbstractAsyncContextManager[Any]]
    """Connects to whom it judges."""
    begin: Callable[[Any], Awaitable[str]]
    """Says whom it judges, or raises why it can't begin."""
    subject: Callable[[Any, str], Any]
    """What a check of a name speaks to."""
    more: Sequence[Check[Any]] = ()
    """Checks besides those of the suite."""


def _namespace(said: str) -> str:
    """Return the namespace that was asked for, here or before the verb; "" is one of the run's own."""
    return said or (Target.namespace if Target.namespace != "default" else "")


def _tell(result: Result) -> None:
    from argosy.testkit.report import lines

    if not Shown.json:
        for line in lines(result):
            say(line)


async def _made(wish: _Wish, judge: _Judge, report: Report) -> None:
    """Make the checks, and fill in the report. SIGTERM ends it as Ctrl-C does: nothing that was made is left."""
    import asyncio
    import signal

    from argosy.errors import InvalidArgument
    from argosy.testkit.suite import judge as judged

    if not wish.deadline > 0:
        raise InvalidArgument(f"a call can't be answered within {wish.deadline:g} s; give it more than none")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    checks = [*judge.suite.choose(wish.focus, wish.skip, wish.fast), *judge.more]
    async with judge.reach() as target:
        report.subject = await judge.begin(target)
        await judged(judge.suite, checks, judge.able, lambda name: judge.subject(target, name), report, _tell)


def _run(wish: _Wish, prepare: Callable[[], _Judge]) -> None:
    """Judge, show what was found, and exit with what it means."""
    import asyncio

    from argosy.errors import ArgosyError
    from argosy.testkit.report import as_json, as_junit, summary
    from argosy.testkit.suite import Report

    Shown.json = Shown.json or wish.json
    report = Report("", "")
    with ExitStack() as held:
        try:
            judge = prepare()
            report.kind = judge.suite.kind
            # Now: who made all checks shall not hear then that they can't be written down.
            file = held.enter_context(wish.junit.open("wb")) if wish.junit is not None else None
            asyncio.run(_made(wish, judge, report))
        except BrokenPipeError:
            raise
        except (ArgosyError, OSError) as error:
            fail(error)
            raise Exit(NOT_BEGUN) from None
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            remark(f"given up: {summary(report)}")
            raise Exit(130 if isinstance(error, KeyboardInterrupt) else 143) from None
        if file is not None:
            file.write(as_junit(report))
    if Shown.json:
        show_one(as_json(report))
    else:
        say(summary(report))
    if not report.passed:
        raise Exit(BROKEN)


def verify_snapshotter(
    address: _Address = None,
    snapshotter: Annotated[str, Option("--snapshotter", "--name", help="in a daemon: the snapshotter's name")] = "",
    namespace: _Namespace = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 5.0,
    has: _Has = None,
    lacks: _Lacks = None,
    minimize: _Minimize = False,
) -> None:
    """Judge a snapshotter, at its own socket or in a daemon."""

    def prepare() -> _Judge:
        from argosy.testkit import snapshotter as suite
        from argosy.testkit.anything import check_hypothesis
        from argosy.testkit.snapshotter.anything import ANYTHING
        from argosy.testkit.target import reached

        if minimize:
            check_hypothesis()

        return _Judge(
            suite.SUITE,
            suite.able(os.geteuid() == 0, has or (), lacks or ()),
            lambda: reached(address or Target.socket(), _namespace(namespace), deadline),
            lambda target: suite.begin(target, snapshotter),
            lambda target, name: suite.subject(target, snapshotter, name),
            [ANYTHING] if minimize else (),
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_content(
    address: _Address = None,
    namespace: _Namespace = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 5.0,
    has: _Has = None,
    lacks: _Lacks = None,
) -> None:
    """Judge a content store, at its own socket or in a daemon."""

    def prepare() -> _Judge:
        from argosy.testkit import content as suite
        from argosy.testkit.target import reached

        return _Judge(
            suite.SUITE,
            suite.able(has or (), lacks or ()),
            lambda: reached(address or Target.socket(), _namespace(namespace), deadline),
            suite.begin,
            suite.subject,
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_diff(
    address: _Address = None,
    content: Annotated[
        Path | None, Option("--content", help="socket of the store that a differ at its own socket works with")
    ] = None,
    namespace: _Namespace = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 5.0,
    has: _Has = None,
    lacks: _Lacks = None,
) -> None:
    """Judge a differ, in a daemon, or at its own socket with its store."""

    def prepare() -> _Judge:
        from argosy.testkit import diff as suite

        return _Judge(
            suite.SUITE,
            suite.able(os.geteuid() == 0, has or (), lacks or ()),
            lambda: suite.reached_with(address or Target.socket(), content, _namespace(namespace), deadline),
            suite.begin,
            suite.subject,
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_depot(
    address: _Address = None,
    depot: Annotated[str, Option("--depot", "--name", help="in a daemon: the depot's name")] = "",
    image: Annotated[str, Option("--image", help="an image that is there, for a depot that takes none (--lacks put)")] = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 5.0,
    has: _Has = None,
    lacks: _Lacks = None,
) -> None:
    """Judge a depot, at its own socket or in a daemon. It puts small images there, which stay: a depot has no word for removing."""

    def prepare() -> _Judge:
        from argosy.testkit import depot as suite

        able = suite.able(has or (), lacks or ())
        return _Judge(
            suite.SUITE,
            able,
            lambda: suite.begun(address or Target.socket(), depot, image, able, deadline),
            suite.begin,
            suite.subject,
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_hook(
    address: Annotated[Path, Option("--address", "-a", help="the hook's own socket")],
    point: Annotated[
        list[str] | None, Option("--point", help="a point that it is for; may be repeated; default: those that it says")
    ] = None,
    allowed: Annotated[list[str] | None, Option("--allowed", help="an image's name that it allows; may be repeated")] = None,
    denied: Annotated[list[str] | None, Option("--denied", help="one that it denies; may be repeated")] = None,
    namespace: Annotated[str, Option("--namespace", "-n", help="of the questions")] = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 5.0,
    has: _Has = None,
    lacks: _Lacks = None,
) -> None:
    """Judge a hook, at its own socket: it is asked about images that there are not, and nothing comes of it."""

    def prepare() -> _Judge:
        from argosy.testkit import hook as suite

        return _Judge(
            suite.SUITE,
            suite.able(has or (), lacks or ()),
            lambda: suite.begun(address, point or (), allowed or (), denied or (), _namespace(namespace), deadline),
            suite.begin,
            suite.subject,
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_verifier(
    address: Annotated[Path, Option("--address", "-a", help="the verifier's own socket")],
    accepted: Annotated[
        list[str] | None, Option("--accepted", help="NAME@DIGEST of an image that it accepts; may be repeated")
    ] = None,
    rejected: Annotated[
        list[str] | None, Option("--rejected", help="the same of one that it rejects; may be repeated")
    ] = None,
    namespace: Annotated[str, Option("--namespace", "-n", help="of the questions")] = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 10.0,
    has: _Has = None,
    lacks: _Lacks = None,
) -> None:
    """Judge an image verifier, at its own socket: it is asked about images that there are not, and about those that are named."""

    def prepare() -> _Judge:
        from argosy.testkit import verifier as suite

        return _Judge(
            suite.SUITE,
            suite.able(has or (), lacks or ()),
            lambda: suite.begun(address, accepted or (), rejected or (), _namespace(namespace), deadline),
            suite.begin,
            suite.subject,
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_shim(
    binary: Annotated[Path, Option("--binary", help="the shim's program, by path or by its name on PATH")],
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 10.0,
    has: _Has = None,
    lacks: _Lacks = None,
) -> None:
    """Judge a shim, as root: it is started as containerd starts it, and runs small containers."""

    def prepare() -> _Judge:
        from argosy.testkit import shim as suite

        able = suite.able(has or (), lacks or ())
        return _Judge(suite.SUITE, able, lambda: suite.begun(binary, deadline), suite.begin, suite.subject)

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_tasks(
    address: _Address = None,
    daemon: Annotated[
        Path | None, Option("--daemon", help="of a task manager at its own socket: the daemon that knows its containers")
    ] = None,
    runtime: Annotated[str, Option("--runtime", help="what runs the containers")] = "io.containerd.runc.v2",
    namespace: _Namespace = "",
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 10.0,
    has: _Has = None,
    lacks: _Lacks = None,
    minimize: _Minimize = False,
) -> None:
    """Judge a Tasks service, as root, in a daemon, or at its own socket with its daemon: it runs small containers."""

    def prepare() -> _Judge:
        from argosy.testkit import tasks as suite
        from argosy.testkit.anything import check_hypothesis
        from argosy.testkit.tasks.anything import ANYTHING

        if minimize:
            check_hypothesis()
        able = suite.able(has or (), lacks or ())
        return _Judge(
            suite.SUITE,
            able,
            lambda: suite.begun(address or Target.socket(), daemon, _namespace(namespace), runtime, able, deadline),
            suite.begin,
            suite.subject,
            [ANYTHING] if minimize else (),
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


def verify_service(
    name: Annotated[str, Argument("the service's full name, such as example.clock.v1.Clock")],
    address: _Address = None,
    unary: Annotated[
        list[str] | None,
        Option("--unary", help="a method of one answer that may be called with an empty message; may be repeated"),
    ] = None,
    stream: Annotated[
        list[str] | None,
        Option("--stream", help="a method of a stream of answers that may be called with an empty message; may be repeated"),
    ] = None,
    ends: Annotated[
        int, Option("--ends", help="the process that serves it, which is told to end when all else was looked at")
    ] = 0,
    focus: _Focus = "",
    skip: _Skip = "",
    fast: _Fast = False,
    json: _Json = False,
    junit: _Junit = None,
    deadline: _Deadline = 5.0,
    has: _Has = None,
    lacks: _Lacks = None,
    minimize: _Minimize = False,
) -> None:
    """Judge any gRPC service, at its own socket or behind a daemon's. Of its own methods only those are called that are named."""

    def prepare() -> _Judge:
        from argosy.testkit import service as suite
        from argosy.testkit.anything import check_hypothesis
        from argosy.testkit.service.anything import ANYTHING

        if minimize:
            check_hypothesis()
        socket = address or Target.socket()
        return _Judge(
            suite.SUITE,
            suite.able(has or (), lacks or ()),
            lambda: suite.begun(socket, name, unary or (), stream or (), deadline, has or (), lacks or (), ends),
            suite.begin,
            suite.subject,
            [ANYTHING] if minimize else (),
        )

    _run(_Wish(focus, skip, fast, json, junit, deadline), prepare)


VERBS: Final[dict[str, Verb | Group]] = {
    "verify": Group(
        "Whether a plugin keeps containerd's contract: exit code 0 if all checks passed, 1 if one failed, 2 if they could not begin.",
        {
            "snapshotter": Verb(verify_snapshotter),
            "content": Verb(verify_content),
            "diff": Verb(verify_diff),
            "depot": Verb(verify_depot),
            "hook": Verb(verify_hook),
            "verifier": Verb(verify_verifier),
            "shim": Verb(verify_shim),
            "tasks": Verb(verify_tasks),
            "service": Verb(verify_service),
        },
    ),
}
