"""``argosy oci-hook`` does what ``containerd oci-hook`` does with the same words."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness.mesh import ARGOSY

OURS = (str(ARGOSY), "oci-hook")
STOCK = ("containerd", "oci-hook")
WORDS = [
    "{{id}}", "{{ id }}", "x {{- id -}} y", "{{bundle}}/{{rootfs}}", "{{pid}} {{status}}", '{{annotation "k"}} {{annotation `k`}}',
    '[{{annotation "none"}}]', 'plain }}', "{{/* nothing */}}z", '{{"a"}}', "a\n{{id}}",
]  # fmt: skip
WRONG = ["{{nope}}", "{{", "{{id", "{{.ID}}", "{{annotation}}", '{{id "k"}}', '{{annotation "k}}']


@pytest.fixture(params=["rootfs", "/elsewhere/root"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "config.json").write_text(json.dumps({"root": {"path": request.param}}))
    annotations = {"k": "v w {{id}}"}
    return {
        "ociVersion": "1.0.2",
        "id": "c",
        "status": "created",
        "pid": 42,
        "bundle": str(tmp_path),
        "annotations": annotations,
    }


def hook(
    command: tuple[str, ...], state: Any, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    given = state if isinstance(state, str) else json.dumps(state)
    return subprocess.run([*command, *words], input=given, capture_output=True, text=True, env=env, timeout=20)


@pytest.mark.skipif(shutil.which("containerd") is None, reason="no containerd to compare with")
def test_words_are_filled_in_as_containerd_does(state: dict[str, Any]) -> None:
    words = ("--", "/usr/bin/printf", "<%s>\n", *WORDS, "-n", "--help", "-o")
    ours, stock = hook(OURS, state, *words), hook(STOCK, state, *words)
    assert (ours.returncode, ours.stdout) == (stock.returncode, stock.stdout) and "<c>" in ours.stdout


@pytest.mark.parametrize("word", WRONG)
def test_a_word_that_says_nothing_is_refused_and_nothing_runs(state: dict[str, Any], word: str) -> None:
    ran = hook(OURS, state, "/bin/echo", "ran", word)
    assert ran.returncode != 0 and ran.stdout == "" and ran.stderr.startswith("argosy: ") and ran.stderr.count("\n") == 1


def test_the_environment_is_filled_in_and_the_programs_code_is_the_hooks(state: dict[str, Any]) -> None:
    ran = hook(OURS, state, "/bin/sh", "-c", 'echo "$A"; exit 7', env={"A": "of-{{id}}", "PATH": "/usr/bin:/bin"})
    assert (ran.returncode, ran.stdout) == (7, "of-c\n")


@pytest.mark.parametrize("given", ["", "junk", "[]", "{}", '{"bundle": "/no/such"}'])
def test_a_state_that_is_none_is_a_sentence(given: str) -> None:
    ran = hook(OURS, given, "/bin/echo", "ran")
    assert ran.returncode != 0 and ran.stdout == "" and ran.stderr.startswith("argosy: ") and ran.stderr.count("\n") == 1


def test_a_program_that_is_not_there_is_named(state: dict[str, Any]) -> None:
    ran = hook(OURS, state, "/no/such/program")
    assert ran.returncode != 0 and "/no/such/program" in ran.stderr
