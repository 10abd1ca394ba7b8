"""Debian's docker-registry on loopback: pull, push back, pull again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """An empty registry; its host:port."""
    base = Path(tempfile.mkdtemp(prefix="ay-registry-"))
    port = free_port()
    (base / "config.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {base}/data\n  delete:\n    enabled: true\n"
        f"http:\n  addr: 127.0.0.1:{port}\n"
    )
    with (base / "log").open("w") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(base / "config.yml")], stdout=log, stderr=log, env=dict(os.environ)
        )

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(answers, within=20, what="the registry does not listen")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(base, ignore_errors=True)


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
