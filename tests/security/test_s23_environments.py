"""S23: what one container is given is no other's: environments don't mix, and are in no log and no event."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from argosy.client import Client, Container, Stdio
from argosy.oci.image import ContainerConfig
from argosy.oci.spec import Options, build, default_spec
from argosy.oci.users import User

from tests.harness.listening import listening
from tests.harness.mesh import IMAGE, Mesh, eventually

COUNT = 100


@pytest.mark.root
def test_a_hundred_containers_at_once_have_their_own_environments(mesh: Mesh, tmp_path: Path) -> None:
    """Each writes what it was given; none has another's value or variable, and no value is in the daemon's log or its events."""
    values = [secrets.token_hex(12) for _ in range(COUNT)]
    script = "env | grep -c ^OWN_; env | grep ^SECRET= "

    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            at_once = asyncio.Semaphore(24)

            async def one(n: int) -> str:
                options = Options(args=["sh", "-c", script], env=[f"SECRET={values[n]}", f"OWN_{n}=1"])
                container = await Container.create(client, f"env{n}", IMAGE, options)
                log = tmp_path / f"log{n}"
                async with at_once:
                    task = await container.new_task(Stdio(stdout=f"file://{log}", stderr=f"file://{log}"))
                    await task.start()
                    await task.wait()
                    await task.delete()
                await container.delete()
                return log.read_text()

            said = await asyncio.gather(*(one(n) for n in range(COUNT)))
            assert said == [f"1\nSECRET={value}\n" for value in values]

    with listening(mesh) as heard:
        asyncio.run(main())
        eventually(lambda: "".join(heard).count("/tasks/delete") == COUNT, what="not every event was heard")
    told = "".join(heard)
    for text in (told, mesh.log.read_text()):
        assert not [value for value in values if value in text]


def test_a_spec_shares_nothing_with_another() -> None:
    """Whatever is changed in one spec, down to its innermost list, is not in the next; nor does a build change what it was given."""
    image = ContainerConfig(env=["A=1"], cmd=["sh"])
    options = Options(env=["B=2"], annotations={"a": "1"})

    def spoil(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                spoil(inner)
            value["spoiled"] = True
        elif isinstance(value, list):
            for inner in value:
                spoil(inner)
            value.append("spoiled")

    first = build("default", "one", image, User(0, 0, ()), options)
    spoil(first)
    for spec in (build("default", "two", image, User(0, 0, ()), options), default_spec("default", "three")):
        assert "spoiled" not in repr(spec)
    assert list(image.env or []) == ["A=1"] and list(options.env) == ["B=2"] and "spoiled" not in options.annotations
