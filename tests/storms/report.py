"""The storm's table, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.storms.model import Findings


def table(findings: Findings) -> str:
    """Return the invariants with their counts."""
    width = max(len(name) for name in findings.rows)
    lines = [f"{name:<{width}}  {row.count:>6}" for name, row in findings.rows.items()]
    return "\n".join([*lines, f"{'together':<{width}}  {findings.total:>6}"])


def details(findings: Findings, most: int = 4) -> str:
    """Return kinds and examples of everything that is not 0."""
    lines: list[str] = []
    for name, row in findings.rows.items():
        if not row.count:
            continue
        lines.append(f"\n{name}: {row.count}")
        for kind, count in row.kinds.most_common():
            lines.append(f"  {count:>5} x {kind}")
            lines += [f"          {example}" for example in row.examples.get(kind, ())[:most]]
    return "\n".join(lines)


def work(findings: Findings) -> str:
    """Return what was done how often."""
    return "\n".join(f"{count:>8}  {what}" for what, count in sorted(findings.counts.items()))


def markdown(findings: Findings, title: str, facts: Sequence[str]) -> str:
    """Return a page: the table, the kinds of what is not 0, and what was done."""
    lines = [f"# {title}", "", *(f"* {fact}" for fact in facts), "", "| invariant | broken |", "|---|---|"]
    lines += [f"| {name} | {row.count} |" for name, row in findings.rows.items()]
    if findings.total:
        lines += ["", "## What is not 0", "", "| row | kind | times | for example |", "|---|---|---|---|"]
        for name, row in findings.rows.items():
            for kind, count in row.kinds.most_common(12):
                example = next(iter(row.examples.get(kind, [""])), "")
                cells = [name, kind, str(count), example[:240]]
                lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")

    lines += ["", "## What was done", "", "| what | times |", "|---|---|"]
    lines += [f"| {what} | {n} |" for what, n in sorted(findings.counts.items())]
    return "\n".join(lines) + "\n"
