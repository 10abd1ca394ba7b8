"""argosy plugin dev: how long after a save the new code serves."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from argosy_cli.new import project

from bench.measure import Bench, Result, Series
from bench.sides import ARGOSY, Failed

_SERVES = r"version \d+ serves, ([0-9.]+) s after the save \(\d+ checks passed in ([0-9.]+) s"
_WITHIN_S = 20.0


def dev(bench: Bench) -> None:
    """Row dev, of ours alone: a snapshotter that `plugin new` has written is saved again and again, with other bytes."""
    base = bench.ours.base / "dev"
    base.mkdir()
    file, said = base / "saved.py", base / "said"
    text = project("snapshotter", "saved")["saved.py"]
    file.write_text(text)
    with said.open("wb") as out:
        session = subprocess.Popen(
            [str(ARGOSY), "--address", str(bench.ours.address), "plugin", "dev", str(file)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "ARGOSY_DEV_DIR": str(base / "d")},
        )  # fmt: skip
    try:
        _await(session, partial(_has, said, 0))
        for n in range(bench.rounds(10)):
            time.sleep(1)  # a person takes longer, and the next interpreter is ahead by then
            file.write_text(f"{text}\n# {n}\n")
            _await(session, partial(_has, said, n + 1))
    except TimeoutError:
        raise Failed(f"plugin dev: {said.read_text()[-2000:]}") from None
    finally:
        session.terminate()
        session.wait(30)
    found = re.findall(_SERVES, said.read_text())
    values = Series([float(after) * 1e3 for after, _ in found])
    checks = Series([float(took) * 1e3 for _, took in found])
    bench.add(Result("dev", "save to new code serving, checked", "ms", values, Series(), note="(700 ms at most)"))
    bench.add(Result("dev", "of which its checks", "ms", checks, Series()))


def _has(said: Path, saves: int) -> bool:
    """Return whether the first version serves, and so many saves have come to serve."""
    text = said.read_text()
    return "version 1 serves" in text and len(re.findall(_SERVES, text)) >= saves


def _await(session: subprocess.Popen[bytes], done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not done():
        if time.monotonic() > deadline or session.poll() is not None:
            raise TimeoutError
        time.sleep(0.02)
