"""Encrypted images of others: skopeo opens ours and we open skopeo's; a stock containerd unpacks with our decoder as it would with its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.containerd import Containerd
from tests.harness.keys import Keys, decoded, encoded
from tests.harness.mesh import ARGOSY, BIN, IMAGE, Mesh, run

pytestmark = pytest.mark.root

KINDS = {"jwe-rsa": "jwe:{}/rsa.pub", "jwe-ec": "jwe:{}/ec.pub", "pkcs7": "pkcs7:{}/rsa.crt"}
MOTD = "hello from an argosy\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    made = Keys(tmp_path_factory.mktemp("keys"))
    for name in ("rsa", "stranger", "node"):
        made.rsa(name)
    made.ec()
    return made


def skopeo(*args: str) -> Any:
    return run(["skopeo", "--insecure-policy", "copy", *args])


def opening(keys: Keys, kind: str) -> list[str]:
    """Return the files that open what was encrypted for a kind of recipients: with PKCS#7 the certificate says which key it is."""
    return {"jwe-rsa": ["rsa.pem"], "jwe-ec": ["ec.pem"], "pkcs7": ["rsa.pem", "rsa.crt"]}[kind]


def layers(layout: Path) -> list[dict[str, Any]]:
    """Return the layers of the image in an OCI layout."""
    index = json.loads((layout / "index.json").read_text())
    manifest: dict[str, Any] = json.loads((layout / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_text())
    found: list[dict[str, Any]] = manifest["layers"]
    return found


@pytest.fixture(scope="module")
def plain(image_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as a layout, as skopeo writes it."""
    layout = tmp_path_factory.mktemp("plain") / "layout"
    skopeo(f"oci-archive:{image_archive}", f"oci:{layout}:t").ok()
    return layout


@pytest.mark.parametrize("kind", KINDS)
def test_skopeo_opens_what_we_encrypt(mesh: Mesh, keys: Keys, plain: Path, tmp_path: Path, kind: str) -> None:
    """Byte for byte, and not with another's key."""
    mesh.argosy("image", "encrypt", "--recipient", KINDS[kind].format(keys.directory), IMAGE, f"ours:{kind}").ok()
    mesh.argosy("export", str(tmp_path / "ours.tar"), f"ours:{kind}").ok()
    source = f"oci-archive:{tmp_path}/ours.tar"
    with_key = [word for name in opening(keys, kind) for word in ("--decryption-key", str(keys.directory / name))]
    skopeo(*with_key, source, f"oci:{tmp_path}/open:t").ok()
    assert [layer["digest"] for layer in layers(tmp_path / "open")] == [layer["digest"] for layer in layers(plain)]
    assert skopeo("--decryption-key", str(keys.directory / "stranger.pem"), source, f"oci:{tmp_path}/no:t").code != 0


@pytest.mark.parametrize("kind", KINDS)
def test_we_open_what_skopeo_encrypts(mesh: Mesh, keys: Keys, plain: Path, tmp_path: Path, kind: str) -> None:
    """Decrypted to the same bytes, and unpacked and run as it is."""
    skopeo("--encryption-key", KINDS[kind].format(keys.directory), f"oci:{plain}:t", f"oci:{tmp_path}/theirs:{kind}").ok()
    (row,) = json.loads(
        mesh.argosy("-o", "json", "import", "--no-unpack", str(tmp_path / "theirs"), namespace=kind).ok().out
    )
    name, key = row["image"], str(keys.directory / opening(keys, kind)[0])
    refused = mesh.argosy("image", "decrypt", "--key", str(keys.directory / "stranger.pem"), name, "open:1", namespace=kind)
    assert refused.code != 0 and "opens the layer" in refused.err
    mesh.argosy("image", "decrypt", "--key", key, name, "open:1", namespace=kind).ok()
    found = json.loads(mesh.argosy("-o", "json", "image", "layerinfo", "open:1", namespace=kind).ok().out)
    assert [one["digest"] for one in found] == [layer["digest"] for layer in layers(plain)]
    ran = mesh.argosy("run", "--rm", "--decryption-keys", key, name, "cat", "/etc/motd", namespace=kind)
    assert ran.ok().out == MOTD


def test_one_image_is_for_several_recipients_of_both(mesh: Mesh, keys: Keys, plain: Path, tmp_path: Path) -> None:
    """skopeo encrypts for two at once, we add a third, and each opens it there and here."""
    words = [word for kind in ("jwe-rsa", "jwe-ec") for word in ("--encryption-key", KINDS[kind].format(keys.directory))]
    skopeo(*words, f"oci:{plain}:t", f"oci:{tmp_path}/theirs:t").ok()
    (row,) = json.loads(
        mesh.argosy("-o", "json", "import", "--no-unpack", str(tmp_path / "theirs"), namespace="many").ok().out
    )
    mesh.argosy(
        "image", "encrypt", "--recipient", f"jwe:{keys.directory}/node.pub", "--decryption-keys", str(keys.directory / "ec.pem"),
        row["image"], "three:1", namespace="many",
    ).ok()  # fmt: skip
    mesh.argosy("export", str(tmp_path / "three.tar"), "three:1", namespace="many").ok()
    for name in ("rsa.pem", "ec.pem", "node.pem"):
        mesh.argosy("image", "decrypt", "--key", str(keys.directory / name), "three:1", "open:1", namespace="many").ok()
        skopeo(
            "--decryption-key", str(keys.directory / name), f"oci-archive:{tmp_path}/three.tar", f"oci:{tmp_path}/{name}:t"
        ).ok()
        assert [layer["digest"] for layer in layers(tmp_path / name)] == [layer["digest"] for layer in layers(plain)]


@pytest.fixture(scope="module")
def stock(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    """Debian's containerd with the tables of stream processors that its documentation has, and our program in the place of its own."""
    node = tmp_path_factory.mktemp("node")
    (node / "key.pem").write_bytes((keys.directory / "node.pem").read_bytes())
    tar = "application/vnd.oci.image.layer.v1.tar"
    config = "".join(
        f'[stream_processors."io.containerd.ocicrypt.decoder.v1.tar{suffix}"]\naccepts = ["{tar}{kind}+encrypted"]\nreturns = "{tar}{kind}"\n'
        f'path = "ctd-decoder"\nargs = ["--decryption-keys-path", "{node}"]\n'
        for kind, suffix in (("", ""), ("+gzip", ".gzip"))
    )
    peer = Containerd(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), config, path_first=BIN)
    peer.start()
    try:
        yield peer
    finally:
        peer.destroy()


def test_a_stock_containerd_unpacks_with_our_decoder(
    stock: Containerd, mesh: Mesh, keys: Keys, plain: Path, tmp_path: Path
) -> None:
    """What skopeo encrypted and what we did: with keys of the client, with those of the machine, and not without; a changed layer never."""

    def imported(archive: Path | str, *words: str) -> Any:
        return run([str(ARGOSY), "-o", "json", "--address", str(stock.address), "import", str(archive), *words])

    skopeo("--encryption-key", KINDS["jwe-rsa"].format(keys.directory), f"oci:{plain}:t", f"oci:{tmp_path}/theirs:t").ok()
    with_key = ("--decryption-keys", str(keys.directory / "rsa.pem"))
    # This daemon keeps what a processor says to itself; that nothing came out of it is seen by who asked.
    refused = imported(tmp_path / "theirs")
    assert refused.code != 0 and ("ctd-decoder" in refused.err or "wrong diff id" in refused.err), refused
    resealed(tmp_path / "theirs", tmp_path / "changed")
    refused = imported(tmp_path / "changed", *with_key)
    assert refused.code != 0, refused
    assert stock.ctr("snapshots", "ls").out.splitlines()[1:] == []
    name = json.loads(imported(tmp_path / "theirs", *with_key).ok().out)[0]["image"]
    run_words = [str(ARGOSY), "--address", str(stock.address), "run", "--rm"]
    refused = run([*run_words, name, "cat", "/etc/motd"])
    assert refused.code != 0 and "may not be run without their keys" in refused.err, refused
    assert run([*run_words, *with_key, name, "cat", "/etc/motd"]).ok().out == MOTD


def resealed(layout: Path, copy: Path) -> None:
    """Copy a layout with an image whose first layer has another HMAC: to who opens it, all of its bytes were changed."""
    shutil.copytree(layout, copy)
    index = json.loads((copy / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads((copy / "blobs/sha256" / entry["digest"][7:]).read_text())
    options = manifest["layers"][0]["annotations"]
    said = decoded(options["org.opencontainers.image.enc.pubopts"])
    options["org.opencontainers.image.enc.pubopts"] = encoded({**said, "hmac": "A" * 42 + "A="})
    data = json.dumps(manifest).encode()
    entry |= {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
    (copy / "blobs/sha256" / entry["digest"][7:]).write_bytes(data)
    (copy / "index.json").write_text(json.dumps(index))


def test_a_stock_containerd_has_keys_of_its_machine(stock: Containerd, mesh: Mesh, keys: Keys, tmp_path: Path) -> None:
    """Our client hands on the descriptor, and no key."""
    mesh.argosy("image", "encrypt", "--recipient", f"jwe:{keys.directory}/node.pub", IMAGE, "nodes:1").ok()
    mesh.argosy("export", str(tmp_path / "nodes.tar"), "nodes:1").ok()
    command = [str(ARGOSY), "--address", str(stock.address), "--namespace", "machine"]
    run([*command, "import", str(tmp_path / "nodes.tar")]).ok()
    ran = run([*command, "run", "--rm", "--skip-decrypt-auth", "nodes:1", "cat", "/etc/motd"])
    assert ran.ok().out == MOTD
    # And stock's own client runs what is unpacked.
    name = "docker.io/library/nodes:1"
    assert stock.ctr("run", "--rm", name, "c", "cat", "/etc/motd", namespace="machine").ok().out == MOTD


def test_a_stock_containerd_s_images_are_encrypted_and_decrypted(stock: Containerd, keys: Keys, image_archive: Path) -> None:
    """The daemon sees blobs."""
    command = [str(ARGOSY), "-o", "json", "--address", str(stock.address), "--namespace", "work"]
    run([*command, "import", str(image_archive)]).ok()
    run([*command, "image", "encrypt", "--recipient", f"jwe:{keys.directory}/ec.pub", IMAGE, "sealed:1"]).ok()
    run([*command, "image", "decrypt", "--key", str(keys.directory / "ec.pem"), "sealed:1", "open:1"]).ok()
    rows = [json.loads(run([*command, "image", "layerinfo", name]).ok().out) for name in (IMAGE, "open:1", "sealed:1")]
    assert [row["digest"] for row in rows[0]] == [row["digest"] for row in rows[1]]
    assert [row["encryption"] for row in rows[2]] == ["jwe"] * 2
    refused = run([*command, "image", "convert", "--to", "zstd", IMAGE, "x:1"])
    assert refused.code == 8 and "the daemon converts no layers" in refused.err
