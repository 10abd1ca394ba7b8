"""Blobs by digest: a namespace's rows in front of the content plugin's bytes.

A digest that somebody is about to write into a row is held, so that collection does not drop its bytes; who comes while they are
being dropped waits until they are gone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from argosy import log
from argosy.digest import Digest
from argosy.errors import ArgosyError, NotFound, OutOfRange, Unavailable
from argosy.filters import EVERYTHING, Filter
from argosy.labels import check_labels
from argosy.loops import Complaints
from argosy.plugin.content import Info
from argosy.plugin.content.blobfile import OpenBlobs, blob_path
from argosy.store.database import Database
from argosy_protos._message import Message
from argosy_protos.containerd.events import ContentCreate, ContentDelete
from argosy_protos.containerd.services.content import v1 as p
from grpclib.const import Cardinality

from argosy_gateway.backends.changes import Changes
from argosy_gateway.backends.held import Held
from argosy_gateway.backends.listing import wrong
from argosy_gateway.metadata import content as rows
from argosy_gateway.metadata.spaces import namespace_of
from argosy_gateway.plugins.plugin import WORK_S, Plugin
from argosy_gateway.work import Work

logger = log.get("gateway.content")

_READ_PATH: Final = "/containerd.services.content.v1.Content/Read"
Publish = Callable[[str, str, str, Message], None]


class Blobs:
    """The blobs of one content plugin, of every namespace."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, changes: Changes, mutated: Callable[[bool], None], publish: Publish,
        others: Callable[[Blobs], Sequence[Blobs]], space: str = "",
    ) -> None:  # fmt: skip
        """changes are those of the plugin: commits of ingests. mutated is told of each change of rows, and whether it left garbage.

        others returns the blobs of the other content plugins, which may have what this one has not. space is that of an instance's
        rows, "" for the plugin itself: it stands for the namespace then, wherever one is asked for.
        """
        self.plugin, self.held, self._others = plugin, Held(), others
        self._db, self._work, self._changes, self._mutated, self._publish = db, work, changes, mutated, publish
        root = plugin.exports.get("root")
        self._root = Path(root) if root else None
        self._files = OpenBlobs(self._root) if self._root else None
        self._said = Complaints()
        self._space = space

    def created(self, ns: str, digest: str, size: int, media_type: str) -> None:
        """Tell that a blob is there, and what it is where its writer said so."""
        event = ContentCreate(digest=digest, size=size, media_type=media_type)
        self._publish(namespace_of(ns), "/content/create", "containerd.events.ContentCreate", event)

    def has(self, ns: str, digest: str) -> bool:
        """Return whether a namespace has a blob, and nothing is under way for it."""
        return not self._changes.under_way(ns, digest) and rows.size_of(self._db.reader, ns, digest) is not None

    async def info(self, ns: str, digest: str) -> Info:
        """Return a blob of a namespace, once no commit of it is under way. Raises InvalidArgument, NotFound, Unavailable."""
        parsed = str(Digest.parse(digest))
        if self._changes.under_way(ns, parsed):
            await self._changes.free(ns, parsed)
        found = rows.find(self._db.reader, ns, parsed)
        if found is None:
            raise NotFound(f"content digest {digest}")
        return found

    def walk(self, ns: str, filter: Filter = EVERYTHING) -> list[Info]:
        return [i for i in rows.listed(self._db.reader, ns, filter) if not self._changes.under_way(ns, i.digest)]

    def read(self, ns: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Return an iterator of a blob's bytes. Raises InvalidArgument, NotFound, OutOfRange, and what ``read_raw`` does."""
        total = rows.size_of(self._db.reader, ns, digest)
        if total is None or self._changes.under_way(ns, digest):
            return self._read_when_there(ns, digest, offset, size)
        if offset > total:
            raise OutOfRange(f"read past object length {total} bytes")
        return self.read_raw(digest, max(0, offset), size, total - max(0, offset))

    async def _read_when_there(self, ns: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        total = (await self.info(ns, digest)).size
        if offset > total:
            raise OutOfRange(f"read past object length {total} bytes")
        async for frame in self.read_raw(digest, max(0, offset), size, total - max(0, offset)):
            yield frame

    async def read_raw(self, digest: str, offset: int, size: int, there: int) -> AsyncIterator[bytes]:
        """Yield a blob's bytes, whatever its namespace; of a plugin that has them not, or can't be reached, from another that has.

        there is how many bytes the blob has from offset on. Raises DataLoss when the plugin sends more or fewer, NotFound when it has lost it.
        """
        error: ArgosyError
        begun = False
        try:
            async with aclosing(self._read_here(digest, offset, size, there)) as frames:
                async for frame in frames:
                    begun = True
                    yield frame
            return
        except (NotFound, Unavailable) as failed:
            error = failed
        other = None if begun else await self._elsewhere(digest)
        if other is None:
            raise self._lost(digest) if isinstance(error, NotFound) else error
        async with aclosing(other._read_here(digest, offset, size, there)) as frames:
            async for frame in frames:
                yield frame

    async def _elsewhere(self, digest: str) -> Blobs | None:
        """Return the blobs of another plugin that has a digest, and can be reached."""
        for other in self._others(self):
            try:
                if await other.is_there(digest):
                    return other
            except ArgosyError as error:
                logger.debug("content.not_seen", digest=digest, plugin=other.plugin.name, error=error.message)
        return None

    async def _read_here(self, digest: str, offset: int, size: int, there: int) -> AsyncGenerator[bytes, None]:
        """Yield a blob's bytes from the plugin's exported root where there is one, else over its socket. Raises as ``read_raw`` does."""
        # Whoever gets fewer bytes and no error takes them for the whole.
        owed = min(size, there) if size > 0 else there
        if self._files is not None:
            for frame in self._files.read(digest, offset, size):
                owed -= len(frame)
                yield frame
            if owed > 0:
                raise wrong(self.plugin, f"has {owed} bytes of {digest} less than it had")
            return
        # A reader may be slow: what is bounded is the plugin's silence, not the whole.
        stream = self.plugin.channel.request(
            _READ_PATH, Cardinality.UNARY_STREAM, p.ReadContentRequest, p.ReadContentResponse
        )
        async with stream:
            async with self.plugin.call(stream=stream):
                await stream.send_message(p.ReadContentRequest(digest=digest, offset=offset, size=size), end=True)
            while True:
                async with self.plugin.call(stream=stream):
                    response = await stream.recv_message()
                if response is None:
                    if owed > 0:
                        raise wrong(self.plugin, f"sent {owed} bytes of {digest} less than it had")
                    return
                there, owed = there - len(response.data), owed - len(response.data)
                if there < 0:
                    raise wrong(self.plugin, f"sent more bytes of {digest} than it has")
                yield response.data

    def _lost(self, digest: str) -> NotFound:
        """Return the error for a blob whose bytes the plugin does not have. Its rows stay: it may be back tomorrow."""
        if not rows.holders(self._db.reader, digest, self._space):
            return NotFound(f"content digest {digest}")  # it went meanwhile
        error = NotFound(
            f"content digest {digest}: {self.plugin} at {self.plugin.channel.path} does not have its bytes, though it said that it "
            "was written; pull its image again, or write it again"
        )
        if self._said.is_new(digest, ""):
            self.plugin.distrust(error)
        else:
            self.plugin.failed(error)
        return error

    async def is_lost(self, digest: str) -> bool:
        """Return whether a blob has a row and the plugin says that it has no bytes. False when it does not say."""
        if not rows.holders(self._db.reader, digest, self._space) or self._is_coming(digest):
            return False
        if self._root is not None and blob_path(self._root, Digest.parse(digest)).exists():
            return False
        try:
            if await self.is_there(digest) or await self._elsewhere(digest) is not None:
                return False
        except ArgosyError as error:
            logger.debug("content.not_seen", digest=digest, error=error.message)
            return False
        if self._is_coming(digest):
            return False
        self._lost(digest)
        return True

    def _is_coming(self, digest: str) -> bool:
        """Return whether some namespace's commit of a blob is under way: its row is there before its bytes are."""
        return any(key == digest for _, key in self._changes.open)

    async def is_there(self, digest: str) -> bool:
        """Return whether the plugin has a blob. Raises the plugin's error when it does not say."""
        try:
            async with self.plugin.call() as channel:
                await p.ContentStub(channel).info(p.InfoRequest(digest=digest))
        except NotFound:
            return False
        return True

    async def has_bytes(self, digest: str) -> bool:
        """Return whether this plugin has a blob that a row names: with several plugins another one may have it. Raises the plugin's error."""
        return not self._others(self) or await self.is_there(digest)

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Change a blob's labels. Raises InvalidArgument, NotFound."""
        digest = str(Digest.parse(info.digest))
        check_labels(info.labels)
        if self._changes.under_way(ns, digest):
            await self._changes.free(ns, digest)
        updated = await self._db.write(lambda db: rows.update(db, ns, digest, info.labels, paths))
        self._mutated(False)
        return updated

    async def delete(self, ns: str, lease: str | None, digest: str) -> None:
        """Forget a blob; its bytes go with the next collection. Raises InvalidArgument, NotFound."""
        parsed = str(Digest.parse(digest))
        await self._changes.free(ns, parsed)
        await self._work.finish(self._delete, ns, lease, parsed)

    async def _delete(self, ns: str, lease: str | None, digest: str) -> None:
        await self._db.write(lambda db: rows.delete(db, ns, lease, digest))
        self.plugin.dirty = True
        self._mutated(True)
        self._publish(namespace_of(ns), "/content/delete", "containerd.events.ContentDelete", ContentDelete(digest=digest))

    async def size(self, digest: str) -> int | None:
        """Return the size of a blob that is there, also of one that no namespace has any more; None when it is not there."""
        if holders := rows.holders(self._db.reader, digest, self._space):
            return holders[0][0]
        try:
            async with self.plugin.call() as channel:
                found = (await p.ContentStub(channel).info(p.InfoRequest(digest=digest))).info
        except NotFound:
            return None
        return found.size if found else None

    async def drop(self, digest: str) -> bool:
        """Have the plugin delete a blob; False when it was gone, or is needed after all. Raises the plugin's error."""

        async def drop() -> bool:
            if rows.is_needed(self._db.reader, digest, self._space):
                return False
            if self._files is not None:
                self._files.forget(digest)
            try:
                async with self.plugin.call(WORK_S) as channel:
                    await p.ContentStub(channel).delete(p.DeleteContentRequest(digest=digest))
            except NotFound:
                return False
            return True

        if self.held.holds(digest):
            self.plugin.dirty = True  # whoever holds it may not name it after all
            return False
        return await self.held.drop(digest, drop)
