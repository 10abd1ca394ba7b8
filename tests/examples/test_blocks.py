"""The content store by blocks: daemons use it as any, what blobs share is there once, and goes with the last of them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from pathlib import Path

import pytest
from argosy.errors import NotFound, OutOfRange
from argosy.plugin.diff.contents import Contents
from argosy.rpc import Channel
from argosy_protos.containerd.services.content import v1 as p

from tests.examples.conftest import Together
from tests.harness.examples import serving
from tests.harness.mesh import IMAGE, eventually

BLOCK = 256 << 10


@pytest.mark.root
def test_an_image_is_kept_in_blocks(stores: Together, image_archive: Path) -> None:
    peer, root = stores.peer, stores.base / "root"
    peer.ctr("images", "import", str(image_archive)).ok()
    assert peer.ctr("run", "--rm", IMAGE, "c", "cat", "/etc/motd").ok().out == "hello from an argosy\n"
    assert len(list((root / "blocks").iterdir())) > len(list((root / "blobs/sha256").iterdir())) > 3
    peer.ctr("images", "rm", "--sync", IMAGE).ok()
    eventually(lambda: not list((root / "blobs/sha256").iterdir()))
    assert list((root / "blocks").iterdir()) == []


def test_what_blobs_share_is_there_once(short_path: Path) -> None:
    shared = os.urandom(3 * BLOCK)
    blobs = [shared + b"one", shared + os.urandom(BLOCK + 1), b""]
    digests = [f"sha256:{hashlib.sha256(blob).hexdigest()}" for blob in blobs]
    blocks = short_path / "root/blocks"

    async def main(address: Path) -> None:
        async with Channel(address) as channel:
            stub, contents = p.ContentStub(channel), Contents(channel, short_path)

            async def read(digest: str, offset: int = 0, size: int = 0) -> bytes:
                request = p.ReadContentRequest(digest=digest, offset=offset, size=size)
                return b"".join([part.data async for part in stub.read(request)])

            for blob, digest in zip(blobs, digests, strict=True):
                await contents.put(f"ref {digest}", io.BytesIO(blob), len(blob), digest, {})
            assert len(list(blocks.iterdir())) == 3 + 1 + 2
            for blob, digest in zip(blobs, digests, strict=True):
                info = (await stub.info(p.InfoRequest(digest=digest))).info
                assert info is not None and info.size == len(blob)
                assert await read(digest) == blob
                for offset in (1, BLOCK - 1, BLOCK, 2 * BLOCK + 5, len(blob) - 1):
                    for size in (1, 3, BLOCK, 2 * BLOCK + 7):
                        if 0 <= offset <= len(blob):
                            assert await read(digest, offset, size) == blob[offset : offset + size]
                for wrong in (-1, len(blob) + 1):
                    with pytest.raises(OutOfRange):
                        await read(digest, wrong)
            await stub.delete(p.DeleteContentRequest(digest=digests[1]))
            assert len(list(blocks.iterdir())) == 3 + 1
            assert await read(digests[0]) == blobs[0]
            with pytest.raises(NotFound):
                await read(digests[1])
            await stub.delete(p.DeleteContentRequest(digest=digests[0]))
            assert list(blocks.iterdir()) == []

    with serving("blocks", short_path, "--root", str(short_path / "root")) as address:
        asyncio.run(main(address))
