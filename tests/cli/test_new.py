"""argosy plugin new: what it writes works, says how it is registered, and loses nothing that is there; a fault is found by the check of its rule."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from argosy.testkit import store, verify
from argosy.testkit.served import served
from argosy.testkit.suite import Report, Verdict
from argosy_cli.new import KINDS, faults, project

from tests.harness.examples import pieces
from tests.harness.mesh import ARGOSY, Ran, run
from tests.harness.verifying import all_passed

ROOT = pytest.mark.root
# The check whose sentence each fault breaks.
FAULTS = {
    ("snapshotter", "lost-commit"): ("commit-makes-a-committed-snapshot", False),
    ("snapshotter", "double-remove"): ("remove-removes", False),
    ("snapshotter", "lost-labels"): ("commit-has-its-own-labels", False),
    ("snapshotter", "nothing-measured"): ("usage-counts-what-is-written", True),
    ("snapshotter", "shared-bytes"): ("children-are-apart", True),
    ("snapshotter", "writable-view"): ("a-view-cannot-be-written", True),
    ("content", "double-delete"): ("a-blob-is-deleted", False),
    ("content", "lost-range"): ("a-range-is-read", False),
    ("content", "read-past-end"): ("nothing-is-read-beyond-the-end", False),
    ("diff", "any-type"): ("a-diff-of-an-unknown-type-is-unimplemented", True),
    ("diff", "lost-label"): ("a-diff-is-compressed", True),
    ("diff", "wrong-diff-id"): ("a-layer-is-applied", True),
    ("shim", "lost-status"): ("a-task-is-created-started-and-ends", True),
    ("depot", "half-kept"): ("fewer-bytes-are-not-kept", False),
    ("depot", "lost-name"): ("a-name-stands-for-its-latest-top", False),
    ("depot", "lost-offset"): ("a-blob-comes-from-any-offset-on", False),
    ("hook", "no-reason"): ("a-no-says-why", False),
    ("hook", "reserved-label"): ("labels-are-its-own-to-set", False),
    ("hook", "rewrites-what-is-here"): ("what-is-here-keeps-its-reference", False),
    ("verifier", "any-digest"): ("other-bytes-are-not-accepted-by-a-name", False),
    ("verifier", "no-reason"): ("it-says-why", False),
    ("verifier", "yes-on-trouble"): ("nothing-is-not-accepted", False),
}


def new(where: Path, *words: str) -> Ran:
    """Run the command, in where."""
    command = [str(ARGOSY), "plugin", "new", *words]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return Ran(command, done.returncode, done.stdout, done.stderr)


def interpreted(text: str) -> str:
    """Return text with one name for this interpreter, which has several."""
    return re.sub(r"/\S*/bin/python[\d.]*", "/bin/python", text)


def judged(kind: str, file: Path, base: Path, focus: str) -> Report:
    """Judge a plugin's file by the check of a name."""
    only = f"^{focus}$"
    if kind == "shim":
        program = base / "containerd-shim-copies-v1"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{file}" "$@"\n')
        program.chmod(0o755)
        return asyncio.run(verify.shim(program, focus=only))
    if kind == "diff":
        with (
            served(store.__file__, "--root", str(base / "content")) as content,
            served(file, "--content", str(content)) as address,
        ):
            return asyncio.run(verify.diff(address, content, focus=only))
    if kind == "hook":
        with served(file) as address:
            return asyncio.run(verify.hook(address, allowed=["docker.io/library/a:1"], denied=["b.example/a:1"], focus=only))
    if kind == "verifier":
        digest = "sha256:" + "a" * 64
        (base / "list").write_text(f"{digest} fine\n")
        with served(file, "--list", str(base / "list")) as address:
            return asyncio.run(verify.verifier(address, accepted=[f"a.example/a:1@{digest}"], focus=only))
    with served(file, "--root", str(base / "root")) as address:
        if kind == "depot":
            return asyncio.run(verify.depot(address, focus=only))
        judge = verify.snapshotter if kind == "snapshotter" else verify.content
        return asyncio.run(judge(address, focus=only))


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_passes_its_own_test(short_path: Path, kind: str) -> None:
    """In a directory of its name, with no word left of the one that it was made of."""
    ran = new(short_path, kind, "copies").ok()
    made = short_path / "copies"
    files = {"copies.py", "test_copies.py", "pyproject.toml", "README.md"}
    files |= set() if kind in ("processor", "shim") else {"copies.service"}
    assert set(os.listdir(made)) == files and "copies" in ran.out
    for file in made.iterdir():
        assert not re.search(r"\bmine|Mine", file.read_text()), file
    assert tomllib.loads((made / "pyproject.toml").read_text())["project"]["name"] == "copies"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(short_path / "t")],
        cwd=made, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout or (kind == "shim" and os.geteuid()), tested.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_prints_of_its_registration_is_what_its_readme_says(short_path: Path, kind: str) -> None:
    """By itself, started without arguments, where it will be: in /usr/local/lib."""
    new(short_path, kind, "copies").ok()
    readme = (short_path / "copies/README.md").read_text()
    said = run([sys.executable, str(short_path / "copies/copies.py")]).ok().out
    said = said.replace(str(short_path), "/usr/local/lib")
    lines = [piece for piece in pieces(said) if piece.startswith(("[proxy", "[stream", "version", "argosy plugin", "ctr"))]
    assert lines or kind == "shim"
    for piece in lines:
        assert interpreted(piece.replace("IMAGE ID COMMAND", "").strip()) in interpreted(readme.replace(" --rm", "")), piece
    described = json.loads(run([sys.executable, str(short_path / "copies/copies.py"), "--describe"]).ok().out)
    kinds = {"snapshotter": "snapshot"}
    assert described["kind"] == kinds.get(kind, kind) and described["root"] is (kind in ("snapshotter", "content", "depot"))
    if (unit := short_path / "copies/copies.service").exists() and shutil.which("systemd-analyze"):
        # It knows what each line means; the file is not there yet, which it may say.
        checked = run(["systemd-analyze", "verify", "--man=no", str(unit)])
        assert not re.search(r"Unknown|Invalid|Failed to parse|ignoring", checked.err), checked


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        pytest.param(kind, fault, id=f"{kind}-{fault}", marks=[ROOT] if needs_root else [])
        for (kind, fault), (_, needs_root) in FAULTS.items()
    ],
)
def test_the_verdict_names_the_fault(short_path: Path, kind: str, fault: str) -> None:
    """And no project without one fails the same check."""
    name, _ = FAULTS[kind, fault]
    new(short_path, kind, "copies", "--broken", fault, "--directory", str(short_path / "broken")).ok()
    report = judged(kind, short_path / "broken/copies.py", short_path, name)
    assert name in {one.name for one in report.of(Verdict.FAILED)}, verify.explained(report)
    if kind in ("depot", "hook", "verifier"):
        return  # a project's own test leaves no check of theirs out
    shutil.rmtree(short_path / "root", ignore_errors=True)
    new(short_path, kind, "copies").ok()
    all_passed(judged(kind, short_path / "copies/copies.py", short_path, name))


def test_every_fault_that_there_is_is_tried() -> None:
    assert {(kind, fault) for kind in KINDS for fault in faults(kind)} == FAULTS.keys()


def test_the_command_says_which_rule_is_broken(short_path: Path) -> None:
    new(short_path, "snapshotter", "copies", "--broken", "lost-commit").ok()
    with served(short_path / "copies/copies.py", "--root", str(short_path / "r")) as address:
        ran = run([str(ARGOSY), "verify", "snapshotter", "--fast", "--lacks", "mount", "--address", str(address)])
    assert ran.code == 1 and "FAIL" in ran.out
    assert re.search(r"FAIL .* commit-makes-a-committed-snapshot\n +rule +Commit turns an active snapshot into", ran.out), (
        ran
    )


def test_what_is_there_is_not_overwritten(short_path: Path) -> None:
    """Nothing is written beside it either; a directory without these files is as good as none."""
    (short_path / "copies").mkdir()
    (short_path / "copies/copies.py").write_text("mine")
    ran = new(short_path, "content", "copies")
    assert ran.code == 5 and "copies.py already; nothing was written" in ran.err, ran
    assert os.listdir(short_path / "copies") == ["copies.py"] and (short_path / "copies/copies.py").read_text() == "mine"
    (short_path / "other").mkdir()
    (short_path / "other/notes").touch()
    new(short_path, "content", "copies", "--directory", "other").ok()
    assert "copies.py" in os.listdir(short_path / "other")
    assert new(short_path / "other", "content", "more", "-d", ".").code == 5
    assert not (short_path / "other/more.py").exists(), "its README would have been overwritten"
    (short_path / "file").touch()
    ran = new(short_path, "content", "copies", "--directory", "file")
    assert ran.code != 0 and "file" in ran.err and "Traceback" not in ran.err, ran


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("snapshotter", "Copies"), "a letter and then letters and digits, all small"),
        (("snapshotter", "my-own"), "a letter and then letters and digits, all small"),
        (("snapshotter", "../x"), "a letter and then letters and digits, all small"),
        (("snapshotter", "x" * 31), "30 at most"),
        (("snapshotter", "import"), "a word of Python's"),
        (("snapshotter", "json"), '"json.py" would hide the module json'),
        (("snapshotter", "argosy"), '"argosy.py" would hide the module argosy'),
        (("pigeons", "copies"), "there are snapshotter, content, diff, processor, service, shim, depot, hook, verifier"),
        (("snapshotter", "copies", "--broken", "x"), 'no fault "x" to learn from; there are double-remove, lost-commit'),
        (("service", "copies", "--broken", "x"), "there are none"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(short_path: Path, words: tuple[str, ...], said: str) -> None:
    ran = new(short_path, *words)
    assert ran.code == 2 and said in ran.err, ran
    assert os.listdir(short_path) == []


def test_a_project_is_of_this_interpreter() -> None:
    """Its unit starts what has the SDK."""
    files = project("service", "copies")
    assert f"ExecStart={sys.executable} /usr/local/lib/copies/copies.py" in files["copies.service"]


def test_the_page_lists_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs/verify.md").read_text()
    for kind in KINDS:
        row = re.search(rf"^\| {kind} \| (`.*`) \|$", page.split("| kind | faults |")[1], re.MULTILINE)
        assert ({word.strip(" `") for word in row.group(1).split(",")} if row else set()) == set(faults(kind)), kind
