"""S36: a program that unwraps keys ends with the call that wanted it, and so does what it has started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.encryption import providers, wrapping
from argosy.encryption.base64s import to_base64
from argosy.encryption.payload import PREFIX
from argosy.errors import ArgosyError, DeadlineExceeded, PermissionDenied
from argosy.kernel.process import alive

from tests.harness.mesh import eventually

ANSWER = '{"keyunwrapresults":{"optsdata":"a2V5"}}'
Provider = Callable[[str], Path]


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Return what makes a provider named ``it`` of a shell's lines; ``$D`` is the test's directory."""

    def make(lines: str) -> Path:
        program, config = tmp_path / "program", tmp_path / "providers.json"
        program.write_text(f"#!/bin/sh\nD={tmp_path}\n{lines}\n")
        program.chmod(0o755)
        config.write_text(json.dumps({"key-providers": {"it": {"cmd": {"path": str(program)}}}}))
        monkeypatch.setenv(providers.CONFIG, str(config))
        return tmp_path

    return make


def pid_in(file: Path) -> int:
    def check() -> None:
        assert file.exists() and file.read_text().endswith("\n")

    eventually(check)
    return int(file.read_text())


def is_gone(pid: int) -> None:
    def check() -> None:
        assert not alive(pid)

    eventually(check)


@pytest.mark.parametrize("output", ["", "2>/dev/null >/dev/null"])
def test_an_answer_is_taken_when_the_program_has_ended_and_what_it_left_behind_ends(provider: Provider, output: str) -> None:
    """A child that keeps its parent's output does not hold up the answer, nor outlive it."""
    folder = provider(f"cat >/dev/null; sleep 1000 {output} & echo $! >$D/left; echo '{ANSWER}'")
    assert providers.unwrap("it", b"wrapped", []) == b"key"
    is_gone(pid_in(folder / "left"))


def test_a_child_that_writes_without_end_holds_up_nothing(provider: Provider) -> None:
    folder = provider(f"cat >/dev/null; echo '{ANSWER}'; yes >&2 & echo $! >$D/left")
    assert providers.unwrap("it", b"wrapped", []) == b"key"
    is_gone(pid_in(folder / "left"))


def test_one_that_answers_with_very_much_is_cut_off_and_ends(provider: Provider) -> None:
    folder = provider("echo $$ >$D/me; cat >/dev/null; yes >&2 & yes")
    with pytest.raises(ArgosyError, match="answers with more than 1048576 bytes"):
        providers.unwrap("it", b"wrapped", [])
    is_gone(pid_in(folder / "me"))


@pytest.mark.parametrize("how", ["exec sleep 1000", "exec >&- 2>&-; sleep 1000", "cat >/dev/null; sleep 1000"])
def test_one_that_hangs_is_given_up_with_all_that_it_started(
    provider: Provider, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "ANSWER_S", 0.5)
    folder = provider(f"echo $$ >$D/me; sleep 1000 & echo $! >$D/left; {how}")
    with pytest.raises(DeadlineExceeded, match="has not answered"):
        providers.unwrap("it", b"wrapped", [])
    for name in ("me", "left"):
        is_gone(pid_in(folder / name))


def test_one_goes_with_the_process_that_asked_it(provider: Provider) -> None:
    """Its session is its own, so nobody else's signal comes to it."""
    folder = provider("echo $$ >$D/me; exec sleep 1000")
    code = "from argosy.encryption import providers; providers.unwrap('it', b'wrapped', [])"
    with subprocess.Popen([sys.executable, "-c", code]) as asking:
        pid = pid_in(folder / "me")
        asking.send_signal(signal.SIGKILL)
    is_gone(pid)


def test_an_image_does_not_choose_how_often_one_is_asked(provider: Provider) -> None:
    """A layer may say its key a thousand times, wrapped by the same provider: each time would be a program, and its patience."""
    folder = provider("echo >>$D/asked; cat >/dev/null; exit 1")
    annotations = {
        f"{PREFIX}keys.provider.it": ",".join([to_base64(b"x")] * 500),
        **{f"{PREFIX}keys.provider.n{i}": to_base64(b"x") for i in range(500)},
    }
    with pytest.raises(PermissionDenied, match="is one asked for one layer"):
        wrapping.unwrap(annotations, {})
    assert 1 <= len((folder / "asked").read_text().splitlines()) <= 16


def test_one_is_told_of_nothing_but_its_own(provider: Provider) -> None:
    """What it inherits are its three streams; what it reads has its own parameters, and no key of somebody else's."""
    folder = provider(
        f"ls -l /proc/self/fd >$D/fds; cat >$D/question; tr '\\0' ' ' </proc/$$/cmdline >$D/words; echo '{ANSWER}'"
    )
    keep, other = os.pipe()
    os.set_inheritable(keep, True)
    try:
        secret = b"-----BEGIN CANARY KEY-----"
        with pytest.raises(PermissionDenied):
            wrapping.unwrap(
                {f"{PREFIX}keys.provider.it": to_base64(b"x")},
                {"privkeys": [secret], "it": [b"mine"], "vault": [secret]},
            )
    finally:
        os.close(keep)
        os.close(other)
    numbers = {line.split()[-3] for line in (folder / "fds").read_text().splitlines() if "->" in line}
    assert numbers <= {"0", "1", "2", "3"}  # the last is ls' own
    question = (folder / "question").read_text()
    assert to_base64(b"mine") in question and to_base64(secret) not in question and "CANARY" not in question
    assert "CANARY" not in (folder / "words").read_text()
