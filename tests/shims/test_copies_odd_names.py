"""Names that are no text, or are as long as names can be: what is wrong with them is told in words, and the shim goes on."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.errors import Aborted, ArgosyError, FailedPrecondition, NotFound
from argosy_protos.containerd.types import transfer as p

from tests.harness.shims import Alone, Peer, alone, fails, peer

pytestmark = pytest.mark.root

ODD = b"\xff\xfe" + b"n" * 200


@pytest.fixture(scope="module")
def shim() -> Iterator[Alone]:
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as base:
        os.chmod(base, 0o711)
        with alone(Path(base)) as found:
            yield found
            assert found.shim.poll() is None, "the shim has died"


async def refusal(client: Peer, path: str) -> ArgosyError:
    """Return what a copy of path is refused with, whose bytes are taken as they come."""
    stream = await client.open()
    async with asyncio.timeout(30):
        asked = asyncio.create_task(fails(client.transfer(client.path(path), p.WriteStream(stream=stream.id))))
        await stream.grant(1 << 30)
        return await asked


def test_what_is_wrong_with_a_name_that_is_no_text_is_told(shim: Alone, tmp_path: Path) -> None:
    """Its error could not be sent: whoever asked waited for ever."""
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):  # deeper than a path is long
        os.mkdir(ODD, dir_fd=at)
        below = os.open(ODD, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)

    async def main() -> None:
        async with peer(shim.address) as client:
            await shim.run(client, tmp_path)
            try:
                error = await refusal(client, "/vol")
                assert isinstance(error, FailedPrecondition) and "deeper than a path is long" in error.message
                assert b"small" in await client.read("/small"), "it serves others"
            finally:
                await shim.remove(client)

    asyncio.run(main())


@pytest.mark.parametrize("letter", ["😀", "ü", "\x01", '"'])
def test_what_is_wrong_with_a_very_long_path_is_told(shim: Alone, letter: str) -> None:
    """The process's last word was cut in the middle where its letters take more room than others."""
    path = "/".join([letter * 60] * (4000 // len((letter * 60).encode())))

    async def main() -> None:
        async with peer(shim.address) as client:
            await shim.run(client)
            try:
                error = await refusal(client, f"/{path}")
                shown = letter * 60 if letter.isprintable() else repr(letter)[1:-1] * 60
                assert isinstance(error, NotFound) and shown in error.message
            finally:
                await shim.remove(client)

    asyncio.run(main())


def test_a_file_that_shrinks_while_it_is_read_is_told_by_what_is_left_of_its_name(shim: Alone, tmp_path: Path) -> None:
    name = os.path.join(os.fsencode(tmp_path), ODD)
    with open(name, "wb") as file:
        file.write(b"x" * (8 << 20))

    async def main() -> None:
        async with peer(shim.address) as client:
            await shim.run(client, tmp_path)
            try:
                stream = await client.open()
                asked = asyncio.create_task(fails(client.transfer(client.path("/vol"), p.WriteStream(stream=stream.id))))
                await stream.grant(1 << 20)
                for _ in range(16):
                    await stream.receive()
                os.truncate(name, 0)
                await stream.grant(1 << 30)
                async with asyncio.timeout(30):
                    error = await asked
                assert isinstance(error, Aborted) and "became shorter while it was read" in error.message
            finally:
                await shim.remove(client)

    asyncio.run(main())
