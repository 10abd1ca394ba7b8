"""What is true of every example: it is short, it is listed, and it says by itself what it is and how a daemon takes it."""

from __future__ import annotations

import tomllib

import pytest

from tests.harness.examples import EXAMPLES, by_hand, code_lines, introduction, pieces

LINES = 60
# They take a name for an argument, as any command.
CLIENTS = {"run", "layout"}
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def test_an_example_has_at_most_sixty_lines_of_code() -> None:
    assert {name: count for name in NAMES if (count := code_lines((EXAMPLES / f"{name}.py").read_text())) > LINES} == {}
    assert (
        code_lines('"""doc"""\n\n# comment\nx = """a\nb"""  # too\ndef f():\n    """doc\n    more"""\n    return 1\n') == 4
    )


def test_the_table_of_examples_has_one_line_each() -> None:
    rows = [line for line in (EXAMPLES / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert sorted(row.split("](")[1].split(")")[0].removesuffix(".py") for row in rows) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CLIENTS])
def test_each_plugin_says_what_it_is_and_which_lines_a_daemon_takes(name: str) -> None:
    """By its docstring; what it prints for a daemon is TOML."""
    said = introduction(name)
    assert said.startswith((EXAMPLES / f"{name}.py").read_text().partition("\n")[0].removeprefix('"""').removesuffix('"""'))
    tables = [piece for piece in pieces(said) if "[proxy_plugins" in piece or "[stream_processors" in piece]
    assert [table for table in tables if tomllib.loads(table)] or name == "shim", said
    # Of a store or a differ there is one already.
    assert ("    argosy plugin add s" in said) == any(f'type = "{kind}"' in said for kind in ("snapshot", "service")), said


@pytest.mark.parametrize(("name", "flag"), [("memory", "--size SIZE"), ("aesgcm", "--seal, --no-seal")])
def test_its_flags_are_listed(name: str, flag: str) -> None:
    ran = by_hand(name, "--help")
    assert ran.code == 0 and flag in ran.out and ran.out.count("--help") == 1, ran


def test_a_wrong_command_line_is_an_error_of_one_sentence() -> None:
    ran = by_hand("snapshotter", "--address", "/tmp/x.sock")
    assert ran.code == 2 and "--root" in ran.err
    ran = by_hand("told", "--address", "/nonexistent/" + "x" * 120, "--target", "/t")
    assert ran.code != 0 and ran.err.startswith("told: ") and ran.err.count("\n") == 1, ran
