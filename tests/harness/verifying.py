"""What our tests want of a suite's report."""

from __future__ import annotations

from collections.abc import Collection

from argosy.testkit.suite import Report, Verdict
from argosy.testkit.verify import explained


def all_passed(report: Report, skipped: Collection[str] = ()) -> None:
    """Assert that every check was made and passed, but for those that are told."""
    wrong = explained(report)
    assert not wrong, wrong
    left_out = {one.name for one in report.of(Verdict.SKIPPED)}
    assert left_out == set(skipped), left_out
