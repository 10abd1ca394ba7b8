"""Encrypted images on a mesh: made, run, refused, taken apart; with keys of who asks and with keys of the machine."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client, Container
from argosy.client import images as api
from argosy.client.content import read_blob, write_blob
from argosy.client.images.documents import from_wire
from argosy.client.images.names import find_image
from argosy.client.images.rewriting import rewrite
from argosy.client.rewriting import Made, Part
from argosy.client.services import Services, present
from argosy.encryption import words
from argosy.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Unknown
from argosy.oci.image import Descriptor, Platform
from argosy.oci.spec import Options
from argosy_protos.containerd.services.content.v1 import ListContentRequest, ListStatusesRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest
from argosy_protos.containerd.services.snapshots.v1 import ListSnapshotsRequest

from tests.harness.keys import Keys
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Ran, run
from tests.sdk.test_key_providers import TURNING

pytestmark = pytest.mark.root

JWE = "org.opencontainers.image.enc.keys.jwe"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    made = Keys(tmp_path_factory.mktemp("keys"))
    for name in ("one", "node", "stranger"):
        made.rsa(name)
    return made


@pytest.fixture(scope="module")
def mesh(image_archive: Path, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh whose differ has a directory with one key of the machine's own."""
    base = tmp_path_factory.mktemp("mesh")
    (base / "node").mkdir()
    (base / "node/key.pem").write_bytes((keys.directory / "node.pem").read_bytes())
    (base / "turn.py").write_text(TURNING)
    provider = {"cmd": {"path": sys.executable, "args": ["-IS", str(base / "turn.py"), str(base / "told")]}}
    (base / "providers.json").write_text(json.dumps({"key-providers": {"turning": provider}}))
    settings = f'decryption_keys = "{base}/node", key_providers = "{base}/providers.json"'
    (base / "mesh.toml").write_text(f'[services.diff]\nkind = "diff"\nsettings = {{ {settings} }}\n{SERVICES}')
    running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), extra=["--config", str(base / "mesh.toml")])
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        said = (f"jwe:{keys.directory}/one.pub", f"pkcs7:{keys.directory}/one.crt")
        running.argosy("image", "encrypt", "--recipient", said[0], "--recipient", said[1], IMAGE, "mine:1").ok()
        running.argosy("image", "encrypt", "--recipient", f"jwe:{keys.directory}/node.pub", IMAGE, "nodes:1").ok()
        yield running
        left = running.leftovers()
        assert left == [], left
    finally:
        running.destroy()


SERVICES = """
[services.content]
kind = "content"
[services.snapshotter-overlay]
kind = "snapshotter-overlay"
[services.snapshotter-native]
kind = "snapshotter-native"
[services.tasks]
kind = "tasks"
[services.transfer]
kind = "transfer"
"""


def exported(mesh: Mesh, name: str, path: Path) -> Path:
    """Write an image to an archive, so that another namespace knows nothing of it but what stands there."""
    mesh.argosy("export", str(path), name).ok()
    return path


def done(mesh: Mesh, work: Callable[[Client], Awaitable[None]], namespace: str = "default") -> None:
    """Do something with a client; nothing of it is left under way."""

    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await work(client)

    asyncio.run(main())
    nothing_under_way(mesh, namespace)


def layers(mesh: Mesh, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(mesh.argosy("-o", "json", "image", "layerinfo", name).ok().out)
    return rows


def imported(mesh: Mesh, archive: Path, namespace: str, *more: str) -> Ran:
    return mesh.argosy("import", str(archive), *more, namespace=namespace)


def nothing_under_way(mesh: Mesh, namespace: str) -> None:
    """No ingest, lease or active snapshot is left."""

    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            services = client.services
            assert (await services.content.list_statuses(ListStatusesRequest())).statuses == []
            assert (await services.leases.list(ListRequest())).leases == []
            for snapshotter in ("overlayfs", "native"):
                async for reply in services.snapshots.list(ListSnapshotsRequest(snapshotter=snapshotter)):
                    assert [info.name for info in reply.info if info.name.startswith("extract-")] == []

    asyncio.run(main())


def test_layers_are_shown_without_a_key(mesh: Mesh) -> None:
    plain, mine = layers(mesh, IMAGE), layers(mesh, "mine:1")
    assert [row["encryption"] for row in plain] == ["", ""] and [row["encryption"] for row in mine] == ["jwe,pkcs7"] * 2
    assert [(row["recipients"], row["bytes"]) for row in mine] == [(2, row["bytes"]) for row in plain]
    assert all(row["type"].endswith("+gzip+encrypted") for row in mine)
    assert {row["digest"] for row in plain}.isdisjoint(row["digest"] for row in mine)


def test_an_image_is_unpacked_and_run_with_its_key_and_not_without(mesh: Mesh, keys: Keys, tmp_path: Path) -> None:
    """The layers are unpacked once: who has no key may not run them for that, unless nobody looks."""
    archive = exported(mesh, "mine:1", tmp_path / "a.tar")
    key = str(keys.directory / "one.pem")
    for said in ((), ("--decryption-keys", str(keys.directory / "stranger.pem"))):
        refused = imported(mesh, archive, "keyed", *said)
        assert refused.code != 0 and "at hand opens the layer, whose key is wrapped by jwe, pkcs7" in refused.err, refused
    nothing_under_way(mesh, "keyed")
    imported(mesh, archive, "keyed", "--decryption-keys", key).ok()
    run = ("run", "--rm", "--decryption-keys", key, "mine:1", "cat", "/etc/motd")
    assert mesh.argosy(*run, namespace="keyed").ok().out == "hello from an argosy\n"
    for said in ((), ("--decryption-keys", str(keys.directory / "stranger.pem"))):
        refused = mesh.argosy("run", "--rm", *said, "mine:1", "true", namespace="keyed")
        assert (
            refused.code != 0 and "may not be run without their keys" in refused.err and "--decryption-keys" in refused.err
        ), refused
    assert mesh.argosy("run", "--rm", "--skip-decrypt-auth", "mine:1", "cat", "/etc/motd", namespace="keyed").ok().out
    assert mesh.argosy("ps", namespace="keyed").out.strip() in ("", "no containers")
    # The key went through the gateway and the differ, and is in neither's words.
    secret = (keys.directory / "one.pem").read_text().splitlines()[3]
    assert secret not in mesh.log.read_text() and base64.b64encode(secret.encode()).decode()[:40] not in mesh.log.read_text()
    nothing_under_way(mesh, "keyed")


def test_keys_of_the_machine_open_layers_for_clients_that_know_of_none(mesh: Mesh, tmp_path: Path) -> None:
    """ctr has no word for keys; the differ finds the wrapped ones in the descriptor. What is for others stays closed."""
    refused = mesh.ctr("images", "import", str(exported(mesh, "mine:1", tmp_path / "mine")), namespace="machine")
    assert refused.code != 0 and "none of 1 keys that is at hand opens the layer" in refused.err, refused
    mesh.ctr("images", "import", str(exported(mesh, "nodes:1", tmp_path / "nodes")), namespace="machine").ok()
    name = "docker.io/library/nodes:1"
    assert mesh.ctr("run", "--rm", name, "c", "cat", "/etc/motd", namespace="machine").ok().out
    assert mesh.argosy("run", "--rm", "nodes:1", "cat", "/etc/motd", namespace="machine").ok().out
    nothing_under_way(mesh, "machine")


def test_one_is_pushed_and_pulled(mesh: Mesh, keys: Keys, registry: str) -> None:
    """A registry has what is encrypted; who pulls with a key can run it, and who pulls without one has its blobs at most."""
    name = f"{registry}/sealed:1"
    mesh.argosy("push", "--plain-http", name, "mine:1").ok()
    refused = mesh.argosy("pull", "--plain-http", name, namespace="pulls")
    assert refused.code != 0 and "at hand opens the layer" in refused.err, refused
    mesh.argosy("pull", "--plain-http", "--no-unpack", name, namespace="pulls").ok()
    key = ("--decryption-keys", str(keys.directory / "one.pem"))
    mesh.argosy("pull", "--plain-http", *key, name, namespace="pulls").ok()
    assert mesh.argosy("run", "--rm", *key, name, "cat", "/etc/motd", namespace="pulls").ok().out == "hello from an argosy\n"
    # A run that has to pull first has the key for both.
    assert mesh.argosy("run", "--rm", "--plain-http", *key, name, "cat", "/etc/motd", namespace="runs").ok().out
    nothing_under_way(mesh, "pulls")


def test_a_key_provider_of_the_machine_opens_layers(mesh: Mesh, tmp_path: Path) -> None:
    """For any client; to encrypt for it, and to decrypt, the command has the same configuration in its environment."""
    env = {"OCICRYPT_KEYPROVIDER_CONFIG": str(Path(mesh.extra[1]).parent / "providers.json"), "ARGOSY_CLI_TEMPLATE": "off"}
    command = [str(ARGOSY), "--address", str(mesh.address), "image"]
    run([*command, "encrypt", "--recipient", "provider:turning", IMAGE, "turned:1"], env=env).ok()
    assert [(row["encryption"], row["recipients"]) for row in layers(mesh, "turned:1")] == [("provider.turning", 1)] * 2
    mesh.ctr("images", "import", str(exported(mesh, "turned:1", tmp_path / "a.tar")), namespace="provided").ok()
    assert mesh.argosy("run", "--rm", "turned:1", "cat", "/etc/motd", namespace="provided").ok().out
    run([*command, "decrypt", "turned:1", "open:3"], env=env).ok()
    refused = mesh.argosy("image", "decrypt", "turned:1", "open:4")
    assert refused.code != 0 and "OCICRYPT_KEYPROVIDER_CONFIG names no file" in refused.err, refused


def test_decrypting_leads_back_to_the_same_layers(mesh: Mesh, keys: Keys) -> None:
    """Which are here already; with a file, and with a directory that has other keys, too."""
    mesh.argosy("image", "decrypt", "--key", str(keys.directory), "mine:1", "open:1").ok()
    refused = mesh.argosy("image", "decrypt", "--key", f"{keys.directory}/stranger.pem", "mine:1", "no:1")
    assert refused.code != 0 and "opens the layer" in refused.err

    async def work(client: Client) -> None:
        await api.decrypt(client, "mine:1", "open:2", words.keys([f"{keys.directory}/one.pem"]))
        plain = await api.layer_info(client, IMAGE)
        for name in ("open:1", "open:2"):
            assert [one.layer for one in await api.layer_info(client, name)] == [one.layer for one in plain]
        with pytest.raises(NotFound):
            await api.layer_info(client, "no:1")

    done(mesh, work)


def test_a_namespace_that_never_had_the_plain_layers_gets_them_bit_for_bit(mesh: Mesh, keys: Keys, tmp_path: Path) -> None:
    imported(mesh, exported(mesh, "mine:1", tmp_path / "a.tar"), "apart", "--no-unpack").ok()
    mesh.argosy("image", "decrypt", "--key", f"{keys.directory}/one.pem", "mine:1", "open:1", namespace="apart").ok()
    found = json.loads(mesh.argosy("-o", "json", "image", "layerinfo", "open:1", namespace="apart").ok().out)
    assert [row["digest"] for row in found] == [row["digest"] for row in layers(mesh, IMAGE)]
    assert mesh.argosy("run", "--rm", "open:1", "cat", "/etc/motd", namespace="apart").ok().out == "hello from an argosy\n"


def test_single_layers_and_more_recipients(mesh: Mesh, keys: Keys) -> None:
    """Chosen by number; who adds a recipient to an encrypted layer opens it first."""
    one, node = (words.recipients([f"jwe:{keys.directory}/{name}.pub"]) for name in ("one", "node"))
    opening = {name: words.keys([str(keys.directory / f"{name}.pem")]) for name in ("one", "node", "stranger")}

    async def work(client: Client) -> None:
        async def shown(name: str) -> list[tuple[list[str], int]]:
            return [(list(layer.schemes), layer.recipients) for layer in await api.layer_info(client, name)]

        await api.encrypt(client, IMAGE, "half:1", one, layers=[-1])
        assert await shown("half:1") == [([], 0), (["jwe"], 1)]
        for keys_of_it in (None, opening["stranger"]):
            with pytest.raises(PermissionDenied, match="is encrypted already, and more recipients need a key that opens it"):
                await api.encrypt(client, "half:1", "both:1", node, layers=[1], keys=keys_of_it)
        await api.encrypt(client, "half:1", "both:1", node, layers=[1], keys=opening["one"])
        assert await shown("both:1") == [([], 0), (["jwe"], 2)]
        for name in ("one", "node"):
            await api.decrypt(client, "both:1", "open:2", opening[name])
        for number in (2, -3):
            with pytest.raises(InvalidArgument, match="there is no layer"):
                await api.encrypt(client, IMAGE, "x:1", one, layers=[number])
        with pytest.raises(NotFound, match="no manifest here for linux/s390x"):
            await api.encrypt(client, IMAGE, "x:1", one, platforms=[Platform.parse("linux/s390x")])

    done(mesh, work)
    assert "nobody could open the image" in mesh.argosy("image", "encrypt", IMAGE, "x:1").err
    assert "PGP is not understood here" in mesh.argosy("image", "encrypt", "--recipient", "pgp:x", IMAGE, "x:1").err
    refused = mesh.argosy("image", "encrypt", "--recipient", f"jwe:{keys.directory}/one.pub", "--layer", "7", IMAGE, "x:1")
    assert "there is no layer 7" in refused.err


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def _changed(client: Client, name: str, new: str, change: Any) -> list[str]:
    """Store an image whose encrypted layers are what change makes of them, with documents that name them; return their digests."""
    made: list[str] = []

    async def one(services: Services, part: Part) -> Made:
        data = change(await read_blob(services.content, part.layer.digest))
        digest = await write_blob(services.content, f"changed-{part.number}", data)
        made.append(digest)
        return Made(
            Descriptor(media_type=part.layer.media_type, digest=digest, size=len(data), annotations=part.layer.annotations)
        )

    await rewrite(client, name, new, one)
    return made


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "first": lambda data: flipped(data, 0),
    "last": lambda data: flipped(data, len(data) - 1),
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
}


def test_a_layer_that_was_changed_is_never_committed(mesh: Mesh, keys: Keys) -> None:
    """Neither as a snapshot nor as a blob, wherever it was changed; nothing of it is left under way."""
    opens = words.keys([str(keys.directory / "one.pem")])
    imported(mesh, exported(mesh, "mine:1", keys.directory / "whole.tar"), "changed", "--no-unpack").ok()

    async def blobs(services: Services) -> list[str]:
        return sorted([info.digest async for reply in services.content.list(ListContentRequest()) for info in reply.info])

    async def work(client: Client) -> None:
        async with client.lease() as services:
            under = Client(mesh.address, "changed", services=services)
            for fault, change in FAULTS.items():
                await _changed(under, "mine:1", f"bad:{fault}", change)
                before = await blobs(services)
                with pytest.raises(DataLoss, match="changed or cut off"):
                    await api.decrypt(under, f"bad:{fault}", "open:1", opens)
                target = from_wire(present((await find_image(services, f"bad:{fault}")).target, "the target"))
                for snapshotter in ("overlayfs", "native"):
                    with pytest.raises(Unknown, match="ctd-decoder: layer sha256:.*changed or cut off"):
                        await api.unpack(services, target, snapshotter, keys=opens)
                    async for reply in services.snapshots.list(ListSnapshotsRequest(snapshotter=snapshotter)):
                        assert reply.info == []
                assert await blobs(services) == before

    done(mesh, work, "changed")


def test_who_cancels_leaves_nothing(mesh: Mesh, keys: Keys) -> None:
    """Encrypting that is given up at any moment leaves no ingest or lease that collection does not take."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            recipients = words.recipients([f"jwe:{keys.directory}/one.pub"])
            for after in (0.0, 0.005, 0.02, 0.05):
                work = asyncio.ensure_future(api.encrypt(client, IMAGE, "given-up:1", recipients))
                await asyncio.sleep(after)
                work.cancel()
                await asyncio.wait([work])

    asyncio.run(main())
    mesh.argosy("gc").ok()
    nothing_under_way(mesh, "default")


def test_the_library_refuses_who_has_no_key(mesh: Mesh, keys: Keys) -> None:
    """A container of an encrypted image is made with its keys, or when nobody looks."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            with pytest.raises(PermissionDenied, match="has encrypted layers"):
                await Container.create(client, "refused", "docker.io/library/mine:1", Options(args=["true"]))
            opens = words.keys([str(keys.directory / "one.pem")])
            for more in ({"keys": opens}, {"check_keys": False}):
                made = await Container.create(client, "taken", "docker.io/library/mine:1", Options(args=["true"]), **more)
                await made.delete()
            made = await Container.create(client, "taken", "docker.io/library/nodes:1", Options(args=["true"]))
            await made.delete()

    asyncio.run(main())


@pytest.mark.parametrize("to", ["zstd", "uncompressed"])
def test_an_image_is_packed_otherwise(mesh: Mesh, to: str, tmp_path: Path) -> None:
    """What is in its layers is the same, by the tools that others made."""
    mesh.argosy("image", "convert", "--to", to, IMAGE, f"packed:{to}").ok()
    rows, plain = layers(mesh, f"packed:{to}"), layers(mesh, IMAGE)
    kind = {"zstd": "+zstd", "uncompressed": ""}[to]
    assert [row["type"] for row in rows] == [f"application/vnd.oci.image.layer.v1.tar{kind}"] * 2
    archive = exported(mesh, f"packed:{to}", tmp_path / "a.tar")
    with tarfile.open(archive) as tar:
        blobs = {m.name.rpartition("/")[2]: tar.extractfile(m).read() for m in tar.getmembers() if m.isreg()}  # type: ignore[union-attr] # they are files
    with tarfile.open(exported(mesh, IMAGE, tmp_path / "b.tar")) as tar:
        old = {m.name.rpartition("/")[2]: tar.extractfile(m).read() for m in tar.getmembers() if m.isreg()}  # type: ignore[union-attr] # they are files
    for row, before in zip(rows, plain, strict=True):
        data = blobs[row["digest"][7:]]
        if to == "zstd":
            data = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
        assert hashlib.sha256(data).digest() == hashlib.sha256(gzip.decompress(old[before["digest"][7:]])).digest()
    assert mesh.argosy("run", "--rm", f"packed:{to}", "cat", "/etc/motd").ok().out == "hello from an argosy\n"
    mesh.ctr("images", "import", "--snapshotter", "native", str(archive), namespace=f"packed-{to}").ok()
    nothing_under_way(mesh, "default")


def test_encrypted_layers_are_packed_otherwise_by_their_keys(mesh: Mesh, keys: Keys) -> None:
    """Those of who asks, and those of the machine; what is gzip already stays as it is."""

    async def work(client: Client) -> None:
        await api.convert(client, "mine:1", "zopen:1", "zstd", keys=words.keys([f"{keys.directory}/one.pem"]))
        await api.convert(client, "nodes:1", "zopen:2", "zstd")
        assert [one.layer for one in await api.layer_info(client, "zopen:1")] == [
            one.layer for one in await api.layer_info(client, "zopen:2")
        ]
        with pytest.raises(Unknown, match="opens the layer"):
            await api.convert(client, "mine:1", "zopen:3", "zstd")
        await api.convert(client, IMAGE, "same:1", "gzip")
        assert [one.layer for one in await api.layer_info(client, "same:1")] == [
            one.layer for one in await api.layer_info(client, IMAGE)
        ]
        await api.encrypt(client, "zopen:1", "zsealed:1", words.recipients([f"jwe:{keys.directory}/node.pub"]))
        assert all(one.layer.media_type.endswith("tar+zstd+encrypted") for one in await api.layer_info(client, "zsealed:1"))

    done(mesh, work)
    mesh.ctr("images", "import", str(exported(mesh, "zsealed:1", mesh.base / "z.tar")), namespace="zstd").ok()
    assert mesh.argosy("run", "--rm", "zsealed:1", "cat", "/etc/motd", namespace="zstd").ok().out == "hello from an argosy\n"


def test_what_is_no_kind_of_layer_is_refused(mesh: Mesh) -> None:
    for to, says in (
        ("estargz", "not converted to estargz yet"),
        ("bzip2", "is none of uncompressed, gzip, zstd, erofs, erofs+zstd"),
        ("a/b", "unsupported diff media type: a/b"),
    ):
        refused = mesh.argosy("image", "convert", "--to", to, IMAGE, "x:1")
        assert refused.code != 0 and says in refused.err, refused
    assert "not found" in mesh.argosy("image", "layerinfo", "nobody:1").err


def test_a_layer_that_is_not_what_its_image_says_is_not_converted(mesh: Mesh) -> None:
    """Its tar has another digest than the config says."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client, client.lease() as services:
            under = Client(mesh.address, "default", services=services)
            await _changed(under, IMAGE, "lies:1", lambda data: gzip.compress(gzip.decompress(data) + bytes(512)))

    asyncio.run(main())
    refused = mesh.argosy("image", "convert", "--to", "zstd", "lies:1", "x:1")
    assert refused.code != 0 and "wrong diff id" in refused.err
