"""The contract suites, run in this process and pointed at a socket."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from argosy.testkit import content, diff, snapshotter
from argosy.testkit.report import lines
from argosy.testkit.suite import Report, Verdict, judge
from argosy.testkit.target import reached


async def snapshotter_at(
    address: Path, name: str = "", *, focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 5.0,
    has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a snapshotter; name is its name in a daemon."""
    checks = snapshotter.SUITE.choose(focus, skip, fast)
    able = snapshotter.able(os.geteuid() == 0, has, lacks)
    async with reached(address, deadline_s=deadline_s) as target:
        report = Report(snapshotter.SUITE.kind, await snapshotter.begin(target, name))
        return await judge(snapshotter.SUITE, checks, able, lambda check: snapshotter.subject(target, name, check), report)


async def content_at(
    address: Path, *, focus: str = "", skip: str = "", fast: bool = False, deadline_s: float = 5.0,
    has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a content store."""
    checks, able = content.SUITE.choose(focus, skip, fast), content.able(has, lacks)
    async with reached(address, deadline_s=deadline_s) as target:
        report = Report(content.SUITE.kind, await content.begin(target))
        return await judge(content.SUITE, checks, able, lambda check: content.subject(target, check), report)


async def diff_at(
    address: Path, store: Path | None = None, *, focus: str = "", skip: str = "", deadline_s: float = 5.0,
    has: Collection[str] = (), lacks: Collection[str] = (),
) -> Report:  # fmt: skip
    """Judge a differ; store is the socket of the store that it works with, if it is another."""
    checks, able = diff.SUITE.choose(focus, skip), diff.able(os.geteuid() == 0, has, lacks)
    async with diff.reached_with(address, store, deadline_s=deadline_s) as target:
        report = Report(diff.SUITE.kind, await diff.begin(target))
        return await judge(diff.SUITE, checks, able, lambda check: diff.subject(target, check), report)


def told(report: Report) -> str:
    """Return what failed, as a person reads it; "" when nothing did."""
    wrong = [*report.of(Verdict.FAILED), *report.of(Verdict.NOT_RUN)]
    return "\n".join(["", *(line for one in wrong for line in lines(one))]) if wrong else ""


def all_passed(report: Report, skipped: Collection[str] = ()) -> None:
    """Assert that every check was made and passed, but for those that are told."""
    wrong = told(report)
    assert not wrong, wrong
    left_out = {one.name for one in report.of(Verdict.SKIPPED)}
    assert left_out == set(skipped), left_out
