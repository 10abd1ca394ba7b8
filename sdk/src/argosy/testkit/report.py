"""What a suite found, as people, programs and CI servers read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree

from argosy.testkit.suite import Report, Result, Verdict

_MARKS: Final = {Verdict.PASSED: "ok", Verdict.FAILED: "FAIL", Verdict.SKIPPED: "skip", Verdict.NOT_RUN: "----"}
# What XML cannot hold at all.
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def lines(result: Result) -> Iterator[str]:
    """Yield what people read of one check: a line, and of one that failed what was sent, expected and got."""
    time = f"{result.seconds:6.2f} s" if result.verdict in (Verdict.PASSED, Verdict.FAILED) else " " * 8
    yield f"{_MARKS[result.verdict]:<4}  {time}  {result.name}{f': {result.why}' if result.why else ''}"
    if result.verdict is not Verdict.FAILED:
        return
    yield f"        rule      {result.sentence}"
    yield f"        sent      {result.sent}"
    yield f"        expected  {result.expected}"
    yield f"        got       {result.got}"
    for number, call in enumerate(result.calls):
        yield f"        {'' if number else 'calls':<8}  {call}"


def summary(report: Report) -> str:
    """Return one line about all of it."""
    counts = [f"{len(report.of(verdict))} {verdict.value}" for verdict in Verdict if report.of(verdict)]
    text = f"{report.subject}: {len(report.results)} checks, {', '.join(counts) or 'none'}, in {report.seconds:.1f} s"
    return f"{text}; {report.left}" if report.left else text


def as_json(report: Report) -> dict[str, Any]:
    """Return all of it as what JSON can hold."""
    return {
        "kind": report.kind,
        "subject": report.subject,
        "passed": report.passed,
        "seconds": round(report.seconds, 3),
        "left": report.left,
        "checks": [
            {
                "name": one.name,
                "sentence": one.sentence,
                "verdict": one.verdict.value,
                "seconds": round(one.seconds, 3),
                **({"why": one.why} if one.why else {}),
                **(
                    {"sent": one.sent, "expected": one.expected, "got": one.got, "calls": one.calls}
                    if one.verdict is Verdict.FAILED
                    else {}
                ),
            }
            for one in report.results
        ],
    }


def as_junit(report: Report) -> bytes:
    """Return all of it as JUnit's XML."""
    failed, passed_over = report.of(Verdict.FAILED), report.of(Verdict.SKIPPED)
    missing = report.of(Verdict.NOT_RUN)
    suite = ElementTree.Element(
        "testsuite",
        name=_plain(report.subject),
        tests=str(len(report.results)),
        failures=str(len(failed)),
        errors=str(len(missing)),
        skipped=str(len(passed_over)),
        time=f"{report.seconds:.3f}",
    )
    for one in report.results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_plain(report.kind), name=one.name, time=f"{one.seconds:.3f}"
        )
        if one.verdict is Verdict.FAILED:
            failure = ElementTree.SubElement(case, "failure", message=_plain(f"expected {one.expected}, got {one.got}"))
            failure.text = _plain("\n".join(line.strip() for line in lines(one)))
        elif one.verdict is Verdict.NOT_RUN:
            ElementTree.SubElement(case, "error", message=_plain(one.why))
        elif one.verdict is Verdict.SKIPPED:
            ElementTree.SubElement(case, "skipped", message=_plain(one.why))
    data: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return data


def _plain(text: str) -> str:
    return _NO_XML.sub("�", text)
