"""Tables as a person sees them: as wide as what is in them, folded where the screen is less, and nothing of others' names is obeyed."""

from __future__ import annotations

import os
import pty
import re
import sys
import termios

import pytest
from argosy.client.progress import Progress
from argosy.errors import FailedPrecondition, InvalidArgument
from argosy_cli.images import credentials
from argosy_cli.output import fail, remark, show, show_one, table, watching

HEAD = ("ID", "IMAGE", "STATUS")
ROWS = (
    ("c1", "docker.io/library/busybox:latest", "running"),
    ("a-long-name-of-a-container", f"docker.io/library/alpine@sha256:{'0' * 64}", "exited (137)"),
    ("x", "", "created (no record)"),
)


def test_columns_are_as_wide_as_what_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    assert table([("a", "long value", "z"), ("longer", "b", "")], HEAD).splitlines() == [
        "ID      IMAGE       STATUS",
        "a       long value  z",
        "longer  b",
    ]


@pytest.mark.parametrize("width", [1, 7, 12, 20, 40, 79, 80, 120, 139])
def test_a_table_keeps_to_its_width_and_loses_nothing(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = table(ROWS, HEAD).splitlines()
    assert max(map(len, lines)) <= max(width, 7)  # a place each, and two between them
    monkeypatch.setenv("COLUMNS", "1000")
    whole = table(ROWS, HEAD)
    assert sorted("".join(lines).replace(" ", "")) == sorted(whole.replace(" ", "").replace("\n", ""))


def test_words_stay_whole_where_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    assert table([("created (no record)",)], ("STATUS",)).splitlines() == ["STATUS", "created (no", "record)"]
    assert table([("two\nlines",)], ("STATUS",)).splitlines() == ["STATUS", "two", "lines"]


def test_signs_that_take_two_places_or_none_are_counted_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    first, second, third = table([("日本", "b"), ("e\u0301", "c")], ("A", "B")).splitlines()
    assert (first, second, third) == ("A     B", "日本  b", "e\u0301     c")


def test_names_are_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    (_, shown) = table([("\033[2J\x07[bold]:smile:\u202e",)], ("NAME",)).splitlines()
    assert shown == r"\x1b[2J\x07[bold]:smile:\u202e"


def test_what_others_said_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    fail(FailedPrecondition("\033[2Jno\x07"))
    remark("\033[2Jno\x07")
    show_one({"reason": "\033[2Jno\x07"})
    out, err = capsys.readouterr()
    assert err == "argosy: \\x1b[2Jno\\x07\n\\x1b[2Jno\\x07\n"
    assert out == "reason  \\x1b[2Jno\\x07\n"


def test_nothing_is_said_in_a_sentence_or_with_a_header(capsys: pytest.CaptureFixture[str]) -> None:
    show([], ("id",), "no containers")
    show([], ("id",))
    assert capsys.readouterr().out == "no containers\nID\n"


def test_only_a_terminal_is_told_what_is_bold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    show_one({"image": "[bold]x", "size": 3})
    assert capsys.readouterr().out == "image  [bold]x\nsize   3\n"
    ours, theirs = pty.openpty()
    try:
        with open(theirs, "w", closefd=False) as screen:
            monkeypatch.setattr(sys, "stdout", screen)
            monkeypatch.setenv("TERM", "xterm")
            show([{"id": "a"}], ("id",))
            monkeypatch.setenv("TERM", "dumb")
            show([{"id": "a"}], ("id",))
            screen.flush()
        seen = b""
        while not seen.endswith(b"\r\nID\r\na\r\n"):
            seen += os.read(ours, 1000)
        assert seen == b"\033[1mID\033[0m\r\na\r\nID\r\na\r\n"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("columns", [40, 100])
def test_progress_keeps_one_row_a_blob_in_a_narrow_window(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is wider than the window would be broken in two, and each drawing anew leave half of it behind."""
    ours, theirs = pty.openpty()
    try:
        termios.tcsetwinsize(theirs, (24, columns))
        with open(theirs, "w", closefd=False) as screen:
            monkeypatch.setattr(sys, "stderr", screen)
            monkeypatch.setenv("TERM", "xterm")
            monkeypatch.setenv("COLUMNS", str(columns))
            with watching() as watch:
                for kind in ("manifest", "layer"):
                    watch(Progress(f"{kind}-sha256:{1:064x}", "downloading", 17 << 20, 40 << 20))
            screen.flush()
        seen = b""
        while b"\x1b[?25h" not in seen:
            seen += os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode().rpartition("\x1b[2K")[2])
    rows = [row.strip() for row in last.replace("\r", "").splitlines() if row.strip()]
    assert len(rows) == 2 and all(row.endswith("downloading") and len(row) <= columns for row in rows), rows
    assert all(("━" in row) == (columns == 100) for row in rows) and all("MB" in row or "42%" in row for row in rows), rows


def test_a_name_without_a_password_is_asked_for_it_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials("") is None
    given = credentials("ada:a:b")
    assert given is not None and (given.username, given.secret) == ("ada", "a:b")
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(InvalidArgument, match='user "ada" has no password: write ada:PASSWORD'):
            credentials("ada")
    ours, theirs = pty.openpty()
    try:
        with open(theirs, closefd=False) as terminal:
            monkeypatch.setattr(sys, "stdin", terminal)
            monkeypatch.setattr("getpass.getpass", lambda prompt: f"{prompt}s3cret")
            asked = credentials("ada")
        assert asked is not None and asked.secret == "Password of ada: s3cret"
    finally:
        os.close(ours)
        os.close(theirs)
