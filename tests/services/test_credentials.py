"""Tokens for plugins: by reference and scope, each for one host, and nothing of what they were got with."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from argosy.errors import FailedPrecondition, InvalidArgument, Unauthenticated
from argosy.tables import Registries
from argosy.timestamps import from_wire
from argosy_gateway.api.credentials import Credentials
from argosy_protos.argosy.credentials.v1 import GetTokensRequest, GetTokensResponse

from tests.harness.web import Server, hosts_toml, serving

PASSWORD = "the word that stays here"


class Tokens:
    """A registry with a token service that says what it is told to, and counts."""

    def __init__(self, **answer: object) -> None:
        self.answer: dict[str, object] = {"token": "T", **answer}
        self.scopes: list[str] = []
        self.users: list[str] = []
        self.wanted = ""

    async def __call__(self, server: Server, request: web.Request) -> web.StreamResponse | None:
        given = request.headers.get("Authorization", "")
        if request.path == "/token":
            self.scopes.append(request.query["scope"])
            self.users.append(base64.b64decode(given.partition(" ")[2]).decode() if given else "")
            return web.json_response({**self.answer, "token": f"{self.answer['token']}{len(self.scopes)}"})
        challenge = self.wanted or f'Bearer realm="{server.url}/token",service="here",scope="repository:other/box:push"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})


def config(folder: Path, host: str) -> str:
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return str(folder / "config.json")


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 30)

    asyncio.run(main())


async def ask(credentials: Credentials, reference: str, scope: str = "") -> GetTokensResponse:
    return await credentials.get_tokens(GetTokensRequest(reference=reference, scope=scope))


def test_a_token_is_for_one_repository_and_asked_for_once_while_it_lasts(tmp_path: Path) -> None:
    """What it is for is said by us: a registry that names another repository in its challenge gets nothing of it."""

    async def main() -> None:
        tokens = Tokens(expires_in=300)
        async with serving(tokens) as server:
            credentials = Credentials(Registries(docker_config=config(tmp_path, server.netloc)))
            for tag in ("1", "2"):
                answer = await ask(credentials, f"{server.netloc}/a/b:{tag}")
                (host,) = answer.hosts
                assert (host.base, host.token) == (f"{server.url}/v2", "T1")
                left = (from_wire(host.expires_at) or 0) / 1e9
                assert 250 < left - time.time() <= 300
            assert tokens.scopes == ["repository:a/b:pull"] and tokens.users == [f"me:{PASSWORD}"]
            await ask(credentials, f"{server.netloc}/a/b:1", "push")
            await ask(credentials, f"{server.netloc}/a/c:1")
            assert tokens.scopes[1:] == ["repository:a/b:pull,push", "repository:a/c:pull"]
            assert PASSWORD not in repr(answer) and PASSWORD.encode() not in answer.encode()

    run(main)


def test_one_that_is_about_to_end_is_asked_for_anew(tmp_path: Path) -> None:
    async def main() -> None:
        tokens = Tokens(expires_in=15)
        async with serving(tokens) as server:
            credentials = Credentials(Registries())
            said = [(await ask(credentials, f"{server.netloc}/a/b:1")).hosts[0].token for _ in range(2)]
            assert said == ["T1", "T2"] and tokens.users == ["", ""]

    run(main)


def test_a_mirror_comes_first_with_a_token_of_its_own_that_nobody_paid_for(tmp_path: Path) -> None:
    """The registry's name and password do not go there; headers of hosts.toml stay here."""

    async def main() -> None:
        mirror, tokens = Tokens(token="M"), Tokens()
        async with serving(mirror) as other, serving(tokens) as server:
            folder = hosts_toml(
                tmp_path, server.netloc,
                f'server = "{server.url}"\n[host."{other.url}"]\ncapabilities = ["pull"]\n[host."{other.url}".header]\nX-Secret = "h"\n',
            )  # fmt: skip
            credentials = Credentials(Registries(docker_config=config(tmp_path, server.netloc), hosts_dir=str(folder)))
            answer = await ask(credentials, f"{server.netloc}/a/b:1")
            assert [(host.base, host.token) for host in answer.hosts] == [
                (f"{other.url}/v2", "M1"),
                (f"{server.url}/v2", "T1"),
            ]
            assert (mirror.users, tokens.users) == ([""], [f"me:{PASSWORD}"])
            assert "X-Secret" not in repr(answer)

    run(main)


def test_a_host_that_wants_nothing_is_said_without_a_token() -> None:
    async def main() -> None:
        async with serving() as server:
            (host,) = (await ask(Credentials(Registries()), f"{server.netloc}/a/b:1")).hosts
            assert (host.token, host.expires_at) == ("", None)

    run(main)


def test_a_password_that_would_be_the_token_stays_here(tmp_path: Path) -> None:
    async def main() -> None:
        tokens = Tokens()
        tokens.wanted = 'Basic realm="here"'
        async with serving(tokens) as server:
            credentials = Credentials(Registries(docker_config=config(tmp_path, server.netloc)))
            with pytest.raises(FailedPrecondition, match="gives no tokens") as raised:
                await ask(credentials, f"{server.netloc}/a/b:1")
            assert PASSWORD not in str(raised.value)
            with pytest.raises(Unauthenticated, match="wants a user name"):
                await ask(Credentials(Registries()), f"{server.netloc}/a/b:1")

    run(main)


def test_what_is_no_reference_or_scope_is_refused() -> None:
    async def main() -> None:
        for reference, scope in (("", ""), ("a b", ""), ("example.com/a:1", "delete")):
            with pytest.raises(InvalidArgument):
                await ask(Credentials(Registries()), reference, scope)

    run(main)
