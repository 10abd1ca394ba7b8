"""``./run bench [ROW...]``: run rows on both sides and print the ratios."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report
from bench.disk import fresh_disk
from bench.limits import beside, limits
from bench.measure import HEADER, Bench, note
from bench.rows.containers import exec, ps, run, stress
from bench.rows.content import content
from bench.rows.dev import dev
from bench.rows.gc import gc, growth
from bench.rows.images import big
from bench.rows.kata import kata
from bench.rows.process import after, process
from bench.rows.registries import one_layer, transfer, warm
from bench.rows.rpc import unary
from bench.rows.shim import shim
from bench.rows.snapshots import prepare
from bench.rows.variants import variants
from bench.setup import OUT, Setup
from bench.sides import Failed

# What fills which rows, in the order in which they run. Some make sides of their own.
_SHARED: dict[str, Callable[[Bench], None]] = {
    "unary unary-cpu unary-32 writes-32": unary,
    "read write": content,
    "prepare": prepare,
    "run": run,
    "ps": ps,
    "exec": exec,
    "stress": stress,
    "shim": shim,
    "dev": dev,
}
_OWN: dict[str, Callable[[Bench, Setup], None]] = {
    "idle start": process,
    "after": after,
    "gc": gc,
    "growth": growth,
    "import pull pull-argosy rm": big,
    "transfer": transfer,
    "one-layer": one_layer,
    "warm": warm,
    "variants": variants,
    "kata": kata,
}
ROWS = [row for names in (*_SHARED, *_OWN) for row in names.split()]


def facts(setup: Setup) -> dict[str, Any]:
    """What a number needs beside it: the machine and both sides."""
    stock = subprocess.run(["containerd", "--version"], capture_output=True, text=True).stdout.split()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=OUT.parent)
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit.stdout.strip() or "unknown",
        "stock": stock[2] if len(stock) > 2 else "unknown",
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"of {', '.join([*ROWS, 'limits'])}; all but limits when none is named"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    parser.add_argument("--peer", type=Path, help="a directory with another containerd and its shim")
    parser.add_argument("--rounds", type=float, default=1.0, help="how many times the usual number of samples")
    parser.add_argument(
        "--limits", action="store_true", help="measure what the machine itself can do, and print it next to the rows"
    )
    args = parser.parse_args()
    unknown = set(args.rows) - {*ROWS, "limits"}
    if unknown:
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if os.geteuid() != 0:
        print("bench: needs root: it mounts disks and runs containers", file=sys.stderr)
        return 1
    wanted = set(args.rows or ROWS) - {"limits"}
    setup = Setup(args.peer)
    known = facts(setup)
    note(", ".join(f"{k} {v}" for k, v in known.items()))
    results: list[dict[str, Any]] = []
    failed: list[str] = []
    walls = limits(setup) if args.limits or "limits" in args.rows else {}
    if wanted:
        print(HEADER)
        with (
            fresh_disk("ours") as one,
            fresh_disk("stock") as two,
            setup.side(0, one) as ours,
            setup.side(1, two) as theirs,
        ):
            bench = Bench(ours, theirs, args.rounds, wanted, beside(walls) if walls else None)
            for side in bench.sides:
                side.ctr("images", "import", str(setup.small_image()))
            for names in (*_SHARED, *_OWN):
                if not wanted & set(names.split()):
                    continue
                try:
                    if names in _OWN:
                        _OWN[names](bench, setup)
                    else:
                        _SHARED[names](bench)
                except Failed as error:
                    failed.append(names)
                    print(f"{names}: FAILED: {error}", flush=True)
            results = [r.record() for r in bench.results if r.row in wanted]
    record = {"facts": known, "results": results, "limits": walls}
    with (OUT / "history.jsonl").open("a") as history:
        history.write(json.dumps(record) + "\n")
    if args.json:
        args.json.write_text(json.dumps(record, indent=2))
    report.write(OUT.parent / "report.html", known, results, walls)
    missed = [r for r in results if r["required"] is not None and r["ratio"] is not None and not _met(r)]
    print(f"{len(results)} results, {len(missed)} required ratios missed, {len(failed)} rows failed; see bench/report.html")
    return 1 if failed else 0


def _met(result: dict[str, Any]) -> bool:
    ratio, required = float(result["ratio"]), float(result["required"])
    return ratio >= required if result["higher_is_better"] else ratio <= required


if __name__ == "__main__":
    sys.exit(main())
