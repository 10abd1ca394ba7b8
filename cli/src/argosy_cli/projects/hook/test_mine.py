"""Does mine answer as a hook has to, and as it is to? The checks of `argosy verify hook`."""

import asyncio
from pathlib import Path

from argosy.testkit import verify
from argosy.testkit.served import served

FILE = Path(__file__).with_name("mine.py")
ALLOWED, DENIED = ["docker.io/library/box:1"], ["registry.example/box:1"]


def test_it_answers_as_a_hook_has_to() -> None:
    with served(FILE, "--registries", "docker.io,example.org") as address:
        # skip="^many-" leaves checks out; lacks=["steady"] is for one whose answers are not the same each time.
        report = asyncio.run(verify.hook(address, allowed=ALLOWED, denied=DENIED))
    assert report.passed, verify.explained(report)
