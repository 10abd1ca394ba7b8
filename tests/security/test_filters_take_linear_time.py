"""A filter is text from a client: whatever it says, the daemon goes on answering, and says why it does not take it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from argosy import filters
from argosy.errors import InvalidArgument

from tests.harness.mesh import IMAGE, Mesh, eventually


def _look(text: str) -> filters.Lookup:
    return lambda path: text


def test_an_expression_that_would_backtrack_is_answered_at_once() -> None:
    """``^(a+)+$`` on 40 letters took a backtracking engine days."""
    text = "a" * 4000 + "!"
    for expression in ("^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "(?:a?){500}a{500}$", "(.*)(.*)(.*)(.*)(.*)[bc]$"):
        began = time.monotonic()
        assert not filters.parse([f"name~={expression}"]).matches(_look(text))
        assert time.monotonic() - began < 10


def test_what_a_request_may_ask_of_us_is_bounded() -> None:
    """Length, count and the size of a compiled expression; the answer names the expression and the bound."""
    with pytest.raises(InvalidArgument, match=r'expression "\\pL\{999\}" is too large'):
        filters.parse([r"name~=\pL{999}"])
    with pytest.raises(InvalidArgument, match=r'expression "aaa.*\.\.\." is longer than 4096 bytes'):
        filters.parse([f"name~={'a' * 5000}"])
    with pytest.raises(InvalidArgument, match="at most 262144 bytes together"):
        filters.parse([f"name=={'a' * 1000}"] * 300)
    with pytest.raises(InvalidArgument, match="at most 4096 selectors and 64 regular expressions"):
        filters.parse(["name"] * 5000)
    with pytest.raises(InvalidArgument, match="at most 4096 selectors and 64 regular expressions"):
        filters.parse(["name~=a"] * 65)
    with pytest.raises(InvalidArgument, match="at most 4096 selectors and 64 regular expressions"):
        filters.parse([",".join(["name~=a"] * 65)])
    many = filters.parse([f"id=={i:064x}" for i in range(1000)])
    assert many.matches(_look(f"{999:064x}")) and not many.matches(_look(f"{1000:064x}"))


def test_useful_expressions_fit() -> None:
    """The bounds are far from what clients send."""
    for expression, text in (
        (r"^[0-9a-f]{64}$", "0" * 64),
        (r"(?i)^sha256:[[:xdigit:]]{64}$", "SHA256:" + "F" * 64),
        (r"^\pL+$", "żółć"),
        (r"^\S{128}$", "x" * 128),
        (r"^(?:" + "|".join(f"{i:016x}" for i in range(200)) + ")$", f"{199:016x}"),
    ):
        assert filters.parse([f'name~="{expression}"'.replace("\\", "\\\\")]).matches(_look(text)), expression


def test_the_engine_keeps_no_expression_of_a_request_that_is_over() -> None:
    """re2's own cache would hold the last 128, each with its states."""
    import re2

    filters.parse(["name~=^x"])
    assert re2._Regexp._make.cache_info().currsize == 0


def test_a_process_that_matches_no_expression_does_not_load_the_engine() -> None:
    """A start pays nothing for it."""
    code = "import sys; from argosy import filters; filters.parse(['a==b', 'c']); print('re2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.root
def test_other_clients_are_answered_beside_such_a_filter(mesh: Mesh) -> None:
    """The whole way: a container with a label of 2000 letters, ``ctr`` with the expression, and another client beside it."""
    mesh.ctr("containers", "create", "--label", "re=" + "a" * 2000 + "!", IMAGE, "x", "true").ok()
    try:
        command = ["ctr", "-a", str(mesh.address), "containers", "ls", "-q", "labels.re~=^(a+)+$"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as listing:
            try:
                mesh.ctr("namespaces", "ls", "-q", timeout=10).ok()
                eventually(lambda: listing.poll() is not None, what="the listing is not answered")
            finally:
                listing.kill()
            assert listing.stdout is not None and listing.stdout.read() == b""
    finally:
        mesh.ctr("containers", "rm", "x").ok()
