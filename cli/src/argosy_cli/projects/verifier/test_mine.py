"""Does mine answer as a verifier has to, and as it is to? The checks of `argosy verify verifier`."""

import asyncio
from pathlib import Path

from argosy.testkit import verify
from argosy.testkit.served import served

FILE = Path(__file__).with_name("mine.py")
FINE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_it_answers_as_a_verifier_has_to(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{FINE} it was reviewed\n")
    with served(FILE, "--list", str(tmp_path / "list")) as address:
        # skip="^many-" leaves checks out; lacks=["digests"] is for one that looks at names alone.
        report = asyncio.run(
            verify.verifier(address, accepted=[f"example.org/a:1@{FINE}"], rejected=[f"example.org/a:1@{OTHER}"])
        )
    assert report.passed, verify.explained(report)
