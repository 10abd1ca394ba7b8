"""Pulling an image: its tree of blobs fetched side by side, under a lease until labels hold it, and unpacked meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.content import CHUNK, Ingest, open_ingest, place, read_blob, set_labels, typed
from argosy.client.credentials import Credentials
from argosy.client.images.asking import Guarded
from argosy.client.images.documents import to_wire
from argosy.client.images.names import put_image
from argosy.client.images.unpacking import unpack
from argosy.client.jobs import together
from argosy.client.leftovers import abort_ingest
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.resolvers import Registries, Resolver
from argosy.client.services import Services, present
from argosy.client.web import Warn, warned
from argosy.encryption.payload import Parameters
from argosy.errors import AlreadyExists, DataLoss, FailedPrecondition, InvalidArgument, NotFound
from argosy.labels import DISTRIBUTION_SOURCE, GC_REF_CONTENT, MAX_LABEL_BYTES
from argosy.oci.image import (
    MAX_CHILDREN,
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Platform,
    kind,
    parse_document,
)
from argosy.oci.platforms import choose
from argosy.oci.reference import Reference, host_of

PARALLEL_FETCHES: Final = 4
# Less than this is not worth asking where to put it.
_PLACED_BYTES: Final = 1 << 20
# Less than this is unpacked as fast once it is there.
UNPACKED_COMING_BYTES: Final = 8 << 20


async def _large(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces joined to a size that is worth a round trip: a write waits for the answer to the one before."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)


class _Wanted:
    """A layer that somebody waits for."""

    def __init__(self) -> None:
        self.there = anyio.Event()
        self.comes = anyio.Event()
        """Set when ref is known, and when the layer is there."""
        self.ref = ""


@asynccontextmanager
async def _closed(pieces: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield pieces; whoever makes them need not go on after the block."""
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _sources(reference: Reference) -> dict[str, str]:
    """Return the labels that say where a blob came from. containerd's has no port; who wants to fetch more from there needs it."""
    named = {
        f"{DISTRIBUTION_SOURCE}{one}": reference.repository for one in (reference.registry, host_of(reference.registry))
    }
    return dict(sorted(named.items()))


def _beside(key: str, said: str, repository: str) -> str:
    """Return the repositories that a label names with one more, as containerd writes them; that one alone where a label can't hold all."""
    together = ",".join(sorted({*filter(None, said.split(",")), repository}))
    return together if len(key) + len(together) <= MAX_LABEL_BYTES else repository


class Puller:
    """One pull: a tree of descriptors fetched in parallel, children before their parents' labels."""

    def __init__(
        self, services: Services, resolver: Resolver, reference: Reference, platforms: Sequence[Platform] | None, watch: Watch,
        layers_in: TaskGroup | None = None, *, all_metadata: bool = False, manifest_limit: int = 0,
    ) -> None:  # fmt: skip
        """Without platforms all that there are are fetched. Layers are fetched with all else; with layers_in, in that group, when they are wanted.

        all_metadata: of the platforms that are not wanted the manifests and configs are fetched all the same. manifest_limit is how many manifests
        of an index are wanted, 0 for all that are for the platforms.
        """
        self._services, self._resolver, self._reference = services, resolver, reference
        self._platforms, self._watch = tuple(platforms or ()), watch
        self._all_metadata, self._manifest_limit = all_metadata, manifest_limit
        self._parents: dict[str, list[str]] = {}
        """By digest: the refs of the documents that name a blob."""
        self._limit = anyio.Semaphore(PARALLEL_FETCHES)
        # What is no registry can't be asked for a blob by such a label.
        registry = isinstance(resolver, Registries)
        self._source = _sources(reference) if registry else {}
        self._who = "registry" if registry else "resolver"
        self._layers_in = layers_in
        self._wanted: dict[str, _Wanted] = {}
        """By digest."""
        self._described = anyio.Event()
        self._documents = 0

    async def described(self) -> None:
        """Return when the documents are there that say which layers there are."""
        await self._described.wait()

    def want(self, layer: Descriptor) -> None:
        """Begin to fetch a layer, unless that was done."""
        if layer.digest not in self._wanted and self._layers_in is not None:
            self._wanted[layer.digest] = _Wanted()
            self._layers_in.start_soon(self._fetch_wanted, layer)

    async def fetched(self, layer: Descriptor) -> None:
        """Return when a layer is there, which is fetched now where it was not wanted yet."""
        self.want(layer)
        await self._wanted[layer.digest].there.wait()

    async def coming(self, layer: Descriptor) -> str:
        """Return the ingest of a layer whose bytes begin to come into a file; "" when it is there, or comes in another way."""
        self.want(layer)
        wanted = self._wanted[layer.digest]
        await wanted.comes.wait()
        return wanted.ref if not wanted.there.is_set() else ""

    async def _fetch_wanted(self, layer: Descriptor) -> None:
        await self.blob(layer)
        wanted = self._wanted[layer.digest]
        wanted.there.set()
        wanted.comes.set()

    async def run(self, target: Descriptor) -> None:
        """Fetch an image, or all of it but its layers. Raises what its registry and its documents are refused with."""
        await self.tree(target)
        self._described.set()

    async def blob(self, d: Descriptor) -> None:
        """Fetch one blob, resuming what an earlier pull left. Raises DataLoss for other bytes than the descriptor says."""
        ref = f"{kind(d)}-{d.digest}"
        parents = tuple(self._parents.get(d.digest, ()))
        self._watch(Progress(ref, "waiting", 0, d.size, d, parents))
        async with self._limit:
            # One of several ranges may have been another's, or what an earlier pull left: then once more, from its beginning.
            for again in (False, True):
                try:
                    ingest = await open_ingest(typed(self._services, d.media_type), ref, d.size, d.digest)
                except AlreadyExists:
                    info = await self._has(d)
                    self._watch(Progress(ref, "exists", d.size, d.size, d, parents))
                    sources = {key: _beside(key, info.labels.get(key, ""), one) for key, one in self._source.items()}
                    if any(info.labels.get(key) != one for key, one in sources.items()):
                        await set_labels(self._services.content, d.digest, sources)
                    return
                found = 0
                try:
                    if ingest.offset > d.size:
                        await ingest.restart()  # somebody else's idea of it
                    found = ingest.offset
                    await self._fetch(d, ingest)
                    await ingest.commit(d.size, d.digest, self._source)
                    break
                except AlreadyExists:
                    break
                except (DataLoss, FailedPrecondition) as error:
                    # These bytes are no use to a later try either.
                    ingest.close()
                    await abort_ingest(self._services, ref)
                    if not again and (found or self._came_in_parts(d)):
                        continue
                    if isinstance(error, DataLoss):
                        raise
                    raise DataLoss(f"{d.digest}: the {self._who} sent other bytes: {error.message}") from error
                finally:
                    ingest.close()
        self._watch(Progress(ref, "done", d.size, d.size, d, parents))

    def _came_in_parts(self, d: Descriptor) -> bool:
        resolver = self._resolver
        return isinstance(resolver, Registries) and resolver.came_in_parts(self._reference, d.digest)

    async def _has(self, d: Descriptor) -> content.Info:
        """Return what is known of a blob that is here. Raises DataLoss for another size than a descriptor says: one of them lies about the digest."""
        info = present((await self._services.content.info(content.InfoRequest(digest=d.digest))).info, d.digest)
        if info.size != d.size:
            raise DataLoss(f"{d.digest} has {info.size} bytes, its descriptor says {d.size}")
        return info

    async def _fetch(self, d: Descriptor, ingest: Ingest) -> None:
        """Bring the bytes that an ingest lacks: into its file where we can, else through the store's socket."""
        file = None
        if self._services.ingests is not None and d.size - ingest.offset >= _PLACED_BYTES:
            file = await place(self._services.ingests, ingest)
            wanted = self._wanted.get(d.digest)
            if file is not None and wanted is not None and d.size >= UNPACKED_COMING_BYTES:
                wanted.ref = ingest.ref
                wanted.comes.set()
        target = file or ingest
        try:
            async with _closed(self._resolver.fetch(self._reference, d, ingest.offset)) as pieces:
                async for piece in pieces if file is not None else _large(pieces):
                    if target.offset + len(piece) > d.size:
                        raise DataLoss(f"{d.digest}: the {self._who} sends more than the {d.size} bytes of its descriptor")
                    await target.write(piece)
                    self._watch(Progress(ingest.ref, "downloading", target.offset, d.size, d))
            if file is not None:
                await file.finish()
        finally:
            if file is not None:
                file.close()

    async def tree(self, d: Descriptor, depth: int = 0, layers: bool = True) -> None:
        """Fetch a descriptor and everything below it that the platforms need, then label it with its children. layers: these, too."""
        if kind(d) not in ("index", "manifest"):
            if depth == 0 or (self._platforms and layers):
                raise InvalidArgument(f'{d.digest} is of type "{d.media_type}": that is neither an index nor a manifest')
            await self.blob(d)
            return
        self._documents += 1
        if depth > MAX_DEPTH or self._documents > MAX_CHILDREN:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
        if d.size > MAX_MANIFEST_BYTES:
            raise InvalidArgument(f"{kind(d)} {d.digest} has {d.size} bytes; more than {MAX_MANIFEST_BYTES} are refused")
        await self.blob(d)
        data = await read_blob(self._services.content, d.digest, MAX_MANIFEST_BYTES)
        document = parse_document(data, d.media_type)
        labels: dict[str, str] = {}
        async with together() as group:
            if isinstance(document, Index):
                wanted = {c.digest for c in await self._for_platforms(document)}
                for i, child in enumerate(document.manifests):
                    labels[f"{GC_REF_CONTENT}.m.{i}"] = child.digest
                    self._named_by(child, d)
                for child in {c.digest: c for c in document.manifests}.values():
                    if self._all_metadata or child.digest in wanted:
                        group.start_soon(self.tree, child, depth + 1, layers and child.digest in wanted)
            else:
                for child in (document.config, *document.layers):
                    self._named_by(child, d)
                labels[f"{GC_REF_CONTENT}.config"] = document.config.digest
                for i, layer in enumerate(document.layers):
                    labels[f"{GC_REF_CONTENT}.l.{i}"] = layer.digest
                group.start_soon(self._config, document.config)
                if layers and self._layers_in is None:
                    for layer in {layer.digest: layer for layer in document.layers}.values():
                        group.start_soon(self.blob, layer)
        await set_labels(self._services.content, d.digest, labels)

    def _named_by(self, child: Descriptor, document: Descriptor) -> None:
        self._parents.setdefault(child.digest, []).append(f"{kind(document)}-{document.digest}")

    async def _for_platforms(self, index: Index) -> Sequence[Descriptor]:
        """Return the manifests that are wanted, each platform's in their order. Raises NotFound when there is none for any."""
        found = index.manifests if not self._platforms else []
        missing: NotFound | None = None
        for platform in self._platforms:
            try:
                found = [*found, await choose(index, platform, self._document)]
            except NotFound as error:
                missing = error
        if missing is not None and not found:
            raise missing
        return found[: self._manifest_limit] if self._manifest_limit else found

    async def _document(self, d: Descriptor) -> bytes:
        """Fetch a document to look into it: what it is of is seen only there."""
        await self.blob(d)
        return await read_blob(self._services.content, d.digest, MAX_MANIFEST_BYTES)

    async def _config(self, d: Descriptor) -> None:
        if d.size > MAX_CONFIG_BYTES:
            raise InvalidArgument(f"config {d.digest} has {d.size} bytes; more than {MAX_CONFIG_BYTES} are refused")
        await self.blob(d)
        if not self._all_metadata:
            self._described.set()  # with several, whose is there first is not known


@dataclass(frozen=True, slots=True)
class Wants:
    """What of an image is wanted. Without platforms, all."""

    platforms: Sequence[Platform] = ()
    unpacks: Sequence[tuple[Platform, str]] = ()
    """For which platforms, and on which snapshotter each."""
    all_metadata: bool = False
    manifest_limit: int = 0
    keys: Parameters | None = field(default=None, repr=False)
    """What opens encrypted layers, beside the keys of the daemon's machine."""


async def fetch_image(
    services: Services, resolver: Resolver, reference: Reference, target: Descriptor, wants: Wants, watch: Watch = nobody,
    *, by_itself: bool = True,
) -> None:  # fmt: skip
    """Have an image's blobs in content, and its layers unpacked, under the lease of services. Raises what ``pull`` raises.

    by_itself: a snapshotter may be told the reference, and fetch layers from there. Where one platform is wanted and unpacked, layers of which the
    snapshotter makes snapshots by itself are not fetched.
    """
    made = partial(
        Puller, services, resolver, reference, wants.platforms, watch,
        all_metadata=wants.all_metadata, manifest_limit=wants.manifest_limit,
    )  # fmt: skip
    async with together() as group:
        blobs = None
        if len(wants.unpacks) == 1 and list(wants.platforms) == [wants.unpacks[0][0]]:
            blobs = made(layers_in=group)
            group.start_soon(blobs.run, target)
        else:
            # With many platforms, whose documents are there first is not known.
            await made().run(target)
        for platform, snapshotter in wants.unpacks:
            name = str(reference) if by_itself else ""
            await unpack(services, target, snapshotter, platform, watch, blobs, name, wants.keys)


async def pull(
    client: Client, name: str, *, plain: bool = False, credentials: Credentials | None = None, platform: Platform | None = None,
    all_platforms: bool = False, snapshotter: str = "", unpack_image: bool = True, watch: Watch = nobody,
    resolver: Resolver | None = None, keys: Parameters | None = None, warn: Warn = warned,
) -> Image:  # fmt: skip
    """Pull an image by reference and unpack it. Raises InvalidArgument, NotFound, Unauthenticated, Unavailable, DataLoss, PermissionDenied.

    keys open encrypted layers, beside those of the daemon's machine.

    Hooks and verifiers of the daemon are asked; PermissionDenied has the reason of one that denies it. It may be pulled as something else then.
    It comes from where resolver says, else the client's, else from the registry of its name; plain and credentials are for that, and what that one
    warns of is told to warn.
    The image gets its name when all of it is there; layers of which the snapshotter makes snapshots by itself are not fetched. A pull that
    fails or is cancelled ends everything that it started and gives its lease back; what it has fetched of a blob stays for the next one to go on from.
    """
    reference = Reference.parse(name)
    wanted = platform or Platform.of_host()
    own = client.resolver if resolver is None else resolver
    if own is not None and (plain or credentials is not None):
        raise InvalidArgument(
            "plain and credentials are for registries, and images come from another resolver here; tell them to that"
        )
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(client.lease())
        if own is None:
            own = await stack.enter_async_context(Registries(plain=plain, credentials=credentials, warn=warn))
        guarded = Guarded(services, reference, [str(reference)], snapshotter)
        source = await guarded.before()
        if isinstance(own, Registries):
            own.pulled_as(reference, source)
        target = await own.resolve(source)
        if source.digest and source.digest != target.digest:
            raise DataLoss(f"{source}: the resolver answers with {target.digest}")
        services = await guarded.resolved(target)
        unpacks = [(wanted, guarded.snapshotter or await client.default_snapshotter())] if unpack_image else []
        wants = Wants(() if all_platforms else [wanted], unpacks, keys=keys)
        await fetch_image(services, own, source, target, wants, watch)
        return await put_image(services, str(reference), to_wire(target))
