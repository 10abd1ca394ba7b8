"""docs/tutorial-snapshotter.md, as a reader takes it: its own commands, from an empty directory to a stock containerd."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from argosy.testkit.image import oci_archive

from tests.harness.containerd import Containerd
from tests.harness.mesh import BIN, Mesh, eventually
from tests.harness.processes import ending

PAGE = Path(__file__).parents[2] / "docs/tutorial-snapshotter.md"
IMAGE = "docker.io/library/alpine:latest"
# What a session says of a save, in the end.
VERDICT = r"version \d+ serves|is not used"
# From an empty directory to a container.
COMMANDS, WITHIN_S = 6, 60.0


class Block(NamedTuple):
    """Commands of the page."""

    heading: str
    background: bool
    text: str

    @property
    def commands(self) -> list[str]:
        return self.text.strip().splitlines()


def blocks() -> list[Block]:
    """Return the page's commands, in their order."""
    found, heading = [], ""
    for part in re.finditer(r"^## ([^\n]*)$|^```sh( background)?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if part.group(1):
            heading = part.group(1)
        else:
            found.append(Block(heading, bool(part.group(2)), part.group(3)))
    return found


class Reader:
    """Somebody with a shell, who types what the page says."""

    def __init__(self, base: Path, home: Path, mesh: Mesh, stock: Containerd) -> None:
        self.base, self.home, self.stock = base, home, stock
        self.env = {
            **os.environ, "PATH": f"{base / 'bin'}:{BIN}:{os.environ['PATH']}", "ARGOSY_ADDRESS": str(mesh.address),
            "CONTAINERD_ADDRESS": str(stock.address), "ARGOSY_DEV_DIR": str(base / "d"), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.where = home
        self.typed = 0

    def here(self, command: str) -> str:
        """Return a command with the paths of this test in place of the machine's."""
        for path, ours in (
            ("/etc/containerd/config.toml", self.stock.base / "config.toml"), ("/var/lib/copies", self.base / "root"),
            ("/run/copies.sock", self.base / "copies.sock"),
        ):  # fmt: skip
            command = command.replace(path, str(ours))
        return command

    def type(self, command: str) -> str:
        """Run a command to its end; return what it says."""
        self.typed += 1
        if command.startswith("cd "):
            self.where /= command.removeprefix("cd ")
            return ""
        if command == "sudo systemctl restart containerd":
            self.restart()
            return ""
        text = self.here(command)
        if "copies.py |" in text:  # prints its own usual path
            text = text.replace("| sudo", f"| sed s,/run/copies.sock,{self.base}/copies.sock, | sudo")
        done = subprocess.run(
            ["bash", "-ec", text],
            cwd=self.where,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        return done.stdout

    def restart(self) -> None:
        """Restart the stock daemon with the configuration that is there now."""
        config = (self.stock.base / "config.toml").read_text()
        assert self.stock.process is not None
        self.stock.process.terminate()
        self.stock.process.wait(20)
        self.stock.config = config[config.index("[proxy_plugins") :]
        self.stock.start()

    @contextmanager
    def background(self, command: str) -> Iterator[Path]:
        """Leave a command running; yield the file that takes what it says. A Ctrl-C ends it in order."""
        self.typed += 1
        said = self.base / f"said-{self.typed}"
        with said.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-ec", f"exec {self.here(command)}"],
                cwd=self.where, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        with ending(process):
            yield said
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0, said.read_text()


@pytest.fixture
def reader(short_path: Path) -> Iterator[Reader]:
    """A reader in an empty directory, with a mesh and a stock containerd that both have the image."""
    oci_archive(short_path / "alpine.tar", IMAGE)
    (short_path / "home").mkdir()
    (short_path / "bin").mkdir()
    # Who is root needs none.
    (short_path / "bin/sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (short_path / "bin/sudo").chmod(0o755)
    mesh, stock = Mesh(short_path / "m"), Containerd(short_path / "c")
    mesh.base.mkdir()
    try:
        mesh.start()
        stock.start()
        for peer in (mesh, stock):
            peer.ctr("images", "import", str(short_path / "alpine.tar")).ok()
        yield Reader(short_path, short_path / "home", mesh, stock)
        assert mesh.leftovers() == []
    finally:
        stock.destroy()
        mesh.destroy()


def says(said: Path, pattern: str) -> None:
    """Wait until a command that runs has said something."""
    eventually(
        lambda: re.search(pattern, said.read_text(), re.DOTALL) is not None, 20, f"no {pattern!r} in {said.read_text()}"
    )


@pytest.mark.root
def test_the_page_from_an_empty_directory_to_a_stock_containerd(reader: Reader) -> None:
    first, second, stock, end = (
        "From nothing to a container on it",
        "Change it while it is used",
        "The same file under a stock containerd",
        "The end",
    )
    page = blocks()
    assert list(dict.fromkeys(block.heading for block in page)) == [first, second, stock, end]
    began, until_container = time.monotonic(), 0
    heard: list[Path] = []
    output: dict[str, list[str]] = {first: [], second: [], stock: [], end: []}
    with ExitStack() as running:
        for block in page:
            if block.heading == end:
                break
            for command in block.commands:
                if block.background:
                    heard.append(running.enter_context(reader.background(command)))
                    if block.heading == first:
                        says(heard[0], 'version 1 serves as snapshot plugin "copies"')
                    else:
                        eventually((reader.base / "copies.sock").exists, 20)
                    continue
                verdicts = len(re.findall(VERDICT, heard[0].read_text())) if heard else 0
                output[block.heading].append(reader.type(command))
                if block.heading == second and command.startswith(("sed", "mv")):  # a reader looks what came of a save
                    says(heard[0], f"(?:(?:{VERDICT}).*){{{verdicts + 1}}}")
                if "hello from my own snapshotter\n" in output[block.heading] and not until_container:
                    until_container = reader.typed
                    assert time.monotonic() - began < WITHIN_S
        assert 0 < until_container <= COMMANDS
        dev = heard[0].read_text()
        assert re.search(
            r"version 2 serves, [0-9.]+ s after the save .*version 1 has ended.*\| a snapshot of \d parents", dev, re.DOTALL
        ), dev
        assert re.search(r"copies.py is not used, version 2 serves on:.*a-view-cannot-be-written", dev, re.DOTALL), dev
        assert " 0 failed" in output[first][-1] or " failed" not in output[first][-1].splitlines()[-1]
        assert output[stock][-1] == "hello from a stock containerd\n"
        for block in page:
            if block.heading == end:
                for command in block.commands:
                    reader.type(command)
    assert not list((reader.base / "d").iterdir())
    assert time.monotonic() - began < 2 * WITHIN_S
