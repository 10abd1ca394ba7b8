"""Options: a word that looks like one is one of ours or wrong, what follows the image is the command's, and --output stands anywhere."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, Mesh, run

# A command that a template runs reads the same words; here nothing listens that could have one.
NOWHERE = ("-a", "/nonexistent/argosy.sock")


@pytest.mark.parametrize(
    ("words", "wrong", "nearest"),
    [
        (("run", "--privileg", "alpine", "true"), "--privileg", "--privileged"),
        (("run", "--rmm", "alpine"), "--rmm", "--rm"),
        (("run", "--rm", "--detatch", "alpine", "sleep", "1"), "--detatch", "--detach"),
        (("run", "--memry=64m", "alpine"), "--memry", "--memory"),
        (("run", "-Z", "alpine"), "-Z", ""),
        (("run", "-itZ", "alpine"), "-Z", ""),
        (("exec", "--interactiv", "c", "sh"), "--interactiv", "--interactive"),
        (("exec", "--workdirr", "/", "c", "sh"), "--workdirr", "--workdir"),
        (("exec", "-Z", "c", "sh"), "-Z", ""),
    ],
)
def test_a_misspelt_option_is_no_image_and_no_container(words: tuple[str, ...], wrong: str, nearest: str) -> None:
    ran = run([str(ARGOSY), *NOWHERE, *words])
    assert ran.code == 2 and f"No such option: {wrong}" in ran.err and nearest in ran.err, ran.err
    assert f"argosy {words[0]} -h" in ran.err and "Traceback" not in ran.err


@pytest.mark.parametrize("cpus", ["-1", "nan", "inf", "0.0001", "many"])
def test_what_is_no_number_of_cpus_is_refused_before_anything_is_asked(cpus: str) -> None:
    ran = run([str(ARGOSY), *NOWHERE, "run", "--cpus", cpus, "alpine", "true"])
    assert ran.code == 2 and "Traceback" not in ran.err and "no such socket" not in ran.err, ran.err


@pytest.mark.parametrize("words", [("run", "-it", "alpine", "sh"), ("exec", "-i", "-t", "c", "sh")])
def test_a_terminal_wants_one_for_its_input(words: tuple[str, ...]) -> None:
    """The end of a pipe is lost in a terminal that a shell sets up anew: such a container waited for ever."""
    ran = run([str(ARGOSY), *NOWHERE, *words], input="exit\n")
    assert ran.code != 0 and "-i with -t wants a terminal for standard input" in ran.err, ran.err


def test_the_version_is_told_without_a_daemon() -> None:
    assert run([str(ARGOSY), *NOWHERE, "--version"]).ok().out == f"argosy {version('argosy-cli')}\n"


def test_an_output_form_that_nobody_knows_is_refused_wherever_it_stands() -> None:
    for words in (("-o", "xml", "ps"), ("ps", "-o", "xml"), ("content", "ls", "--output=xml")):
        ran = run([str(ARGOSY), *NOWHERE, *words])
        assert ran.code == 2 and '"xml" is no output form; use table or json' in ran.err


@pytest.mark.root
def test_output_stands_before_the_verb_or_after_it(mesh: Mesh) -> None:
    for words in (("ps",), ("images",), ("version",), ("status",), ("content", "ls"), ("leases", "ls")):
        before, after = mesh.argosy("-o", "json", *words).ok().out, mesh.argosy(*words, "-o", "json").ok().out
        assert type(json.loads(before)) is type(json.loads(after)), words
        assert not mesh.argosy("-o", "json", *words, "-o", "table").ok().out.startswith(("[", "{"))
    failed = mesh.argosy("tag", "nope", "x", "--output", "json")
    assert json.loads(failed.err)["class"] == "NotFound"


@pytest.mark.root
def test_what_follows_the_image_is_the_commands(mesh: Mesh) -> None:
    assert mesh.argosy("run", "--rm", "busybox", "echo", "--name", "-o", "json", "--rm").ok().out == "--name -o json --rm\n"
    assert mesh.argosy("run", "--rm", "--", "busybox", "echo", "-d").ok().out == "-d\n"


@pytest.mark.root
def test_tables_keep_to_the_width_that_is_asked_for(mesh: Mesh) -> None:
    def longest(columns: str) -> int:
        command = [str(ARGOSY), "-a", str(mesh.address), "images"]
        return max(len(line) for line in run(command, env={"COLUMNS": columns}).ok().out.splitlines())

    whole = longest("")
    assert whole > 60 and longest("60") <= 60 and longest("1000") == whole
    for nonsense in ("0", "-1", "wide"):
        assert longest(nonsense) == whole


def test_a_file_that_cannot_be_had_is_told_in_words(tmp_path: Path) -> None:
    """Neither the number nor the name of an error."""
    (tmp_path / "file").touch()
    for words, told in (
        (("up", "--root", f"{tmp_path}/file/x", "--state", f"{tmp_path}/s"), f"{tmp_path}/file/x: not a directory"),
        (("up", "--root", f"{tmp_path}/r", "--state", "/proc/none"), "/proc/none: no such file or directory"),
        (("up", "--config", str(tmp_path)), f"{tmp_path} cannot be read: Is a directory"),
    ):
        ran = run([str(ARGOSY), *words])
        assert ran.code in (1, 2) and told in ran.err and "rrno" not in ran.err, ran.err


def test_an_address_may_be_written_as_containerds_clients_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option, and by the variables of both."""
    for words, variable in ((("-a", "unix:///nonexistent/x.sock"), ""), ((), "ARGOSY_ADDRESS"), ((), "CONTAINERD_ADDRESS")):
        if variable:
            monkeypatch.setenv(variable, "unix:///nonexistent/x.sock")
        ran = run([str(ARGOSY), *words, "ps"])
        assert ran.code == 7 and "containerd at /nonexistent/x.sock: cannot connect: no such socket" in ran.err, ran
        if variable:
            monkeypatch.delenv(variable)
