"""argosy image inspect: what it shows is what the image's documents say, as far as they are here; what they leave out is left out."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.harness.containerd import Containerd
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, run

pytestmark = pytest.mark.root

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layout:
    """A directory with an OCI layout, of whatever documents."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs/sha256").mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def keep(self, media_type: str, data: Any, write: bool = True, **more: Any) -> dict[str, Any]:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = hashlib.sha256(raw).hexdigest()
        if write:
            (self.root / "blobs/sha256" / digest).write_bytes(raw)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(raw), **more}

    def name(self, name: str, top: dict[str, Any], *others: dict[str, Any]) -> None:
        top = {**top, "annotations": {"io.containerd.image.name": name}}
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top, *others]}))


def inspected(mesh: Mesh, *words: str) -> dict[str, Any]:
    (found,) = json.loads(mesh.argosy("-o", "json", "image", "inspect", *words).ok().out)
    assert isinstance(found, dict)
    return found


def test_what_is_shown_is_what_the_archive_says(mesh: Mesh, image_archive: Path) -> None:
    with tarfile.open(image_archive) as tar:

        def blob(digest: str) -> Any:
            member = tar.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            assert member is not None
            return json.load(member)

        (top,) = json.load(tar.extractfile("index.json"))["manifests"]  # type: ignore[arg-type] # it is there
        manifest = blob(top["digest"])
        config = blob(manifest["config"]["digest"])
    mesh.argosy("tag", IMAGE, "again:1").ok()
    mesh.argosy("import", str(image_archive), "--snapshotter", "overlayfs").ok()
    found = inspected(mesh, "busybox")
    assert found["name"] == IMAGE and found["names"] == ["docker.io/library/again:1", IMAGE]
    assert (found["digest"], found["manifest"]) == (top["digest"], top["digest"])
    assert [(one["digest"], one["bytes"], one["media_type"], one["diff_id"]) for one in found["layers"]] == [
        (layer["digest"], layer["size"], layer["mediaType"], diff_id)
        for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]
    assert all(one["here"] and one["encryption"] is None for one in found["layers"])
    assert found["bytes"] == manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
    said = found["config"]
    assert said["digest"] == manifest["config"]["digest"] and said["history"] == config["history"]
    assert (said["cmd"], said["env"]) == (config["config"]["Cmd"], config["config"]["Env"])
    assert found["platforms"] == [
        {"platform": found["platform"], "digest": top["digest"], "media_type": MANIFEST, "here": True}
    ]
    ready = {one["snapshotter"]: one["ready"] for one in found["unpacked"]}
    assert ready["overlayfs"] and not ready["native"], ready
    shown = mesh.argosy("image", "inspect", "busybox", "again:1").ok().out
    assert all(one["diff_id"] in shown for one in found["layers"]) and "unpacked     overlayfs\n" in shown
    assert "also called  docker.io/library/again:1" in shown and shown.count("\nconfig ") == 2


def test_an_index_of_which_some_is_here(mesh: Mesh, tmp_path: Path) -> None:
    """Nulls are as good as nothing, as Go reads them; a platform that was never fetched is listed, and refused when it is asked for."""
    layout = Layout(tmp_path / "layout")
    key = "org.opencontainers.image.enc.keys."
    layer = layout.keep(LAYER + "+encrypted", b"x" * 100, annotations={f"{key}jwe": "e30=", f"{key}provider.my": "e30="})
    lost = layout.keep(LAYER, b"y" * 100)
    config: dict[str, Any] = {
        "architecture": "s390x", "os": "linux", "variant": None, "created": "2020-01-01T00:00:00Z", "author": None, "history": None,
        "config": {"Env": None, "Cmd": ["a b", "c"], "Labels": {"is": "odd\nverified      by the king"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": None, "User": None},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64, "sha256:" + "2" * 64]},
    }  # fmt: skip
    body = {
        "schemaVersion": 2, "mediaType": None, "config": layout.keep(CONFIG, config), "layers": [layer, lost], "annotations": {"made": "here"},
    }  # fmt: skip
    mine = layout.keep(MANIFEST, body, platform=None)
    other = layout.keep(MANIFEST, {"never": "fetched"}, False, platform={"os": "linux", "architecture": "arm64"})
    proof = {"os": "unknown", "architecture": "unknown"}
    attested = layout.keep(
        MANIFEST, {**body, "annotations": None, "layers": []}, platform=proof, annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )  # fmt: skip
    top = layout.keep(INDEX, {"schemaVersion": 2, "manifests": [attested, mine, other]})
    # What refers to it, as an export has it.
    bill = layout.keep(
        MANIFEST,
        {
            "schemaVersion": 2,
            "artifactType": "an/sbom",
            "config": layout.keep("an/empty", b"{}"),
            "layers": [],
            "subject": top,
        },
    )
    layout.name("docker.io/library/odd:1", top, {**bill, "annotations": {"io.containerd.manifest.subject": top["digest"]}})
    mesh.argosy("import", str(layout.root), "--no-unpack").ok()
    mesh.ctr("content", "rm", lost["digest"]).ok()
    found = inspected(mesh, "odd:1")
    assert [(one["platform"], one["digest"], one["here"]) for one in found["platforms"]] == [
        ("unknown/unknown", attested["digest"], True), ("linux/s390x", mine["digest"], True), ("linux/arm64", other["digest"], False),
    ]  # fmt: skip
    assert (found["platform"], found["manifest"], found["annotations"]) == ("linux/s390x", mine["digest"], {"made": "here"})
    assert [(one["here"], one["encryption"]) for one in found["layers"]] == [(True, ["jwe", "provider.my"]), (False, None)]
    said = found["config"]
    assert (said["created"], said["author"], said["env"], said["volumes"], said["history"]) == (
        "2020-01-01T00:00:00Z",
        "",
        [],
        [],
        [],
    )
    assert (said["cmd"], said["exposed_ports"], said["labels"]) == (
        ["a b", "c"],
        ["80/tcp"],
        {"is": "odd\nverified      by the king"},
    )
    assert not any(one["ready"] or one["layers"] for one in found["unpacked"])
    assert [(one["digest"], one["artifact_type"]) for one in found["referrers"]] == [(bill["digest"], "an/sbom")]
    shown = mesh.argosy("image", "inspect", "odd:1", "--platform", "linux/s390x").ok().out
    for line in (
        "command       'a b' c",
        "ports         80/tcp",
        "image labels  is=odd\\nverified      by the king\n",
        "encrypted     1 of 2 layers, for jwe, provider.my",
    ):
        assert line in shown, shown
    assert "None" not in shown and "null" not in shown
    ran = mesh.argosy("image", "inspect", "odd:1", "--platform", "linux/arm64")
    assert ran.code == 4 and other["digest"] in ran.err and "Traceback" not in ran.err, ran
    ran = mesh.argosy("image", "inspect", "odd:1", "--platform", "linux/riscv64", "nobody:1", "busybox")
    assert ran.code == 4 and 'image "docker.io/library/odd:1"' in ran.err and "linux/riscv64" in ran.err, ran
    assert 'image "docker.io/library/nobody:1": not found' in ran.err, ran


def test_an_artifact_and_an_image_whose_document_is_lost(mesh: Mesh, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    body = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "a/chart", "config": layout.keep("an/empty", b"{}"),
        "layers": [layout.keep("a/chart.tar", b"not a layer")],
    }  # fmt: skip
    layout.name("docker.io/library/chart:1", layout.keep(MANIFEST, body))
    mesh.argosy("import", str(layout.root), "--no-unpack").ok()
    found = inspected(mesh, "chart:1")
    assert (found["artifact_type"], found["platform"], found["config"], found["unpacked"]) == ("a/chart", "", None, [])
    assert [(one["media_type"], one["diff_id"], one["here"]) for one in found["layers"]] == [("a/chart.tar", "", True)]
    mesh.ctr("content", "rm", found["manifest"]).ok()
    ran = mesh.argosy("image", "inspect", "chart:1")
    assert ran.code == 4 and found["manifest"] in ran.err, ran


@pytest.mark.skipif(shutil.which("containerd") is None, reason="Debian's containerd is not installed")
def test_debians_containerd_is_asked_as_ours_is(mesh: Mesh, short_path: Path, image_archive: Path) -> None:
    stock = Containerd(short_path / "c")
    stock.start()
    try:
        stock.ctr("images", "import", str(image_archive)).ok()
        ran = run([str(ARGOSY), "--address", str(stock.address), "-o", "json", "image", "inspect", "busybox"])
        (found,) = json.loads(ran.ok().out)
    finally:
        stock.destroy()
    ours = inspected(mesh, "busybox")
    for key in ("name", "digest", "platforms", "platform", "manifest", "config", "layers", "bytes"):
        assert found[key] == ours[key], key
    assert {one["snapshotter"]: one["ready"] for one in found["unpacked"] if not one["error"]}["overlayfs"]
