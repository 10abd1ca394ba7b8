"""A differ as a check speaks to it, with the store that it works with and directories to work on, and the suite that the checks are in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from argosy_protos.containerd.services.diff import v1 as p
from argosy_protos.containerd.types import Descriptor
from argosy_protos.containerd.types import Mount as WireMount

from argosy.errors import InvalidArgument
from argosy.mounts import Mount
from argosy.names import LEASE_HEADER, NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.content.calls import Content
from argosy.testkit.suite import Broken, Subject, Suite, greeted, request
from argosy.testkit.target import Target, reached

TAR: Final = "application/vnd.oci.image.layer.v1.tar"
GZIP: Final = f"{TAR}+gzip"
ZSTD: Final = f"{TAR}+zstd"

CAPABILITIES: Final[Mapping[str, str]] = {
    "mount": "it works on directories of this machine, and so do we, as root",
    "zstd": "it writes layers that are compressed with zstd",
}
USUAL: Final = frozenset({"mount"})


class Differ(Subject):
    """A differ, as one check speaks to it. Each method is a call of the contract; it raises what the plugin says."""

    def __init__(self, target: Target, prefix: str) -> None:
        """The channel of target leads to the differ; that of its store is ``target.store``."""
        super().__init__(prefix, target.deadline_s)
        self.target = target
        self._stub = p.DiffStub(target.channel)
        self.content = Content(target if target.store is None else target.store, prefix)
        # One list of calls, in the order in which they were made.
        self.content.calls = self.calls
        self._directories: list[Path] = []

    def directory(self) -> Path:
        """Return a new directory, which goes with the check."""
        path = Path(tempfile.mkdtemp(prefix="argosy-verify-"))
        path.chmod(0o755)
        self._directories.append(path)
        return path

    async def apply(self, layer: Descriptor, mounts: Sequence[Mount], sync: bool = False) -> Descriptor:
        wish = p.ApplyRequest(diff=layer, mounts=_wire(mounts), sync_fs=sync)
        text = request(
            "Apply", media_type=layer.media_type, digest=layer.digest, size=layer.size, mounts=list(mounts), sync_fs=sync
        )
        reply = await self.made(text, self._stub.apply(wish, timeout=self.deadline_s))
        if reply.applied is None:
            raise Broken("an answer with a descriptor", "one without")
        return reply.applied

    async def diff(
        self, left: Sequence[Mount], right: Sequence[Mount], media_type: str = "", ref: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Descriptor:  # fmt: skip
        wish = p.DiffRequest(left=_wire(left), right=_wire(right), media_type=media_type, ref=ref, labels=dict(labels or {}))
        text = request("Diff", left=list(left), right=list(right), media_type=media_type, ref=ref, labels=wish.labels)
        reply = await self.made(text, self._stub.diff(wish, timeout=self.deadline_s))
        if reply.diff is None:
            raise Broken("an answer with a descriptor", "one without")
        self.content.digests[reply.diff.digest] = None
        return reply.diff

    async def layer(self, data: bytes, media_type: str = TAR) -> Descriptor:
        """Put a layer into the store; return its descriptor."""
        digest = digest_of(data)
        if digest not in self.content.digests:
            await self.content.stored(f"layer-{digest}", data)
        return Descriptor(media_type=media_type, digest=digest, size=len(data))

    async def greet(self) -> object:
        return await self._stub.apply(
            p.ApplyRequest(diff=Descriptor(media_type=TAR, digest=digest_of(fresh(16)), size=1)), timeout=self.deadline_s
        )

    async def clean(self) -> None:
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)
        await self.content.clean()

    async def left(self) -> Sequence[str]:
        return await self.content.left()


def bind(path: Path) -> list[Mount]:
    """Return what a snapshotter hands out that keeps directories."""
    return [Mount("bind", str(path), ("rbind", "rw"))]


def _wire(mounts: Sequence[Mount]) -> list[WireMount]:
    return [mount.to_wire(WireMount) for mount in mounts]


SUITE: Final[Suite[Differ]] = Suite("differ", CAPABILITIES)


def able(is_root: bool, has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a differ is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL if is_root else (), has, lacks)


def subject(target: Target, check: str) -> Differ:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Differ(target, f"{target.run}/{check}" if check else target.run)


@asynccontextmanager
async def reached_with(
    address: str | Path, content: str | Path | None, namespace: str = "", deadline_s: float = 5.0
) -> AsyncIterator[Target]:
    """Yield the differ at a socket. content is the socket of the store that it works with, by default the same. Raises as ``reached``."""
    async with reached(content or address, namespace, deadline_s) as store:
        if content is None or str(content) == str(address):
            yield store
            return
        # In the store's daemon, what the differ makes has to be held by our lease.
        metadata = {NAMESPACE_HEADER: store.namespace, **({LEASE_HEADER: store.run} if store.is_daemon else {})}
        async with Channel(address, default_timeout_s=deadline_s) as channel:
            yield replace(store, address=channel.path, channel=channel.with_metadata(metadata), version="", store=store)


async def begin(target: Target) -> str:
    """Return whom we judge, in words. Raises Unimplemented, Unavailable, InvalidArgument when the suite can't begin."""
    store = target if target.store is None else target.store
    layer = Descriptor(media_type=TAR, digest=digest_of(fresh(16)), size=1)
    asked = p.DiffStub(target.channel).apply(p.ApplyRequest(diff=layer))
    await greeted(asked, f"no differ is served at {target.address}")
    if not target.is_daemon and target.store is None:
        raise InvalidArgument(
            f"{target.address} is a differ's own socket: say where the store is that it works with, with --content"
        )
    if target.store is None:
        return f"differ of containerd {target.version} at {target.address}"
    return f"differ at {target.address}, with the store at {store.address}"
