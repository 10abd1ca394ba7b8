"""The content plugin behind its namespaces: the blobs, the ingests, and what collection removes of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from argosy.errors import FailedPrecondition
from argosy.store.database import Database
from argosy_protos.containerd.services.content import v1 as p

from argosy_gateway.backends.blobs import Blobs, Publish
from argosy_gateway.backends.changes import Changes
from argosy_gateway.backends.ingests import Ingests
from argosy_gateway.backends.listing import bounded
from argosy_gateway.backends.outcomes import OWNER_LABEL
from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import content as rows
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin
from argosy_gateway.work import Work


class Content:
    """The content plugin and its rows."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, mutated: Callable[[bool], None], publish: Publish,
        us: tuple[str, Path], others: Callable[[Blobs], Sequence[Blobs]], *, shared: bool = True, space: str = "",
    ) -> None:  # fmt: skip
        """us is who claims the plugin: the gateway's uuid and its socket. others returns the blobs of the plugins that may have what this
        one has not. space is as for ``Blobs``."""
        self.plugin, self._us, self._db = plugin, us, db
        self.space = space
        changes = Changes(plugin, db, work)
        self.blobs = Blobs(plugin, db, work, changes, mutated, publish, others, space)
        self.ingests = Ingests(plugin, db, work, changes, mutated, self.blobs, us, shared=shared, space=space)

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up what was under way when the gateway ended."""
        self.ingests.restore(intents)

    async def cleanup(self) -> int:
        """Delete every blob and ingest that no namespace names; of a plugin that can't be claimed only what we brought.

        Returns how many blobs went. Raises the plugin's error; it stays dirty then.
        """
        plugin = self.plugin
        claim = await self.plugin.claim(*self._us)
        plugin.dirty = False
        removed = strangers = 0
        try:
            async with plugin.call(WORK_S) as channel:
                listed = p.ContentStub(channel).list(p.ListContentRequest())
                held = [info async for info in bounded(plugin, listed)]
            named = rows.digests(self._db.reader, self.space)
            doomed = [info for info in held if info.digest not in named]
            if claim is Claim.FOREIGN and plugin.config.cleanup == "own":
                ours = [info for info in doomed if info.labels.get(OWNER_LABEL) == self._us[0]]
                strangers, doomed = len(doomed) - len(ours), ours
            removed = await remove_all([info.digest for info in doomed], self.blobs.drop)
            if claim is Claim.OURS or plugin.config.cleanup == "all":
                await self.ingests.drop_unnamed()
        except BaseException:  # also a caller who left in the middle of it
            plugin.dirty = True
            raise
        if strangers:
            plugin.failed(
                FailedPrecondition(
                    f"{plugin} holds {strangers} blobs that this gateway did not bring; they stay: if nobody else "
                    f'uses it, say cleanup = "all" in [proxy_plugins.{plugin.name}]'
                )
            )
        return removed
