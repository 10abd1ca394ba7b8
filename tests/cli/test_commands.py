"""Every command is found where the command line looks for it, and loads what it needs and no more."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from argosy_cli import main

# What takes a start longer than the work of most commands.
_HEAVY = ("typer", "click", "rich", "pydantic", "anyio", "aiohttp", "tempfile", "shutil", "importlib.metadata", "structlog")
_RUN = """
import sys
from argosy_cli.main import run
code = run(sys.argv[2:])
print(code, *sorted({name for name in sys.argv[1].split() if name in sys.modules}))
"""


def test_the_table_of_commands_is_what_the_modules_have() -> None:
    for module, commands in main.COMMANDS.items():
        assert list(importlib.import_module(f"argosy_cli.{module}").VERBS) == list(commands), module


@pytest.mark.parametrize(
    ("words", "may"),
    [
        (("ps",), ""),
        (("kill", "a"), ""),
        (("version",), ""),
        (("plugins",), ""),
        (("namespaces",), ""),
        (("tag", "a", "b"), "anyio pydantic tempfile shutil"),
        (("images",), "anyio pydantic tempfile shutil"),
        (("rmi", "a"), ""),
        (("content", "active"), ""),
        (("content", "get", "sha256:" + "0" * 64), ""),
        (("snapshots", "ls"), ""),
        (("leases", "ls"), ""),
        (("leases", "rm", "a"), ""),
        (("rm", "a"), "anyio pydantic tempfile shutil"),
        (("logs", "a"), "anyio pydantic tempfile shutil"),
        (("exec", "a", "b"), "anyio pydantic tempfile shutil"),
        (("run", "-d", "a", "b"), "anyio pydantic tempfile shutil"),
    ],
)
def test_a_command_loads_what_it_needs(words: tuple[str, ...], may: str) -> None:
    """No daemon is there; until that is known, all has been loaded that a call needs."""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", _RUN, " ".join(_HEAVY), "-a", "/nonexistent/argosy.sock", *words],
        capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    code, *loaded = ran.stdout.splitlines()[-1].split()
    assert code == "7" and set(loaded) <= set(may.split()), ran


def test_words_that_are_not_plain_are_told_of_by_the_framework() -> None:
    for words, said in ((["ps", "--help"], "Usage: argosy ps"), (["ps", "--nope"], "No such option: --nope")):
        ran = subprocess.run(
            [sys.executable, "-I", "-c", _RUN, "typer rich", *words], capture_output=True, text=True, timeout=60, check=True
        )
        assert said in ran.stdout + ran.stderr
        assert ran.stdout.splitlines()[-1].split() == ["0" if "--help" in words else "2", "typer"], ran
