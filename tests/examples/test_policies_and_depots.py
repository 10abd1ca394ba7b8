"""The examples of depots and hooks, judged by the suites that judge anybody's; that of a verifier has its own tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argosy.testkit import verify
from argosy.testkit.served import served

from tests.harness.examples import EXAMPLES
from tests.harness.objects import serving_objects
from tests.harness.verifying import all_passed

WHO_TAKES_NONE = ["who-takes-no-images-says-so"]


def test_a_directory_is_a_depot(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELF", str(short_path / "shelf"))
    with served(EXAMPLES / "shelf.py") as address:
        all_passed(asyncio.run(verify.depot(address)), WHO_TAKES_NONE)
    assert not list((short_path / "shelf").glob("blobs/*/*.*")), "what came half is not kept"


def test_a_store_of_objects_is_a_depot() -> None:
    with serving_objects() as objects, served(EXAMPLES / "objects.py", "--url", objects.url) as address:
        all_passed(asyncio.run(verify.depot(address)), WHO_TAKES_NONE)


def test_no_latest_is_a_policy() -> None:
    with served(EXAMPLES / "nolatest.py") as address:
        said = {"allowed": ["docker.io/library/a:1"], "denied": ["docker.io/library/a:latest", "a"]}
        all_passed(asyncio.run(verify.hook(address, namespace="prod", **said)))  # type: ignore[arg-type] # both are lists
