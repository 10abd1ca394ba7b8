"""S40: a secret reaches the host, port and scheme that it was given for, and the token service which that named over TLS."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client.credentials import Credentials
from argosy.client.hosts import Host, Origin, default_scheme, hosts_for, with_certificates
from argosy.client.registry import Registry
from argosy.errors import ArgosyError, InvalidArgument, Unauthenticated, Unavailable, Unknown
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

from tests.harness.web import Authority, Server, hosts_toml, serving

ME = Credentials("me", "secret")
BASIC = ME.header


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


async def pull(
    server: Server, config: Path | None = None, credentials: Credentials | None = ME, hosts: list[Host] | None = None
) -> bytes:
    """Resolve a/b:1 and fetch its one layer."""
    reference = Reference.parse(f"{server.netloc}/a/b:1")
    found = hosts if hosts is not None else hosts_for(server.netloc, config=config)
    async with Registry(reference, credentials=credentials, hosts=found) as registry:
        target = await registry.resolve()
        document = b"".join([c async for c in registry.fetch(target)])
        layer = Descriptor.of(json.loads(document[document.index(b'"layers": [') + 11 : document.rindex(b"]")]))
        return b"".join([c async for c in registry.fetch(layer)])


def wants(kind: str, realm: str = "") -> Callable[[Server, web.Request], Awaitable[web.Response | None]]:
    """An answer that wants Basic or Bearer authentication on every request, the token service's too."""

    async def answer(server: Server, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if request.path == "/token":
            return web.json_response({"token": "T" if given else "anybody"})
        if given == (BASIC if kind == "Basic" else "Bearer T"):
            return None
        parameters = f'realm="{realm or server.url + "/token"}"'
        return web.Response(status=401, headers={"WWW-Authenticate": f"{kind} {parameters}"})

    return answer


@pytest.mark.parametrize("kind", ["Basic", "Bearer"])
def test_a_mirror_that_asks_for_the_secret_does_not_get_it(tmp_path: Path, kind: str) -> None:
    """Not even one on the registry's own address: a port is part of a host. The registry gets it, and serves."""

    async def work() -> None:
        async with (
            serving(wants(kind)) as mirror,
            serving(wants(kind), host="127.0.0.2") as far,
            serving(wants(kind)) as real,
        ):
            real.image("a/b:1", [b"layer"])
            text = f'server = "{real.url}"\n[host."{mirror.url}"]\n[host."{far.url}"]\n'

            assert await pull(real, hosts_toml(tmp_path, real.netloc, text)) == b"layer"
            assert {s.split()[0] for s in real.secrets()} <= {"Basic", "Bearer"} and BASIC in real.secrets()
            for server in (mirror, far):
                assert len(server.seen) > 1 and BASIC not in server.secrets()
                assert set(server.secrets()) <= {"Bearer anybody"}

    run(work)


def test_a_redirect_to_another_port_scheme_or_host_loses_the_secret_for_good(authority: Authority, tmp_path: Path) -> None:
    """And what comes back from there to the registry has none either."""

    async def work() -> None:
        async def elsewhere(server: Server, request: web.Request) -> web.Response | None:
            if "back" in request.path:
                return web.Response(status=307, headers={"Location": f"{real.url}/forth"})
            return web.Response(body=b"layer")

        async def home(server: Server, request: web.Request) -> web.Response | None:
            denied = await wants("Basic")(server, request)
            if request.path == "/forth":
                return web.Response(body=b"layer")
            if denied is None and "/blobs/" in request.path:
                return web.Response(status=307, headers={"Location": f"{other.url}{ways[-1]}"})
            return denied

        ways: list[str] = []
        for tls in (None, authority.server()):
            async with serving(home, tls=authority.server()) as real, serving(elsewhere, tls=tls) as other:
                real.image("a/b:1", [b"layer"])
                text = f'server = "{real.url}"\nca = "{authority.certificate}"\nheader = {{X-Secret = "s3"}}\n'
                config = hosts_toml(tmp_path, real.netloc, text)
                for way in ("/there", "/back"):
                    ways.append(way)
                    assert await pull(real, config) == b"layer"
                assert all("s3" in s for s in real.secrets() if s) and f"{BASIC} s3" in real.secrets()
                assert len(other.seen) == 2 and other.secrets() == []
                back = [seen for seen in real.seen if seen.path == "/forth"]
                assert len(back) == 1 and back[0].secrets == ""

    run(work)


class Recorded:
    """A session that answers from a table and keeps what it was asked: two schemes on one port can't be served."""

    def __init__(self, answers: dict[str, tuple[int, dict[str, str]]]) -> None:
        self.answers, self.asked = answers, list[tuple[str, dict[str, str]]]()

    async def request(self, method: str, url: Any, *, headers: Any, **_: Any) -> Any:
        from multidict import CIMultiDict

        self.asked.append((str(url), dict(headers)))
        status, told = self.answers[str(url)]

        class Response:
            def __init__(self) -> None:
                self.status, self.headers, self.url = status, CIMultiDict(told), url

            def release(self) -> None: ...

            close = release

        return Response()


def test_the_scheme_is_part_of_what_a_secret_is_for() -> None:
    """https://h:5000 leads to http://h:5000: the same host and port, and no secret."""
    host = Host("https://h.example:5000/v2", is_registry=True, headers=[("X-Secret", "s3")])
    session = Recorded(
        {
            "https://h.example:5000/v2/a/b/manifests/1": (307, {"Location": "http://h.example:5000/x"}),
            "http://h.example:5000/x": (200, {}),
        }
    )

    async def work() -> None:
        registry = Registry(Reference.parse("h.example:5000/a/b:1"), credentials=ME, hosts=[host])
        registry._web._session = session  # type: ignore[assignment] # a session's one method
        registry._tokens._headers[host.base, "s"] = BASIC
        url = "https://h.example:5000/v2/a/b/manifests/1"
        assert (await registry.request(host, "GET", url, "s")).status == 200
        assert session.asked[0][1] == {"X-Secret": "s3", "Authorization": BASIC} and session.asked[1][1] == {}
        with pytest.raises(Unknown, match="redirects to h.example:5000 over plain HTTP"):
            await registry.resolve()

    run(work)


def test_the_token_service_that_the_registry_names_over_tls_gets_the_secret(authority: Authority, tmp_path: Path) -> None:
    """On another host as well: that is how most registries do it. Its token goes to the registry only."""

    async def work() -> None:
        async with serving(wants("Bearer"), tls=authority.server(), host="127.0.0.2") as tokens:
            async with serving(wants("Bearer", f"{tokens.url}/token"), tls=authority.server()) as real:
                real.image("a/b:1", [b"layer"])
                config = hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\nca = "{authority.certificate}"\n')
                assert await pull(real, config) == b"layer"
                assert set(tokens.secrets()) == {BASIC} and set(real.secrets()) == {"Bearer T"}

    run(work)


def test_a_token_service_on_plain_http_does_not_get_the_secret_of_a_registry_with_tls(
    authority: Authority, tmp_path: Path
) -> None:
    """It is told, and nothing is sent. Without a secret it may be asked: there is nothing to lose."""

    async def work() -> None:
        async with serving(wants("Bearer")) as tokens:
            async with serving(wants("Bearer", f"{tokens.url}/token"), tls=authority.server()) as real:
                real.image("a/b:1", [b"layer"])
                config = hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\nca = "{authority.certificate}"\n')
                with pytest.raises(Unauthenticated, match="on plain HTTP: name and password do not go there"):
                    await pull(real, config)
                assert tokens.seen == []
                with pytest.raises(Unauthenticated):
                    await pull(real, config, credentials=None)
                assert len(tokens.seen) > 0 and tokens.secrets() == []

    run(work)


def test_a_token_service_that_redirects_elsewhere_does_not_take_the_secret_along(tmp_path: Path) -> None:
    """The registry named it, not where it leads."""

    async def work() -> None:
        async with serving(wants("Bearer")) as other:

            async def answer(server: Server, request: web.Request) -> web.Response | None:
                if request.path == "/token":
                    return web.Response(status=302, headers={"Location": f"{other.url}/token"})
                return await wants("Bearer")(server, request)

            async with serving(answer) as real:
                real.image("a/b:1", [b"layer"])
                with pytest.raises(Unauthenticated):
                    await pull(real)
                assert len(other.seen) > 0 and other.secrets() == []

    run(work)


def test_a_plain_registry_on_loopback_or_declared_so_gets_the_secret(tmp_path: Path) -> None:
    """As containerd does: hosts.toml's ``http://`` before the registry's own name is a declaration, unless TLS is named, too."""
    assert default_scheme("127.evil.example", False) == "https"
    assert default_scheme("localhost.evil.example", False) == "https"
    assert [default_scheme(name, False) for name in ("localhost:1", "127.0.0.9", "[::1]:5", "[::1]")] == ["http"] * 4
    assert [h.is_registry for h in hosts_for("r.example", plain=True)] == [True]
    assert hosts_for("r.example:5000")[0].base == "https://r.example:5000/v2"
    cases = {
        'server = "http://r.example:5000"': [("http", True)],
        '[host."http://r.example:5000"]': [("http", True)],
        'server = "https://r.example:5000"\n[host."http://r.example:5000"]': [("http", False), ("https", True)],
        'server = "https://r.example:5000"\n[host."http://r.example"]': [("http", False), ("https", True)],
        'server = "https://other.example"': [("https", False)],
        '[host."https://m.example"]': [("https", False), ("https", True)],
    }
    for text, expected in cases.items():
        hosts = hosts_for("r.example:5000", config=hosts_toml(tmp_path, "r.example:5000", text))
        assert [(h.origin.scheme, h.is_registry) for h in hosts] == expected, text
    hosts = hosts_for("docker.io", config=hosts_toml(tmp_path, "docker.io", '[host."https://m.example"]'))
    assert [(h.base, h.is_registry) for h in hosts] == [
        ("https://m.example/v2", False), ("https://registry-1.docker.io/v2", True),
    ]  # fmt: skip


def test_an_upload_address_elsewhere_gets_no_secret() -> None:
    """The address says by itself that we may."""

    async def work() -> None:
        async def store(server: Server, request: web.Request) -> web.Response | None:
            await request.read()
            return web.Response(status=201)

        async def home(server: Server, request: web.Request) -> web.Response | None:
            denied = await wants("Basic")(server, request)
            if denied is None and request.method == "POST":
                return web.Response(status=202, headers={"Location": f"{other.url}/upload?sig=a%2Fb"})
            return denied

        async def body() -> Any:
            yield b"data"

        async with serving(home) as real, serving(store) as other:
            async with Registry(Reference.parse(f"{real.netloc}/a/b:1"), credentials=ME) as registry:
                await registry.push_blob("sha256:" + "1" * 64, 4, body)
            assert other.secrets() == [] and other.seen[0].path == f"/upload?sig=a%2Fb&digest=sha256%3A{'1' * 64}"
            assert BASIC in real.secrets()

    run(work)


def test_what_a_registry_wants_us_to_say_again_is_forgotten() -> None:
    """Cookies know no ports, and nobody needs them here."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            response = server.serve(request)
            response.set_cookie("session", "s")
            return response

        async with serving(answer) as real:
            real.image("a/b:1", [b"layer"])
            assert await pull(real) == b"layer" and real.secrets() == []

    run(work)


def test_credentials_are_not_shown() -> None:
    """Not where an object is logged."""
    assert "secret" not in repr(ME) and "secret" not in f"{ME}"


# -- hosts.toml --


@pytest.mark.parametrize("form", ["pair", "pairs", "one file", "files", "certs.d"])
def test_a_client_certificate_is_shown_to_its_host_and_to_nobody_else(
    authority: Authority, tmp_path: Path, form: str
) -> None:
    """In each of containerd's forms. The server lets nobody in without; where it redirects, none is shown."""
    certificate, key = authority.issue("client")
    (tmp_path / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    written = {
        "pair": f'client = [["{certificate}", "{key}"]]',
        "pairs": f'client = [["{certificate}", "{key}"], ["{certificate}", "{key}"]]',
        "one file": f'client = "{tmp_path}/both.pem"',
        "files": f'client = ["{tmp_path}/both.pem"]',
    }

    async def work() -> None:
        async def home(server: Server, request: web.Request) -> web.Response | None:
            if "/blobs/" in request.path:
                return web.Response(status=307, headers={"Location": f"{other.url}/layer"})
            return None

        async def store(server: Server, request: web.Request) -> web.Response | None:
            return web.Response(body=b"layer")

        async with (
            serving(home, tls=authority.server(authority.certificate)) as real,
            serving(store, tls=authority.server(authority.certificate, required=False)) as other,
        ):
            real.image("a/b:1", [b"layer"])
            if form == "certs.d":
                config = tmp_path / "certs.d"
                folder = config / real.netloc.replace(":", "_")
                folder.mkdir(parents=True)
                shutil.copy(authority.certificate, folder / "ca.crt")
                shutil.copy(certificate, folder / "client.cert")
                shutil.copy(key, folder / "client.key")
                hosts = [with_certificates(Host(f"{real.url}/v2", is_registry=True), folder)]
            else:
                text = f'server = "{real.url}"\nca = "{authority.certificate}"\n{written[form]}\n'
                hosts = hosts_for(real.netloc, config=hosts_toml(tmp_path, real.netloc, text))
            assert await pull(real, hosts=hosts) == b"layer"
            assert {seen.certificate for seen in real.seen} == {"client"}
            assert len(other.seen) == 1 and other.secrets() == []
            without = hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\nca = "{authority.certificate}"\n')
            with pytest.raises(Unavailable):
                await pull(real, without)

    run(work)


def test_of_several_certificates_the_one_that_the_host_takes_is_found(authority: Authority, tmp_path: Path) -> None:
    """Their order does not matter."""
    strangers = Authority(tmp_path / "strangers", "stranger")
    pairs = [list(map(str, a.issue("client"))) for a in (strangers, authority)]

    async def work() -> None:
        async with serving(tls=authority.server(authority.certificate)) as real:
            real.image("a/b:1", [b"layer"])
            for order in (pairs, pairs[::-1]):
                text = f'server = "{real.url}"\nca = "{authority.certificate}"\nclient = {order}\n'
                assert await pull(real, hosts_toml(tmp_path, real.netloc, text)) == b"layer"
            text = f'server = "{real.url}"\nca = "{authority.certificate}"\nclient = {pairs[:1]}\n'
            with pytest.raises(Unavailable):
                await pull(real, hosts_toml(tmp_path, real.netloc, text))

    run(work)


def test_a_registrys_own_token_service_sees_its_certificate_and_a_mirrors_does_not(
    authority: Authority, tmp_path: Path
) -> None:
    """A certificate is a credential like another."""
    certificate, key = authority.issue("client")
    asks = authority.server(authority.certificate, required=False)

    async def work() -> None:
        async with serving(wants("Bearer"), tls=asks, host="127.0.0.2") as tokens:
            async with serving(wants("Bearer", f"{tokens.url}/token"), tls=asks) as real:
                real.image("a/b:1", [b"layer"])
                common = f'ca = "{authority.certificate}"\nclient = [["{certificate}", "{key}"]]\n'
                assert await pull(real, hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\n{common}')) == b"layer"
                assert set(tokens.secrets()) == {f"{BASIC} client"}
                tokens.seen.clear()
                mirror = hosts_toml(tmp_path, "r.example", f'server = "{real.url}"\n{common}')
                async with Registry(
                    Reference.parse("r.example/a/b:1"), credentials=ME, hosts=hosts_for("r.example", config=mirror)
                ) as registry:
                    with pytest.raises(Unauthenticated):
                        await registry.resolve()
                assert len(tokens.seen) > 0 and tokens.secrets() == []

    run(work)


def test_authorities_and_skip_verify_are_a_hosts_own(authority: Authority, tmp_path: Path) -> None:
    """Without them an unknown server is not spoken to; a file that holds none is named."""

    async def work() -> None:
        async with serving(tls=authority.server()) as real:
            real.image("a/b:1", [b"layer"])
            for line in (f'ca = "{authority.certificate}"', f'ca = ["{authority.certificate}"]', "skip_verify = true"):
                config = hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\n{line}\n')
                assert await pull(real, config) == b"layer"
            real.seen.clear()
            for line in ("", "skip_verify = false"):
                with pytest.raises(Unavailable, match="(?i)certificate verify failed"):
                    await pull(real, hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\n{line}\n'))
            assert real.seen == []

    run(work)


def test_capabilities_and_paths_are_kept(tmp_path: Path) -> None:
    """A mirror that may not resolve is not asked what a tag means; override_path takes a path as it is."""

    async def work() -> None:
        async with serving() as mirror, serving() as real:
            for server in (mirror, real):
                server.image("a/b:1", [b"layer"])
            text = f'server = "{real.url}"\n[host."{mirror.url}"]\ncapabilities = ["pull"]\nheader = {{X-A = ["1", "2"]}}\n'
            assert await pull(real, hosts_toml(tmp_path, real.netloc, text)) == b"layer"
            assert {s.method for s in mirror.seen} == {"GET"} and all(
                s.path.endswith(f"?ns={real.netloc.replace(':', '%3A')}") for s in mirror.seen
            )
            assert [s.method for s in real.seen] == ["HEAD"]

    run(work)
    for line, base in (
        ("", "https://m.example/x/v2"), ("override_path = true", "https://m.example/x"), ("override_path = false", "https://m.example/x/v2"),
    ):  # fmt: skip
        text = f'[host."https://m.example/x"]\n{line}\n'
        assert hosts_for("r.example", config=hosts_toml(tmp_path, "r.example", text))[0].base == base


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('client = "nothing.pem"', "client certificate .*nothing.pem .* cannot be loaded"),
        ("client = [[1, 2]]", "client is a file with certificate and key"),
        ('client = [["a", "b", "c"]]', "client is a file with certificate and key"),
        ("client = 1", "client"),
        ('ca = "nothing.crt"', "nothing.crt: no certificates can be read from it"),
        ("ca = 1", "ca is a text or a list of texts"),
        ('skip_verify = "yes"', "skip_verify is true or false"),
        ("override_path = 1", "override_path is true or false"),
        ('capabilities = ["pull", "fly"]', 'unknown capability "fly"'),
        ("dial_timeout = 3", 'dial_timeout is a time like "3s"'),
        ('dial_timeout = "soon"', 'dial_timeout is a time like "3s"'),
        ('header = "x"', "header is a table"),
        ("header = {a = 1}", "header a is a text or a list of texts"),
        ('header = {a = "x\\r\\nb: y"}', "control character"),
        ('[host."ftp://m.example"]', "is no web address"),
        ('[host."https://u:p@m.example"]', "is no web address"),
        ('[host."https://m.example/?a=b"]', "more than a host and a path"),
        ('[host."http://m.example"]\nca = "x"', "plain HTTP"),
        ("host = 1", "write each host as a table"),
    ],
)
def test_what_a_hosts_toml_says_is_done_or_refused(tmp_path: Path, text: str, message: str) -> None:
    """A key that is known is never left out: that could be what keeps a secret."""
    with pytest.raises(InvalidArgument, match=message):
        hosts_for("r.example", config=hosts_toml(tmp_path, "r.example", text))


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(authority: Authority, tmp_path: Path) -> None:
    """A daemon's client has no terminal to ask at."""
    import subprocess

    certificate, key = authority.issue("locked")
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", key, "-out", tmp_path / "locked.key", "-passout", "pass:x"], check=True
    )
    text = f'server = "https://r.example"\nclient = [["{certificate}", "{tmp_path}/locked.key"]]\n'
    with pytest.raises(InvalidArgument, match="it has a password"):
        hosts_for("r.example", config=hosts_toml(tmp_path, "r.example", text))


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://h", "http://", "http://u@h", "http://h:x", "http://h:99999", "http://[", "//h/x", "file:///etc"]
)
def test_what_is_no_web_address_has_no_origin(url: str) -> None:
    """A realm, a Location and a descriptor's address come from a registry: nonsense is an error of ours, no traceback."""
    with pytest.raises(ArgosyError, match="is no web address"):
        Origin.of(url)
