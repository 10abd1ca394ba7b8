"""Registries of our own on loopback, over HTTP and TLS, that say what they are told to and remember what they were sent."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

Answer = Callable[["Server", web.Request], Awaitable[web.StreamResponse | None]]


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Seen:
    """One request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    certificate: str
    """The name in the client's certificate; "" without one."""

    @property
    def secrets(self) -> str:
        """What of it is nobody else's business: credentials, cookies, headers of hosts.toml, the certificate."""
        names = ("Authorization", "Cookie", "X-Secret")
        return " ".join(filter(None, [*(self.headers.get(n, "") for n in names), self.certificate]))


@dataclass
class Server:
    """A registry; answer comes first, and None from it means that what is kept in blobs and tags is served."""

    scheme: str
    netloc: str
    answer: Answer | None = None
    seen: list[Seen] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    """name:tag -> digest"""
    types: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    def secrets(self) -> list[str]:
        return [seen.secrets for seen in self.seen if seen.secrets]

    def keep(self, data: bytes, media_type: str = "") -> dict[str, Any]:
        """Keep bytes; return their descriptor."""
        digest = sha256(data)
        self.blobs[digest] = data
        if media_type in (MANIFEST, INDEX):
            self.types[digest] = media_type
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def image(self, name: str, layers: list[bytes], config: Mapping[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
        """Keep an image of uncompressed layers under name:tag; return its manifest's descriptor."""
        document = {
            "os": "linux", "architecture": "amd64", "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]}, **(config or {}),
        }  # fmt: skip
        body = {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.keep(json.dumps(document).encode(), CONFIG),
            "layers": [self.keep(layer, LAYER) for layer in layers], **extra,
        }  # fmt: skip
        return self.tag(name, body)

    def tag(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a document under name:tag; return its descriptor."""
        kept = self.keep(json.dumps(body).encode(), body.get("mediaType", MANIFEST))
        self.tags[name] = kept["digest"]
        return kept

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        certificate = request.get_extra_info("peercert") or {}
        name = "".join(v for rdn in certificate.get("subject", ()) for k, v in rdn if k == "commonName")
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers), name))
        told = await self.answer(self, request) if self.answer is not None else None
        return told if told is not None else self.serve(request)

    def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer as a well-behaved registry."""
        repository, _, rest = request.path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = repository.rpartition("/")
        digest = rest if ":" in rest else self.tags.get(f"{repository}:{rest}", "")
        data = self.blobs.get(digest)
        if data is None or kind == "referrers":
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}, status=404)
        media_type = (
            self.types.get(digest, "application/octet-stream") if kind == "manifests" else "application/octet-stream"
        )
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest}
        begin = int(request.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        return web.Response(body=data[begin:], status=206 if begin else 200, headers=headers)


@asynccontextmanager
async def serving(
    answer: Answer | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server on a free port of a loopback address, gone with the block."""
    server = Server("https" if tls else "http", "", answer)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", server._serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, ssl_context=tls)
        await site.start()
        server.netloc = f"{host}:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr] # aiohttp says the port nowhere else
        yield server
    finally:
        await runner.cleanup()


class Authority:
    """Makes certificates, with Debian's openssl."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self._openssl(name, "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def _openssl(self, name: str, *more: str) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", f"{self.folder}/{name}.key", "-out", f"{self.folder}/{name}.crt", *more],
            check=True, capture_output=True,
        )  # fmt: skip

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.crt"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate for loopback addresses, and of its key."""
        self._openssl(
            name, "-CA", str(self.certificate), "-CAkey", f"{self.folder}/{self.name}.key", "-addext",
            "subjectAltName=IP:127.0.0.1,IP:127.0.0.2,DNS:localhost,DNS:registry.invalid", "-addext", "basicConstraints=CA:FALSE",
        )  # fmt: skip
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def server(self, clients: Path | None = None, required: bool = True) -> ssl.SSLContext:
        """Return a server's context; with clients, it asks for certificates of that authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue("server"))
        if clients is not None:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return context


def hosts_toml(config: Path, registry: str, text: str) -> Path:
    """Write a registry's hosts.toml; return the folder of all registries' ones."""
    folder = config / registry
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.toml").write_text(text)
    return config
