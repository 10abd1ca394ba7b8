"""ctr pulls from Debian's docker-registry on loopback through us, and pushes back."""

from __future__ import annotations

import pytest

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root


def test_ctr_pushes_and_pulls_through_us(mesh: Mesh, registry: str) -> None:
    name = f"{registry}/team/box:1"
    mesh.ctr("images", "tag", IMAGE, name).ok()
    mesh.ctr("images", "push", "--plain-http", name).ok()
    mesh.ctr("images", "rm", "--sync", name).ok()
    mesh.ctr("images", "pull", "--plain-http", name, namespace="pulled").ok()
    ran = mesh.ctr("run", "--rm", name, "p1", "cat", "/etc/motd", namespace="pulled").ok()
    assert ran.out == "hello from an argosy\n"
    digest = mesh.ctr("images", "ls", f"name=={name}", namespace="pulled").ok().out.split("sha256:")[1].split()[0]
    mesh.ctr("content", "fetch", "--plain-http", name, namespace="fetched").ok()
    assert digest in mesh.ctr("content", "ls", "-q", namespace="fetched").ok().out
    missing = mesh.ctr("images", "pull", "--plain-http", f"{registry}/no/such:1")
    assert missing.code == 1 and "not found" in missing.err
