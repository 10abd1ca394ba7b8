"""Lists of what a plugin holds, bounded and checked: names may be empty, parents circular, lists endless or huge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from argosy.errors import DataLoss

from argosy_gateway.plugins.plugin import Plugin

MOST_ENTRIES: Final = 2_000_000
MOST_BYTES: Final = 1536 << 20
"""Of memory, about."""
MOST_NAME_BYTES: Final = 8192
# What an info and a label take in memory beside their text: a label of one letter is no small thing.
_INFO_BYTES, _LABEL_BYTES = 512, 128


def wrong(plugin: Plugin, what: str) -> DataLoss:
    """Return the error for an answer that breaks the contract, and note it."""
    error = DataLoss(f"{plugin} at {plugin.channel.path} {what}; nothing was done on the word of it: mend the plugin")
    plugin.distrust(error)
    return error


async def bounded(plugin: Plugin, replies: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield every info of a streamed list. Raises DataLoss for names that are empty or too long, and for more than is read of any store."""
    entries = size = empty = 0
    async for reply in replies:
        empty = 0 if reply.info else empty + 1
        if empty > 1000:
            raise wrong(plugin, "answered a list with 1000 empty messages in a row")
        for info in reply.info:
            entries += 1
            name: str = getattr(info, "name", "") or getattr(info, "digest", "")
            size += len(name) + sum(len(k) + len(v) + _LABEL_BYTES for k, v in info.labels.items()) + _INFO_BYTES
            if not name or len(name) > MOST_NAME_BYTES:
                raise wrong(plugin, f"listed something whose name has {len(name)} characters")
            if entries > MOST_ENTRIES or size > MOST_BYTES:
                raise wrong(plugin, f"listed more than {MOST_ENTRIES} things or {MOST_BYTES >> 20} MiB")
            yield info


def leaves_first(plugin: Plugin, parents: dict[str, str]) -> list[list[str]]:
    """Return names by level, those without children first. Raises DataLoss for a parent that is not there or a circle."""
    children = dict.fromkeys(parents, 0)
    for name, parent in parents.items():
        if parent:
            if parent not in parents:
                raise wrong(plugin, f'listed "{name}" on the parent "{parent}", which it did not list')
            children[parent] += 1
    levels: list[list[str]] = []
    level = [name for name, count in children.items() if not count]
    seen = 0
    while level:
        levels.append(level)
        seen += len(level)
        above: list[str] = []
        for name in level:
            parent = parents[name]
            if parent:
                children[parent] -= 1
                if not children[parent]:
                    above.append(parent)
        level = above
    if seen != len(parents):
        raise wrong(plugin, f"listed {len(parents) - seen} snapshots whose parents go round in a circle")
    return levels
