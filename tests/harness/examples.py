"""The examples, as a user runs them: by hand, with the lines that they print themselves."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.harness.mesh import Ran, run
from tests.harness.processes import ending

EXAMPLES = Path(__file__).parents[2] / "examples"


def by_hand(name: str, *args: str) -> Ran:
    """Run an example from anywhere, as a program."""
    return run([sys.executable, str(EXAMPLES / f"{name}.py"), *args])


@cache
def introduction(name: str) -> str:
    """Return what an example says without arguments."""
    said = by_hand(name)
    assert (said.code, said.err) == (0, ""), said
    return said.out


def lines_of(name: str) -> list[str]:
    """Return what an example says to be typed or written into a file, a text a piece."""
    return pieces(introduction(name))


def pieces(text: str) -> list[str]:
    """Return the parts of a text that are indented, without their indentation."""
    found = re.findall(r"(?:^(?:    .*)?\n)*^    .*$", text, re.MULTILINE)
    return ["\n".join(line[4:] for line in piece.strip("\n").splitlines()) for piece in found]


def config_of(name: str, address: Path, piece: int = 1) -> str:
    """Return the lines that tell a daemon of an example that is served at address."""
    text = lines_of(name)[piece]
    said = re.sub(r'^address = ".*"$', f'address = "{address}"', text, flags=re.MULTILINE)
    assert said != text, text
    return said


def tables(config: str) -> str:
    """Return a configuration without what stands before its first table."""
    return config[config.index("[proxy_plugins") :]


def disabled_by(config: str) -> tuple[str, ...]:
    """Return what a configuration has a daemon leave out of its own."""
    return tuple(tomllib.loads(config)["disabled_plugins"])


def merged(*configs: str) -> str:
    """Return configurations of containerd's as one."""
    disabled = [id for config in configs for id in disabled_by(config)]
    return "\n".join(["version = 2", f"disabled_plugins = {json.dumps(disabled)}", *map(tables, configs)])


def code_lines(text: str) -> int:
    """Count the lines of a file that are neither blank, comments nor docstrings."""
    described: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            end = node.body[0].end_lineno
            assert end is not None
            described |= set(range(node.body[0].lineno, end + 1))
    empty = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in empty:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - described)


@contextmanager
def serving(name: str, base: Path, *flags: str, end: signal.Signals = signal.SIGTERM) -> Iterator[Path]:
    """Serve an example as a service manager does, which hears that it is ready; end it, and see that it ends in order.

    What it says goes to ``NAME.out`` and ``NAME.err`` in base.
    """
    address, heard = base / f"{name}.sock", base / f"{name}.notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(heard))
        manager.settimeout(20)
        with (base / f"{name}.out").open("w") as out, (base / f"{name}.err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, str(EXAMPLES / f"{name}.py"), "--address", str(address), *flags],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, "NOTIFY_SOCKET": str(heard)},
            )  # fmt: skip
        with ending(process):
            assert manager.recv(64) == b"READY=1", (base / f"{name}.err").read_text()
            try:
                yield address
            finally:
                process.send_signal(end)
                code = process.wait(20)
            assert code == 0, (code, (base / f"{name}.err").read_text())
            assert manager.recv(64) == b"STOPPING=1"
            assert not address.exists()
    heard.unlink()
