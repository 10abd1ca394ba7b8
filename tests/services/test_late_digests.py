"""A content plugin may say the digest of an ingest with the commit only: the contract leaves it open for what goes before."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition, NotFound
from argosy.tables import ProxyPlugin
from argosy_protos.containerd.services.content import v1 as p

from tests.harness.gateways import Gateway, serving

DIGEST = f"sha256:{7:064x}"


class Late(p.ContentBase):
    """Says early, before there are bytes, the digest of nothing or none at all."""

    def __init__(self, first: str) -> None:
        self.first = first

    async def write(self, requests: AsyncIterator[p.WriteContentRequest]) -> AsyncIterator[p.WriteContentResponse]:
        async for asked in requests:
            answer = p.WriteContentResponse(action=asked.action, offset=asked.offset + len(asked.data))
            if asked.action is p.WriteAction.STAT:
                answer.digest = self.first
            if asked.action is p.WriteAction.COMMIT:
                answer.digest = asked.expected
            yield answer

    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        raise NotFound(request.digest)


@pytest.mark.parametrize("first", ["", f"sha256:{0:064x}"], ids=["none", "of nothing"])
def test_a_digest_that_is_said_late(first: str) -> None:
    """Who says what is expected has it committed; who does not is told, and gets no blob under an old digest or none."""

    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            path = Path(short) / "c.sock"
            async with serving(path, Late(first)):
                gateway = Gateway(Path(short), {"c": ProxyPlugin(type="content", address=str(path))})
                store = (await gateway.start()).content_store()
                try:
                    writer = await store.ingests.open("n", None, "ref", 3, "")
                    await writer.write(0, b"abc", 3, "")
                    with pytest.raises(FailedPrecondition, match='content plugin "c" says no digest before the commit'):
                        await writer.commit(3, b"", 3, "", {})
                    assert not store.blobs.walk("n")
                    assert await writer.commit(3, b"", 3, DIGEST, {}) == DIGEST
                    await writer.close()
                    assert [(info.digest, info.size) for info in store.blobs.walk("n")] == [(DIGEST, 3)]
                finally:
                    await gateway.stop()

    asyncio.run(main())
