"""Policy on every path, as its users meet it: Debian's ctr, a 2.x client's conversation, our own commands, and what BuildKit calls."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.errors import PermissionDenied
from argosy.labels import VERDICT, VERIFIED
from argosy_protos.argosy.policy.v1 import AskRequest
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.images.v1 import CreateImageRequest, GetImageRequest, Image, UpdateImageRequest
from argosy_protos.containerd.services.tasks.v1 import CreateTaskRequest
from argosy_protos.containerd.types import Descriptor
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import FieldMask

from tests.harness.examples import EXAMPLES
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.transfer import HOST, Tool, extra, refused

pytestmark = pytest.mark.root

DENIED = 'hook "nolatest" denies'
VERIFIER = """#!/bin/sh
# Accepts what is not called "bad", and notes how it was called.
read line
echo "$0 $* $line" >> {log}
case "$*" in *bad*) echo "it is called bad"; exit 3;; esac
echo fine
"""


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    """A mesh with a program that verifies all images, and one policy: no :latest in namespace prod."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    (base / "bin").mkdir()
    program = base / "bin" / "10-name"
    program.write_text(VERIFIER.format(log=base / "calls"))
    program.chmod(0o755)
    (base / "mesh.toml").write_text(
        f'[image_verifiers]\nbin_dir = "{base / "bin"}"\ncover = "all"\nper_verifier_timeout_s = 60.0\n'
    )
    running = Mesh(base, extra=["--config", str(base / "mesh.toml")])
    running.start()
    try:
        command = shlex.join([sys.executable, str(EXAMPLES / "nolatest.py"), "--address", "{address}"])
        running.argosy("plugin", "add", "hook", "nolatest", "--deadline", "60", "--command", command).ok()
        running.ctr("images", "import", str(image_archive)).ok()
        yield running
        left = running.leftovers()
        assert left == [], left
    finally:
        running.destroy()


@pytest.fixture
def plain_cover(short_path: Path) -> Iterator[Mesh]:
    """A mesh with the same program, which covers what pulls by Transfer and ours."""
    (short_path / "bin").mkdir()
    program = short_path / "bin" / "10-name"
    program.write_text(VERIFIER.format(log=short_path / "calls"))
    program.chmod(0o755)
    (short_path / "mesh.toml").write_text(
        f'[image_verifiers]\nbin_dir = "{short_path / "bin"}"\nper_verifier_timeout_s = 60.0\n'
    )
    running = Mesh(short_path, extra=["--config", str(short_path / "mesh.toml")])
    running.start()
    try:
        yield running
    finally:
        running.destroy()


@pytest.fixture(scope="module")
def pushed(mesh: Mesh, registry: str) -> str:
    """A repository that has the image as :latest, :1 and :bad."""
    for tag in ("latest", "1", "bad"):
        mesh.argosy("push", f"{registry}/box:{tag}", IMAGE, "--plain-http").ok()
    return f"{registry}/box"


@pytest.fixture
def prod(mesh: Mesh) -> Iterator[Tool]:
    with Tool(mesh.address, "prod") as found:
        yield found


def calls(mesh: Mesh) -> list[str]:
    log = mesh.base / "calls"
    return log.read_text().splitlines() if log.exists() else []


def images_of(mesh: Mesh, namespace: str) -> set[str]:
    return set(mesh.ctr("images", "ls", "-q", namespace=namespace).ok().out.split())


def work_in(mesh: Mesh, namespace: str, work: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 60)

    asyncio.run(main())


def test_ctr_that_pulls_itself_gets_no_name_for_latest(mesh: Mesh, pushed: str) -> None:
    """``ctr images pull`` of 1.6, and --local of 2.x: it fetches first, and is asked about when it gives the image its name."""
    ran = mesh.ctr("images", "pull", "--plain-http", f"{pushed}:latest", namespace="prod")
    assert ran.code != 0 and DENIED in ran.err and "say which version" in ran.err, ran
    assert f"{pushed}:latest" not in images_of(mesh, "prod")
    mesh.ctr("images", "pull", "--plain-http", f"{pushed}:1", namespace="prod").ok()
    mesh.ctr("images", "pull", "--plain-http", f"{pushed}:latest", namespace="elsewhere").ok()
    # Another name of what is here is a name, too.
    ran = mesh.ctr("images", "tag", f"{pushed}:1", "docker.io/library/mine:latest", namespace="prod")
    assert ran.code != 0 and DENIED in ran.err, ran


def test_a_client_of_2_x_is_refused_before_a_registry_is_asked(mesh: Mesh, prod: Tool, pushed: str) -> None:
    code, text = refused(prod.pull, f"{pushed}:latest")
    assert code == "PERMISSION_DENIED" and text.startswith(f'{DENIED} image "{pushed}:latest" in namespace "prod": '), text
    assert prod.statuses() == []
    prod.pull(f"{pushed}:1")
    assert f"{pushed}:1" in images_of(mesh, "prod")
    code, text = refused(prod.transfer, p.ImageStore(name=f"{pushed}:1"), p.ImageStore(name="docker.io/library/it:latest"))
    assert code == "PERMISSION_DENIED" and DENIED in text
    # Of two names that it would get one is enough.
    more = [extra("docker.io/library/other:latest")]
    code, text = refused(prod.pull, f"{pushed}:1", extra_references=more)
    assert code == "PERMISSION_DENIED" and "other:latest" in text


def test_our_own_pull_is_refused_before_a_registry_is_asked(mesh: Mesh, pushed: str) -> None:
    ran = mesh.argosy("pull", f"{pushed}:latest", "--plain-http", namespace="prod")
    assert ran.code != 0 and DENIED in ran.err and "say which version" in ran.err, ran
    # Nothing of it was fetched: no registry is at this address.
    ran = mesh.argosy("pull", "localhost:1/none:latest", namespace="prod")
    assert DENIED in ran.err
    mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="prod").ok()


def test_an_import_is_asked_about(mesh: Mesh, prod: Tool, image_archive: Path) -> None:
    ran = mesh.ctr("images", "import", str(image_archive), namespace="prod")
    assert ran.code != 0 and DENIED in ran.err, ran
    ran = mesh.argosy("import", str(image_archive), namespace="prod")
    assert ran.code != 0 and DENIED in ran.err, ran
    source = p.ImageImportStream(stream=prod.sending(image_archive.read_bytes()))
    sink = p.ImageStore(platforms=[HOST], extra_references=[extra("x", is_prefix=True, allow_overwrite=True)])
    code, text = refused(prod.transfer, source, sink)
    assert code == "PERMISSION_DENIED" and DENIED in text
    assert IMAGE not in images_of(mesh, "prod")


def test_what_buildkit_calls_is_asked_about(mesh: Mesh, pushed: str) -> None:
    """It names what it has built, with the result's labels; a container of a step has no image; one that is to run by such a name is refused."""
    mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="prod").ok()
    result = "docker.io/me/result"

    async def work(client: Client) -> None:
        services = client.services
        target = (await services.images.get(GetImageRequest(name=f"{pushed}:1"))).image
        assert target is not None

        def named(name: str) -> CreateImageRequest:
            return CreateImageRequest(image=Image(name=name, target=target.target, labels={"built": "yes"}))

        with pytest.raises(PermissionDenied, match="say which version"):
            await services.images.create(named(f"{result}:latest"))
        await services.images.create(named(f"{result}:2"))
        for image in ("", f"{result}:latest"):
            record = containers.Container(
                id=f"step{len(image)}", image=image, runtime=containers.ContainerRuntime(name="io.containerd.none.v1"),
                spec=AnyMessage(type_url="x", value=b"{}"),
            )  # fmt: skip
            await services.containers.create(containers.CreateContainerRequest(container=record))
        # The one without an image gets as far as the runtime that there is not.
        with pytest.raises(PermissionDenied, match=f'container "step{len(image)}" of image "{result}:latest"'):
            await services.tasks.create(CreateTaskRequest(container_id=f"step{len(image)}"))
        with pytest.raises(Exception, match="containerd-shim-none-v1"):
            await services.tasks.create(CreateTaskRequest(container_id="step0"))
        for id in ("step0", f"step{len(image)}"):
            await services.containers.delete(containers.DeleteContainerRequest(id=id))

    work_in(mesh, "prod", work)


def test_a_container_of_latest_does_not_run_where_that_is_denied(mesh: Mesh, pushed: str) -> None:
    mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="prod").ok()
    assert mesh.argosy("run", "--rm", f"{pushed}:1", "true", namespace="prod").code == 0

    async def work(client: Client) -> None:
        request = containers.UpdateContainerRequest(
            container=containers.Container(id="c", image=f"{pushed}:latest"), update_mask=FieldMask(paths=["image"])
        )
        await client.services.containers.update(request)

    mesh.ctr("containers", "create", f"{pushed}:1", "c", "true", namespace="prod").ok()
    work_in(mesh, "prod", work)
    ran = mesh.ctr("tasks", "start", "c", namespace="prod")
    assert ran.code != 0 and f'{DENIED} container "c"' in ran.err, ran
    mesh.ctr("containers", "rm", "c", namespace="prod").ok()


# -- verifiers --


def test_a_program_says_whether_an_image_may_be_used_on_each_path(mesh: Mesh, pushed: str) -> None:
    words = f"image verifier bindir blocked pull of {pushed}:bad with digest "
    why = "for reason: verifier 10-name rejected image (exit code 3): it is called bad"
    ran = mesh.ctr("images", "pull", "--plain-http", f"{pushed}:bad", namespace="v")
    assert ran.code != 0 and words in ran.err and why in ran.err, ran
    ran = mesh.argosy("pull", f"{pushed}:bad", "--plain-http", namespace="v")
    assert ran.code != 0 and words in ran.err and why in ran.err, ran
    with Tool(mesh.address, "v2") as tool:
        code, text = refused(tool.pull, f"{pushed}:bad")
        assert code == "PERMISSION_DENIED" and words in text and why in text
    # Who asks first has nothing of what is refused.
    assert mesh.ctr("content", "ls", "-q", namespace="v2").ok().out == ""
    assert images_of(mesh, "v") | images_of(mesh, "v2") == set()


def test_it_is_called_as_containerd_calls_it(mesh: Mesh, pushed: str) -> None:
    before = len(calls(mesh))
    with Tool(mesh.address, "called") as tool:
        tool.pull(f"{pushed}:1")
        assert "Verified by bindir (10-name => fine)" in tool.statuses()
    called = calls(mesh)[before:]
    # Once: the name is given on the word of what was said before.
    assert len(called) == 1
    program, *words = called[0].split(" ")
    target = json.loads(words[-1])
    assert program == str(mesh.base / "bin" / "10-name")
    assert words[:-1] == [
        "-name", f"{pushed}:1", "-digest", target["digest"], "-stdin-media-type", "application/vnd.oci.descriptor.v1+json",
    ]  # fmt: skip
    assert list(target) == ["mediaType", "digest", "size"] and target["size"] > 0


def test_the_verdict_is_kept_with_the_image_and_shown(mesh: Mesh, pushed: str) -> None:
    for command in (mesh.argosy, mesh.ctr):
        words = ["pull"] if command == mesh.argosy else ["images", "pull"]
        ran = command(*words, "--plain-http", f"{pushed}:1", namespace="kept").ok()
        assert command == mesh.ctr or "bindir: 10-name => fine" in ran.out
        mesh.ctr("images", "label", f"{pushed}:1", "my=own", namespace="kept").ok()
        (shown,) = json.loads(mesh.argosy("-o", "json", "images", namespace="kept").ok().out)
        assert shown["verified"] == "bindir: 10-name => fine" and shown["labels"]["my"] == "own"
        mesh.ctr("images", "rm", "--sync", f"{pushed}:1", namespace="kept").ok()


def test_another_name_of_a_verified_image_says_what_was_verified(plain_cover: Mesh, pushed: str) -> None:
    """Whoever tags: our command, Debian's ctr, a Transfer, ``argosy transfer``. A tag is no pull: the program is not asked."""
    mesh, name = plain_cover, f"{pushed}:1"
    mesh.argosy("pull", name, "--plain-http", namespace="tags").ok()
    mesh.argosy("tag", name, "a:1", namespace="tags").ok()
    mesh.ctr("images", "tag", name, "docker.io/library/b:1", namespace="tags").ok()
    mesh.argosy("transfer", f"image:{name}", "image:c:1", namespace="tags").ok()
    with Tool(mesh.address, "tags") as tool:
        tool.transfer(p.ImageStore(name=name), p.ImageStore(name="docker.io/library/d:1", labels={"my": "own"}))
    rows = {row["name"]: row for row in json.loads(mesh.argosy("-o", "json", "images", namespace="tags").ok().out)}
    assert rows.pop(name)["verified"] == "bindir: 10-name => fine"
    assert sorted(rows) == [f"docker.io/library/{one}:1" for one in "abcd"]
    assert {row["verified"] for row in rows.values()} == {f"bindir: 10-name => fine (as {name})"}
    assert rows["docker.io/library/d:1"]["labels"]["my"] == "own"
    assert len(calls(mesh)) == 1


def test_nobody_but_a_verifier_says_that_an_image_is_verified(mesh: Mesh, pushed: str) -> None:
    mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="forged").ok()

    async def work(client: Client) -> None:
        images = client.services.images
        image = (await images.get(GetImageRequest(name=f"{pushed}:1"))).image
        assert image is not None and image.target is not None
        said = {VERIFIED: image.target.digest, VERDICT: "mother: it is fine"}
        for paths in ([], ["labels"], ["target", f"labels.{VERDICT}"], [f"labels.{VERDICT}"]):
            request = UpdateImageRequest(
                image=Image(name=image.name, target=image.target, labels=said),
                update_mask=FieldMask(paths=paths) if paths else None,
            )
            await images.update(request)
            after = (await images.get(GetImageRequest(name=image.name))).image
            assert after is not None and dict(after.labels) == dict(image.labels), paths
        # What it points at now nobody has verified but the program, which is asked.
        other = Descriptor(media_type=image.target.media_type, digest="sha256:" + "c" * 64, size=3)
        request = UpdateImageRequest(image=Image(name=image.name, target=other), update_mask=FieldMask(paths=["target"]))
        await images.update(request)
        after = (await images.get(GetImageRequest(name=image.name))).image
        assert after is not None and after.labels[VERIFIED] == other.digest

    work_in(mesh, "forged", work)


# -- hooks that go --


def test_a_policy_that_is_killed_keeps_everything_out_until_it_is_back(mesh: Mesh, pushed: str) -> None:
    """Its program is started again by the supervisor; whoever comes meanwhile waits, or is told."""
    rows = json.loads(mesh.argosy("-o", "json", "plugin", "ls").ok().out)
    pid = next(row["pid"] for row in rows if row["name"] == "nolatest")
    os.kill(int(pid), signal.SIGKILL)
    ran = mesh.argosy("pull", f"{pushed}:latest", "--plain-http", namespace="prod")
    assert ran.code != 0 and ("denies" in ran.err or "gave no answer" in ran.err), ran
    eventually(lambda: mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="prod").code == 0)
    mesh.argosy("plugin", "drain", "nolatest").ok()
    ran = mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="prod")
    assert ran.code != 0 and "is draining" in ran.err and "fail open" in ran.err, ran
    mesh.argosy("plugin", "undrain", "nolatest").ok()
    mesh.argosy("pull", f"{pushed}:1", "--plain-http", namespace="prod").ok()


def test_who_asks_about_something_else_is_told(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        for point in ("", "pre-run", "another"):
            with pytest.raises(Exception, match="is no point to ask about"):
                await client.services.policy.ask(AskRequest(point=point, reference="a", names=["a"]))
        with pytest.raises(Exception, match="say its target"):
            await client.services.policy.ask(AskRequest(point="resolved", reference="a", names=["a"]))

    work_in(mesh, "prod", work)
