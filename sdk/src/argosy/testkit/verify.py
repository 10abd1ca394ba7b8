"""A suite in one call, for a test: ``report = await verify.snapshotter("/run/mine.sock")``, and ``assert report.passed, explained(report)``.

Each raises what keeps it from beginning (Unavailable, Unimplemented, InvalidArgument). Cancellation: what was made is removed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from argosy.testkit.report import lines
from argosy.testkit.suite import Report, Verdict, judge
from argosy.testkit.target import reached


async def snapshotter(
    address: str | Path, name: str = "", *, namespace: str = "", focus: str = "", skip: str = "", fast: bool = False,
    deadline_s: float = 5.0, has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a snapshotter at a plugin's socket, or the one of that name at a daemon's."""
    from argosy.testkit import snapshotter as suite  # only what is judged is loaded

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(os.geteuid() == 0, has, lacks)
    async with reached(address, namespace, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target, name))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, name, check), report)


async def content(
    address: str | Path, *, namespace: str = "", focus: str = "", skip: str = "", fast: bool = False,
    deadline_s: float = 5.0, has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a content store at a plugin's socket, or a daemon's."""
    from argosy.testkit import content as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with reached(address, namespace, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def diff(
    address: str | Path, store: str | Path | None = None, *, namespace: str = "", focus: str = "", skip: str = "",
    fast: bool = False, deadline_s: float = 5.0, has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a differ; store is the socket of the content store that it works with, if that is another."""
    from argosy.testkit import diff as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(os.geteuid() == 0, has, lacks)
    async with suite.reached_with(address, store, namespace, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def depot(
    address: str | Path, name: str = "", *, image: str = "", focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 5.0,
    has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a depot at a plugin's socket, or the one of that name at a daemon's. image is one that is there, for a depot that takes none.

    What is put there stays there: a depot has no word for removing.
    """
    from argosy.testkit import depot as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with suite.begun(address, name, image, able, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def hook(
    address: str | Path, *, points: Collection[str] = (), allowed: Sequence[str] = (), denied: Sequence[str] = (), namespace: str = "",
    focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 5.0, has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a hook, at the points that it says that it is for, or at points. allowed and denied are names of images."""
    from argosy.testkit import hook as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with suite.begun(address, points, allowed, denied, namespace, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def verifier(
    address: str | Path, *, accepted: Sequence[str] = (), rejected: Sequence[str] = (), namespace: str = "", focus: str = "",
    skip: str = "", fast: bool = False, deadline_s: float = 10.0, has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge an image verifier. accepted and rejected are images, each ``NAME@DIGEST``."""
    from argosy.testkit import verifier as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with suite.begun(address, accepted, rejected, namespace, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def shim(
    binary: Path, *, focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 10.0,
    has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a shim by its binary, as root."""
    from argosy.testkit import shim as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with suite.begun(binary, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def tasks(
    address: str | Path, daemon: str | Path | None = None, runtime: str = "io.containerd.runc.v2", *, namespace: str = "",
    focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 10.0, has: Collection[str] = (),
    lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a Tasks service, as root; daemon is the socket of the daemon that knows its containers, if that is another."""
    from argosy.testkit import tasks as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with suite.begun(address, daemon, namespace, runtime, able, deadline_s) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


async def service(
    address: str | Path, name: str, *, unary: Sequence[str] = (), streams: Sequence[str] = (), ends: int = 0,
    focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 5.0, has: Collection[str] = (),
    lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge any gRPC service. unary and streams are methods that may be called with an empty message; ends is a process to end at last."""
    from argosy.testkit import service as suite

    checks, able = suite.SUITE.choose(focus, skip, fast), suite.able(has, lacks)
    async with suite.begun(address, name, unary, streams, deadline_s, has, lacks, ends) as target:
        report = Report(suite.SUITE.kind, await suite.begin(target))
        return await judge(suite.SUITE, checks, able, lambda check: suite.subject(target, check), report)


def explained(report: Report) -> str:
    """Return what went wrong, as a person reads it; "" when nothing did."""
    wrong = [*report.of(Verdict.FAILED), *report.of(Verdict.NOT_RUN)]
    return "\n".join(["", *(line for one in wrong for line in lines(one))]) if wrong else ""
