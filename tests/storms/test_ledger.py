"""The storm's memory of what was acknowledged: what a look at an object can tell, and what it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.storms.model import Findings, Ledger
from tests.storms.workers.pulls import ImageWorker, Pulled

KEY = ("ref", "r1")


def _resolved(seen: Any, *alternatives: Any) -> Ledger:
    """Return a ledger after a look at a change of one object; its empty state (0) looks like none at all."""
    ledger, findings = Ledger(), Findings()
    ledger.unsure("Abort r1", [{KEY: one} for one in alternatives])
    ledger.resolve(lambda _: seen, lambda state, found: (state or None) == found, findings)
    assert not findings.total
    assert not ledger.open
    return ledger


def test_an_abort_that_was_cut_leaves_an_ingest_with_bytes_or_none() -> None:
    assert _resolved(7, 7, None).certain == {KEY: 7}
    assert _resolved(None, 7, None).gone == {KEY: None}


def test_of_states_that_look_the_same_neither_is_taken_for_certain() -> None:
    """An ingest that was opened and never written to looks like one that was aborted: a later Abort may say either."""
    ledger = _resolved(None, 0, None)
    assert not ledger.certain
    assert not ledger.gone


@pytest.mark.parametrize("pulled", [Pulled("a", frozenset({"overlayfs"})), Pulled("a"), Pulled("b"), None])
def test_an_image_that_was_pointed_to_what_it_was_is_still_there(pulled: Pulled | None) -> None:
    """A name's image does not tell where its layers are known to be unpacked. Forgotten, it would be nobody's to remove at the end."""
    key, findings = ("image", "tag-1"), Findings()
    ledger = Ledger()
    ledger.unsure("Update-image tag-1", [{key: pulled}, {key: Pulled("a", frozenset({"overlayfs", "native"}))}])
    ledger.resolve(lambda _: "a", ImageWorker._same, findings, ImageWorker._of_both)
    assert not findings.total
    known = {"overlayfs", "native"} if pulled is None or pulled.target == "b" else set(pulled.unpacked)
    assert ledger.certain == {key: Pulled("a", frozenset(known))}


def test_a_look_that_breaks_off_forgets_nothing() -> None:
    ledger, findings = Ledger(), Findings()
    ledger.unsure("Abort r1", [{KEY: 7}, {KEY: None}])

    def look(_: Any) -> Any:
        raise OSError

    with pytest.raises(OSError):
        ledger.resolve(look, lambda state, found: state == found, findings)
    assert ledger.is_open(KEY)
