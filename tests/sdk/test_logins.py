"""Names and passwords by docker's configuration: what stands in it, what a helper says, and that no failure says any of it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from argosy.client import logins
from argosy.client.credentials import Credentials
from argosy.errors import ArgosyError, InvalidArgument, Unauthenticated, Unavailable

SECRET = "what nobody else may read"


def written(folder: Path, **table: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(table))
    return path


def asked(config: Path, registry: str = "example.com") -> Credentials | None:
    return asyncio.run(logins.login_for(registry, config))


def basic(user: str, secret: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns what installs docker-credential-NAME, a script of a shell."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def install(name: str, script: str) -> None:
        path = tmp_path / "bin" / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return install


@pytest.mark.parametrize(
    "name", ["example.com", "https://example.com", "https://example.com/v1/", "https://example.com/v2/"]
)
def test_what_stands_in_it_is_found_by_whatever_name(tmp_path: Path, name: str) -> None:
    found = asked(written(tmp_path, auths={name: basic("me"), "other.com": basic("you")}))
    assert found == Credentials("me", SECRET) and SECRET not in repr(found)


def test_dockers_own_registry_has_its_old_name(tmp_path: Path) -> None:
    config = written(tmp_path, auths={"https://index.docker.io/v1/": {"username": "me", "password": SECRET}})
    assert asked(config, "docker.io") == Credentials("me", SECRET)
    assert asked(config) is None


def test_a_secret_may_have_colons_and_a_registry_a_port(tmp_path: Path) -> None:
    config = written(tmp_path, auths={"example.com:5000": basic("me", "a:b:c")})
    assert asked(config, "example.com:5000") == Credentials("me", "a:b:c") and asked(config) is None


def test_a_helper_is_asked_by_its_registrys_name(tmp_path: Path, helper: Any) -> None:
    """That of one registry before that of all, and what is written after both; it gets little of our environment."""
    helper("one", f'read -r it || :; echo "{{\\"Username\\": \\"$it\\", \\"Secret\\": \\"{SECRET}$ARGOSY_TEST\\"}}"')
    helper("all", 'echo "credentials not found in native keychain"; exit 1')
    os.environ["ARGOSY_TEST"] = "leaked"
    try:
        config = written(tmp_path, credHelpers={"example.com": "one"}, credsStore="all", auths={"other.com": basic("me")})
        assert asked(config) == Credentials("example.com", SECRET)
        assert asked(config, "other.com") == Credentials("me", SECRET)
        assert asked(config, "third.com") is None
    finally:
        del os.environ["ARGOSY_TEST"]


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (f"echo {SECRET} >&2; echo {SECRET}; exit 3", Unavailable, "failed for example.com with exit code 3"),
        (f"echo {SECRET}", Unavailable, "something that is no name and secret"),
        (f'echo "{{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"{SECRET}\\"}}"', Unauthenticated, "refresh token"),
        ("yes | head -c 3000000", Unavailable, "something that is no name"),
    ],
)
def test_a_helper_that_fails_is_told_by_its_name_alone(
    tmp_path: Path, helper: Any, script: str, error: type[ArgosyError], said: str
) -> None:
    helper("bad", script)
    with pytest.raises(error, match=said) as raised:
        asked(written(tmp_path, credHelpers={"example.com": "bad"}))
    assert SECRET not in str(raised.value) and "docker-credential-bad" in str(raised.value)


def test_a_helper_that_hangs_is_killed(tmp_path: Path, helper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_HELPER_S", 0.3)
    helper("slow", f"echo $$ > {tmp_path}/pid; exec sleep 100")
    began = time.monotonic()
    with pytest.raises(Unavailable, match="took longer than 0.3 s"):
        asked(written(tmp_path, credHelpers={"example.com": "slow"}))
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[{SECRET}", "is no docker configuration"),
        ('["x"]', "is no docker configuration"),
        (json.dumps({"auths": {"example.com": {"auth": SECRET}}}), "no name and password in base64"),
        (json.dumps({"credHelpers": {"example.com": "../../bin/sh"}}), "names a helper that is no name"),
        (json.dumps({"x": "y" * 2_000_000}), "at most"),
    ],
)
def test_what_is_no_configuration_is_refused_without_a_word_of_it(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InvalidArgument, match=said) as raised:
        asked(tmp_path / "config.json")
    assert SECRET not in str(raised.value)


def test_one_that_is_not_there_and_a_helper_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"docker configuration .*no\.json"):
        asked(tmp_path / "no.json")
    with pytest.raises(Unavailable, match="docker-credential-nowhere, which is not on PATH"):
        asked(written(tmp_path, credsStore="nowhere"))


def test_a_refresh_token_is_no_password(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated, match="refresh token"):
        asked(written(tmp_path, auths={"example.com": {"identitytoken": SECRET}}))
