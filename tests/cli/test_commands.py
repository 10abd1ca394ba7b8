"""Every command is found where the command line looks for it, and loads what it needs and no more."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from argosy_cli.commands import COMMANDS

from tests.harness.mesh import IMAGE, Mesh

# What takes a start longer than the work of most commands.
_HEAVY = (
    "asyncio",
    "typer",
    "click",
    "rich",
    "pydantic",
    "anyio",
    "aiohttp",
    "tempfile",
    "shutil",
    "importlib.metadata",
    "structlog",
)
_RUN = """
import sys
from pathlib import Path
from argosy_cli.main import run
code = run(sys.argv[2:])
print(code, *sorted({name for name in sys.argv[1].split() if name in sys.modules}))
"""


def loaded_by(address: str, *words: str) -> tuple[str, set[str]]:
    """Run a command against a socket; return its exit code, and what it has loaded that is heavy."""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", _RUN, " ".join(_HEAVY), "-a", address, *words],
        capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    code, *loaded = ran.stdout.splitlines()[-1].split()
    return code, set(loaded)


def test_the_table_of_commands_is_what_the_modules_have() -> None:
    for module, commands in COMMANDS.items():
        assert list(importlib.import_module(f"argosy_cli.{module}").VERBS) == list(commands), module


@pytest.mark.parametrize(
    ("words", "may"),
    [
        (("ps",), ""),
        (("kill", "a"), "asyncio"),
        (("version",), "importlib.metadata shutil tempfile"),
        (("plugins",), ""),
        (("namespaces",), ""),
        (("plugin", "ls"), ""),
        (("tag", "a", "b"), "asyncio"),
        (("images",), ""),
        (("rmi", "a"), "asyncio"),
        (("content", "active"), ""),
        (("content", "get", "sha256:" + "0" * 64), "asyncio"),
        (("snapshots", "ls"), "asyncio"),
        (("leases", "ls"), ""),
        (("leases", "rm", "a"), "asyncio"),
        (("rm", "a"), "anyio shutil asyncio"),
        (("logs", "a"), "anyio asyncio"),
        (("exec", "a", "b"), "asyncio"),
        (("run", "-d", "a", "b"), "asyncio"),
    ],
)
def test_a_command_loads_what_a_call_needs(words: tuple[str, ...], may: str) -> None:
    code, loaded = loaded_by("/nonexistent/argosy.sock", *words)
    assert code == "7" and loaded <= set(may.split())


@pytest.mark.root
def test_a_command_that_has_a_daemon_loads_nothing_heavy_either(mesh: Mesh) -> None:
    """No options are explained, no documents of a registry are checked, no bars are drawn."""
    heavy = {"typer", "click", "rich", "pydantic", "aiohttp", "importlib.metadata", "structlog"}
    for words in (
        ("run", "-d", "--name", "light", IMAGE, "sleep", "100"), ("run", "--rm", IMAGE, "true"), ("exec", "light", "true"), ("ps",),
        ("images",), ("logs", "light"), ("kill", "-s", "KILL", "light"), ("rm", "-f", "light"), ("content", "ls"), ("snapshots", "ls"),
    ):  # fmt: skip
        code, loaded = loaded_by(str(mesh.address), *words)
        assert code == "0" and not loaded & heavy, words


def test_words_that_are_not_plain_are_told_of_by_the_framework() -> None:
    for words, said in ((["ps", "--help"], "Usage: argosy ps"), (["ps", "--nope"], "No such option: --nope")):
        ran = subprocess.run(
            [sys.executable, "-I", "-c", _RUN, "typer rich", *words], capture_output=True, text=True, timeout=60, check=True
        )
        assert said in ran.stdout + ran.stderr
        assert ran.stdout.splitlines()[-1].split() == ["0" if "--help" in words else "2", "typer"], ran


def test_a_command_whose_interpreter_is_closed_to_its_user_says_so(tmp_path: Path) -> None:
    """As in another one's home directory; what any Python says then is not what is wrong."""
    copied = tmp_path / "argosy"
    shutil.copy(Path(__file__).parents[2] / "cli/bin/argosy", copied)
    outside = {"PATH": "/usr/bin:/bin"}
    ran = subprocess.run([copied, "-a", "/nowhere.sock", "ps"], env=outside, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 1 and ran.stderr.startswith("argosy: not installed for "), ran.stderr
    assert str(copied) in ran.stderr and "Traceback" not in ran.stderr
