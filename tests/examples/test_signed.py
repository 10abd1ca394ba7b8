"""The verifier of signatures: made by Debian's openssl here, found as cosign stores them, and each lie about one is found out."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.rpc.channel import Channel
from argosy.testkit import verify
from argosy.testkit.image import busybox_layer
from argosy_protos.argosy.verifier.v1 import VerifierStub, VerifyRequest, VerifyResponse
from argosy_protos.containerd.types import Descriptor

from tests.examples.conftest import started
from tests.harness.examples import config_of, serving
from tests.harness.mesh import Mesh
from tests.harness.verifying import all_passed
from tests.harness.web import MANIFEST, Server
from tests.harness.web import serving as registry

pytestmark = pytest.mark.root

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"


def openssl(*words: str, input: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *words], input=input, check=True, capture_output=True).stdout


def made_key(folder: Path, name: str) -> Path:
    """Make a key; return its file, beside which is its public half, NAME.pub."""
    key = folder / f"{name}.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
    openssl("ec", "-in", str(key), "-pubout", "-out", str(folder / f"{name}.pub"))
    return key


def payload_of(digest: str) -> bytes:
    critical = {
        "identity": {"docker-reference": ""},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def signature_of(payload: bytes, key: Path) -> str:
    return base64.b64encode(openssl("dgst", "-sha256", "-sign", str(key), input=payload)).decode()


def sign(server: Server, digest: str, *signed: tuple[bytes, str]) -> None:
    """Have a registry have payloads and signatures of an image's digest."""
    layers = [
        {**server.keep(payload, PAYLOAD), "annotations": {"dev.cosignproject.cosign/signature": text}}
        for payload, text in signed
    ]
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": server.keep(b"{}"), "layers": layers}
    server.tag(f"box:{digest.replace(':', '-')}.sig", body)


@asynccontextmanager
async def at_work(tmp_path: Path) -> AsyncIterator[tuple[Server, Path, Path]]:
    """A registry, the verifier's socket, and the key that counts."""
    key = made_key(tmp_path, "mine")
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    try:
        async with registry() as server:
            with serving("signed", base, "--key", str(tmp_path / "mine.pub"), "--plain") as address:
                yield server, address, key
    finally:
        shutil.rmtree(base)


async def verified(address: Path, server: Server, target: dict[str, Any]) -> VerifyResponse:
    said = Descriptor(media_type=target["mediaType"], digest=target["digest"], size=target["size"])
    async with Channel(address) as channel:
        request = VerifyRequest(namespace="n", name=f"{server.netloc}/box:1", target=said)
        return await VerifierStub(channel).verify(request, timeout=30)


def test_a_signature_by_the_key_is_accepted_and_none_else(tmp_path: Path) -> None:
    async def main() -> None:
        async with at_work(tmp_path) as (server, address, key):
            target = server.image("box:1", [busybox_layer()])
            digest, other = target["digest"], "sha256:" + "0" * 64
            answer = await verified(address, server, target)
            assert (answer.ok, answer.reason) == (False, "nobody has signed it")

            payload = payload_of(digest)
            good, foreign = signature_of(payload, key), signature_of(payload, made_key(tmp_path, "another"))
            of_other = payload_of(other)
            for lies in (
                [(payload, foreign)],
                [(of_other, signature_of(of_other, key))],  # a signature of something else
                [(of_other, good)],
                [(payload, "")], [(payload, "no base64")], [(payload, good[:-8])], [(b"{}", signature_of(b"{}", key))],
                [(b"[]", signature_of(b"[]", key))], [],
            ):  # fmt: skip
                sign(server, digest, *lies)
                answer = await verified(address, server, target)
                assert not answer.ok and answer.reason.startswith("no signature of it is by the key"), lies
            sign(server, digest, (payload, foreign), (payload, good))
            answer = await verified(address, server, target)
            assert answer.ok and answer.reason.startswith("signed by key "), answer

            huge = payload + b" " * (2 << 20)
            sign(server, digest, (huge, signature_of(huge, key)))
            assert "more than" in (await verified(address, server, target)).reason

    asyncio.run(main())


def test_a_daemon_takes_only_what_is_signed(tmp_path: Path) -> None:
    """By what the example prints for it; the verdict is shown with the image."""

    async def main() -> None:
        async with at_work(tmp_path) as (server, address, key):
            target = server.image("box:1", [busybox_layer()])
            base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
            peer = await asyncio.to_thread(started, base, "argosy", config_of("signed", address, 1))
            assert isinstance(peer, Mesh)
            try:
                pull = ("pull", f"{server.netloc}/box:1", "--plain-http")
                ran = await asyncio.to_thread(peer.argosy, *pull)
                assert ran.code != 0 and "for reason: nobody has signed it" in ran.err, ran
                payload = payload_of(target["digest"])
                sign(server, target["digest"], (payload, signature_of(payload, key)))
                (await asyncio.to_thread(peer.argosy, *pull)).ok()
                (image,) = json.loads((await asyncio.to_thread(peer.argosy, "-o", "json", "images")).ok().out)
                assert image["verified"].startswith("signed: signed by key ")
            finally:
                await asyncio.to_thread(peer.destroy)
                shutil.rmtree(base, ignore_errors=True)

    asyncio.run(main())


def test_it_answers_as_a_verifier_has_to(tmp_path: Path) -> None:
    """By the suite that judges anybody's. Odd names would be asked for in the world."""

    async def main() -> None:
        async with at_work(tmp_path) as (server, address, key):
            target = server.image("box:1", [busybox_layer()])
            payload = payload_of(target["digest"])
            sign(server, target["digest"], (payload, signature_of(payload, key)))
            name = f"{server.netloc}/box:1"
            said = {"accepted": [f"{name}@{target['digest']}"], "rejected": [f"{name}@sha256:{'0' * 64}"]}
            all_passed(await verify.verifier(address, skip="^odd-names", **said))  # type: ignore[arg-type] # both are lists

    asyncio.run(main())
