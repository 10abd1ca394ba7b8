"""Measuring: samples on two sides in turn, and what a row makes of them."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from bench.sides import Side


@dataclass
class Series:
    """Samples of one quantity on one side, with the CPU seconds that each took."""

    values: list[float] = field(default_factory=list)
    daemon_cpu_s: list[float] = field(default_factory=list)
    client_cpu_s: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else math.nan

    @property
    def p95(self) -> float:
        if not self.values:
            return math.nan
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, math.ceil(0.95 * len(ordered)) - 1)]

    def summary(self) -> dict[str, float]:
        """The numbers that are kept; JSON has no NaN."""
        found = {"median": self.median, "p95": self.p95}
        for name in ("daemon_cpu_s", "client_cpu_s"):
            samples: list[float] = getattr(self, name)
            if samples:
                found[name] = statistics.median(samples)
        return {k: v for k, v in found.items() if not math.isnan(v)}


@dataclass
class Result:
    """One line of the table: a quantity on both sides. Its ratio is ours / theirs."""

    row: str
    what: str
    unit: str
    ours: Series
    theirs: Series
    required: float | None = None
    aim: float | None = None
    higher_is_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours.median / self.theirs.median if self.theirs.values and self.theirs.median else math.nan

    def meets(self, limit: float | None) -> bool | None:
        """Return whether the ratio is on the good side of limit; None when there is nothing to judge."""
        if limit is None or math.isnan(self.ratio):
            return None
        return self.ratio >= limit if self.higher_is_better else self.ratio <= limit

    def record(self) -> dict[str, Any]:
        kept = {k: getattr(self, k) for k in ("row", "what", "unit", "required", "aim", "higher_is_better", "note")}
        kept |= {"ours": self.ours.summary(), "theirs": self.theirs.summary()}
        kept["ratio"] = None if math.isnan(self.ratio) else round(self.ratio, 3)
        return kept


Step = Callable[[Side, int], float | None]


class Bench:
    """What rows work with: both sides, running; rows add results. walls says by row what the machine itself can do."""

    def __init__(
        self,
        ours: Side,
        theirs: Side,
        rounds: float = 1.0,
        wanted: Set[str] = frozenset(),
        walls: Mapping[str, str] | None = None,
    ) -> None:
        self.ours, self.theirs = ours, theirs
        self.wanted = wanted
        self._walls = walls or {}
        self._rounds = rounds
        self.results: list[Result] = []

    @property
    def sides(self) -> Sequence[Side]:
        return (self.ours, self.theirs)

    @staticmethod
    def one(value: float) -> Series:
        """A single sample."""
        return Series([value])

    def rounds(self, usual: int) -> int:
        return max(1, round(usual * self._rounds))

    def turns(self, rounds: int, step: Step, warm: int = 1, scale: float = 1.0) -> tuple[Series, Series]:
        """Call step(side, n) on both sides in turn; the sample is what it returns, or else its seconds times scale.

        The first ``warm`` rounds are not kept. Returns ours, theirs.
        """
        series = (Series(), Series())
        for n in range(-warm, rounds):
            # Who goes first changes, so that neither always finds the machine as the other left it.
            for index in (0, 1) if n % 2 == 0 else (1, 0):
                side, kept = self.sides[index], series[index]
                cpu, client = side.cgroup.cpu_s(), side.client_cpu_s
                began = time.perf_counter()
                value = step(side, n)
                wall = time.perf_counter() - began
                if n >= 0:
                    kept.values.append(wall * scale if value is None else value)
                    kept.daemon_cpu_s.append(side.cgroup.cpu_s() - cpu)
                    kept.client_cpu_s.append(side.client_cpu_s - client)
        return series

    def add(self, result: Result) -> None:
        """Take a result and show it at once."""
        wall = self._walls.get(result.row)
        if wall:
            result.note = f"{result.note} [{wall}]".strip()
        self.results.append(result)
        print(line(result), flush=True)


def shown(value: float) -> str:
    """A number with three digits that count."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


HEADER = f"{'row':<12} {'what':<34} {'ours':>9} {'p95':>8} {'stock':>9} {'p95':>8} {'ratio':>7}  limit"


def line(result: Result) -> str:
    """A result as a line of the table."""
    sign = ">=" if result.higher_is_better else "<="
    verdict = {None: "", True: "ok", False: "MISSED"}[result.meets(result.required)]
    if result.meets(result.aim):
        verdict = "ok, aim met"
    limit = "" if result.required is None else f"{sign} {result.required:g}  {verdict}"
    return (
        f"{result.row:<12} {(result.what + ' ' + result.unit):<34} {shown(result.ours.median):>9} {shown(result.ours.p95):>8} "
        f"{shown(result.theirs.median):>9} {shown(result.theirs.p95):>8} {shown(result.ratio):>7}  {limit} {result.note}"
    ).rstrip()


def note(text: str) -> None:
    """Say what is going on, beside the table."""
    print(f"# {text}", file=sys.stderr, flush=True)
