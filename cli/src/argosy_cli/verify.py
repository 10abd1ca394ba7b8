"""Whether anybody's plugin keeps the contract: the suites of argosy.testkit, pointed at a socket."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, get_type_hints

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
_Asked = Annotated[str, Option("--namespace", "-n", help="of the questions")]
_Minimize = Annotated[
    bool, Option("--minimize", help="also make calls at random, and show the shortest list of them that fails")
]


class _Wish(NamedTuple):
    """What may be said of every kind: these are options of each verb, besides its own."""

    focus: Annotated[str, Option("--focus", help="only checks whose names this regular expression finds")] = ""
    skip: Annotated[str, Option("--skip", help="no checks whose names this regular expression finds")] = ""
    fast: Annotated[bool, Option("--fast", help="only the checks that matter most and take least")] = False
    json: Annotated[bool, Option("--json", help="as -o json")] = False
    junit: Annotated[Path | None, Option("--junit", help="write a report for CI servers to this file, too")] = None
    deadline: Annotated[float, Option("--deadline", help="seconds that one call may take")] = 5.0
    has: Annotated[
        list[str] | None, Option("--has", help="a capability that it has besides the usual ones; may be repeated")
    ] = None
    lacks: Annotated[
        list[str] | None, Option("--lacks", help="a usual capability that it does not have; may be repeated")
    ] = None


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


def _anything(minimize: bool, check: Check[Any]) -> Sequence[Check[Any]]:
    """Return the check of calls at random, where it is wished for. Raises InvalidArgument when what it needs is not installed."""
    if not minimize:
        return ()
    from argosy.testkit.anything import check_hypothesis

    check_hypothesis()
    return [check]


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


def _verb(prepare: Callable[..., _Judge], deadline: float = 5.0) -> Verb:
    """Return the command that judges as prepare says: its options are prepare's own, behind the wish, and those of a wish.

    deadline is what one call may take unless somebody says otherwise, in seconds.
    """
    _, *own = inspect.signature(prepare).parameters.values()
    usual = {**_Wish._field_defaults, "deadline": deadline}
    common = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=usual[name]) for name in _Wish._fields]

    def judge(**said: Any) -> None:
        wish = _Wish(**{name: said.pop(name) for name in _Wish._fields})
        _run(wish, lambda: prepare(wish, **said))

    judge.__doc__ = prepare.__doc__
    # What inspect.signature and typing.get_type_hints go by.
    judge.__dict__["__signature__"] = inspect.Signature([*own, *common])
    judge.__annotations__ = get_type_hints(prepare, include_extras=True) | get_type_hints(_Wish, include_extras=True)
    return Verb(judge)


def _snapshotter(
    wish: _Wish,
    address: _Address = None,
    snapshotter: Annotated[str, Option("--snapshotter", "--name", help="in a daemon: the snapshotter's name")] = "",
    namespace: _Namespace = "",
    minimize: _Minimize = False,
) -> _Judge:
    """Judge a snapshotter, at its own socket or in a daemon."""
    from argosy.testkit import snapshotter as suite
    from argosy.testkit.snapshotter.anything import ANYTHING
    from argosy.testkit.target import reached

    return _Judge(
        suite.SUITE,
        suite.able(os.geteuid() == 0, wish.has or (), wish.lacks or ()),
        lambda: reached(address or Target.socket(), _namespace(namespace), wish.deadline),
        lambda target: suite.begin(target, snapshotter),
        lambda target, name: suite.subject(target, snapshotter, name),
        _anything(minimize, ANYTHING),
    )


def _content(wish: _Wish, address: _Address = None, namespace: _Namespace = "") -> _Judge:
    """Judge a content store, at its own socket or in a daemon."""
    from argosy.testkit import content as suite
    from argosy.testkit.target import reached

    return _Judge(
        suite.SUITE,
        suite.able(wish.has or (), wish.lacks or ()),
        lambda: reached(address or Target.socket(), _namespace(namespace), wish.deadline),
        suite.begin,
        suite.subject,
    )


def _diff(
    wish: _Wish,
    address: _Address = None,
    content: Annotated[
        Path | None, Option("--content", help="socket of the store that a differ at its own socket works with")
    ] = None,
    namespace: _Namespace = "",
) -> _Judge:
    """Judge a differ, in a daemon, or at its own socket with its store."""
    from argosy.testkit import diff as suite

    return _Judge(
        suite.SUITE,
        suite.able(os.geteuid() == 0, wish.has or (), wish.lacks or ()),
        lambda: suite.reached_with(address or Target.socket(), content, _namespace(namespace), wish.deadline),
        suite.begin,
        suite.subject,
    )


def _depot(
    wish: _Wish,
    address: _Address = None,
    depot: Annotated[str, Option("--depot", "--name", help="in a daemon: the depot's name")] = "",
    image: Annotated[str, Option("--image", help="an image that is there, for a depot that takes none (--lacks put)")] = "",
) -> _Judge:
    """Judge a depot, at its own socket or in a daemon. It puts small images there, which stay: a depot has no word for removing."""
    from argosy.testkit import depot as suite

    able = suite.able(wish.has or (), wish.lacks or ())
    return _Judge(
        suite.SUITE,
        able,
        lambda: suite.begun(address or Target.socket(), depot, image, able, wish.deadline),
        suite.begin,
        suite.subject,
    )


def _hook(
    wish: _Wish,
    address: Annotated[Path, Option("--address", "-a", help="the hook's own socket")],
    point: Annotated[
        list[str] | None, Option("--point", help="a point that it is for; may be repeated; default: those that it says")
    ] = None,
    allowed: Annotated[list[str] | None, Option("--allowed", help="an image's name that it allows; may be repeated")] = None,
    denied: Annotated[list[str] | None, Option("--denied", help="one that it denies; may be repeated")] = None,
    namespace: _Asked = "",
) -> _Judge:
    """Judge a hook, at its own socket: it is asked about images that there are not, and nothing comes of it."""
    from argosy.testkit import hook as suite

    return _Judge(
        suite.SUITE,
        suite.able(wish.has or (), wish.lacks or ()),
        lambda: suite.begun(address, point or (), allowed or (), denied or (), _namespace(namespace), wish.deadline),
        suite.begin,
        suite.subject,
    )


def _verifier(
    wish: _Wish,
    address: Annotated[Path, Option("--address", "-a", help="the verifier's own socket")],
    accepted: Annotated[
        list[str] | None, Option("--accepted", help="NAME@DIGEST of an image that it accepts; may be repeated")
    ] = None,
    rejected: Annotated[
        list[str] | None, Option("--rejected", help="the same of one that it rejects; may be repeated")
    ] = None,
    namespace: _Asked = "",
) -> _Judge:
    """Judge an image verifier, at its own socket: it is asked about images that there are not, and about those that are named."""
    from argosy.testkit import verifier as suite

    return _Judge(
        suite.SUITE,
        suite.able(wish.has or (), wish.lacks or ()),
        lambda: suite.begun(address, accepted or (), rejected or (), _namespace(namespace), wish.deadline),
        suite.begin,
        suite.subject,
    )


def _shim(
    wish: _Wish, binary: Annotated[Path, Option("--binary", help="the shim's program, by path or by its name on PATH")]
) -> _Judge:
    """Judge a shim, as root: it is started as containerd starts it, and runs small containers."""
    from argosy.testkit import shim as suite

    able = suite.able(wish.has or (), wish.lacks or ())
    return _Judge(suite.SUITE, able, lambda: suite.begun(binary, wish.deadline), suite.begin, suite.subject)


def _tasks(
    wish: _Wish,
    address: _Address = None,
    daemon: Annotated[
        Path | None, Option("--daemon", help="of a task manager at its own socket: the daemon that knows its containers")
    ] = None,
    runtime: Annotated[str, Option("--runtime", help="what runs the containers")] = "io.containerd.runc.v2",
    namespace: _Namespace = "",
    minimize: _Minimize = False,
) -> _Judge:
    """Judge a Tasks service, as root, in a daemon, or at its own socket with its daemon: it runs small containers."""
    from argosy.testkit import tasks as suite
    from argosy.testkit.tasks.anything import ANYTHING

    able = suite.able(wish.has or (), wish.lacks or ())
    return _Judge(
        suite.SUITE,
        able,
        lambda: suite.begun(address or Target.socket(), daemon, _namespace(namespace), runtime, able, wish.deadline),
        suite.begin,
        suite.subject,
        _anything(minimize, ANYTHING),
    )


def _service(
    wish: _Wish,
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
    minimize: _Minimize = False,
) -> _Judge:
    """Judge any gRPC service, at its own socket or behind a daemon's. Of its own methods only those are called that are named."""
    from argosy.testkit import service as suite
    from argosy.testkit.service.anything import ANYTHING

    has, lacks, socket = wish.has or (), wish.lacks or (), address or Target.socket()
    return _Judge(
        suite.SUITE,
        suite.able(has, lacks),
        lambda: suite.begun(socket, name, unary or (), stream or (), wish.deadline, has, lacks, ends),
        suite.begin,
        suite.subject,
        _anything(minimize, ANYTHING),
    )


VERBS: Final[dict[str, Verb | Group]] = {
    "verify": Group(
        "Whether a plugin keeps containerd's contract: exit code 0 if all checks passed, 1 if one failed, 2 if they could not begin.",
        {
            "snapshotter": _verb(_snapshotter),
            "content": _verb(_content),
            "diff": _verb(_diff),
            "depot": _verb(_depot),
            "hook": _verb(_hook),
            "verifier": _verb(_verifier, deadline=10.0),
            "shim": _verb(_shim, deadline=10.0),
            "tasks": _verb(_tasks, deadline=10.0),
            "service": _verb(_service),
        },
    ),
}
