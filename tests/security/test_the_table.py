"""The table of rows and the files beside it say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (HERE / "README.md").read_text().splitlines()
    if line.startswith("|") and not line.startswith(("| Row", "| File", "|---"))
]
ROWS = {cells[0]: cells for cells in LINES if re.fullmatch(r"S\d+", cells[0])}
OTHERS = {cells[0].strip("`") for cells in LINES if cells[0].startswith("`")}
FILES = {path.name for path in HERE.glob("test_*.py")}


def test_every_row_is_there_once() -> None:
    """In order; a gap would be a row that nobody looks after."""
    assert [cells[0] for cells in LINES if cells[0] in ROWS] == [f"S{n}" for n in range(1, 41)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_tests(row: str) -> None:
    """At least one file, called after it, whose tests have names and docstrings that state a fact."""
    pattern = f"test_s{int(row[1:]):02}_*"
    assert ROWS[row][3] == f"`{pattern}`"
    files = sorted(HERE.glob(f"{pattern}.py"))
    assert files, f"{row} has no test; write tests/security/{pattern}.py"
    for path in files:
        text = path.read_text()
        assert re.match(rf'"""{row}\b', text), f"{path.name} does not begin with its row"
        assert re.search(r"^(async )?def test_", text, re.MULTILINE), f"{path.name} has no test"


def test_a_file_has_its_row() -> None:
    """Or is listed by its name."""
    assert {name for name in FILES if not re.match(r"test_s\d\d_", name)} == OTHERS & FILES
    assert {int(found[1]) for name in FILES if (found := re.match(r"test_s(\d\d)_", name))} <= set(range(1, 41))
