"""The check of the mounts that a snapshotter plugin answers, before a client gets them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from argosy.errors import FailedPrecondition, Unavailable
from argosy.kernel.mount_table import answers_at_once
from argosy.mounts import Mount, Root, check_answer
from argosy.recent import Recent

from argosy_gateway.plugins.plugin import ANSWER_S, Claim, Plugin

# Of answers that were found right.
_RIGHT, _RIGHT_BYTES = 1024, 512 << 10


def _memory_of(right: tuple[Mount, ...] | str) -> int:
    """Return about how many bytes of memory an answer, or a directory in one, takes."""
    if isinstance(right, str):
        return len(right) + 100
    return sum(len(mount.source) + sum(map(len, mount.options)) + 100 * len(mount.options) + 300 for mount in right)


def _nothing_yet() -> Recent[tuple[Mount, ...] | str, bool]:
    return Recent(_RIGHT, _RIGHT_BYTES, lambda right, _: _memory_of(right))


class MountChecks:
    """Says which mounts of one plugin may be handed on."""

    def __init__(self, plugin: Plugin, others: Sequence[Path]) -> None:
        """others are directories that are not the plugin's."""
        self._plugin, self._others = plugin, others
        self._generation = plugin.generation
        self._on_kernel: bool | None = None
        self._known_roots: list[Root] | None = None
        self._right = _nothing_yet()
        """Answers of the plugin, and directories in them, that were looked at and found right."""

    async def checked(self, answered: Sequence[Any]) -> Sequence[Mount]:
        """Return the plugin's mounts when they may be handed on.

        Raises FailedPrecondition for others, Unavailable when their directories can't be looked at; either is its last error then.
        """
        plugin = self._plugin
        if plugin.generation != self._generation:  # what one process was right about says nothing of the next
            self._generation, self._on_kernel, self._known_roots = plugin.generation, None, None
            self._right = _nothing_yet()
        mounts = [Mount.from_wire(m) for m in answered]
        try:
            if self._local():
                # What was right is not looked at again: a plugin that wants to change its directories does so after any answer.
                known = tuple(mounts)
                if self._right.get(known) is None:
                    check_answer(mounts, self._roots(), plugin.channel.served_by, others=self._others, right=self._right)
                    self._right.put(known, True)
            else:
                # The plugin may itself be the file system (FUSE) that its directories lie on: looking may take as long as it wants.
                with anyio.fail_after(ANSWER_S):
                    await anyio.to_thread.run_sync(
                        partial(check_answer, mounts, self._roots(), plugin.channel.served_by, others=self._others),
                        abandon_on_cancel=True,
                    )
        except FailedPrecondition as error:
            refused = FailedPrecondition(f"{plugin} at {plugin.channel.path}: {error.message}")
            plugin.distrust(refused)
            raise refused from None
        except TimeoutError:
            slow = Unavailable(
                f"{plugin} at {plugin.channel.path}: the directories of its mounts did not answer in {ANSWER_S:g} s"
            )
            plugin.failed(slow)
            raise slow from None
        return mounts

    def _roots(self) -> list[Root] | None:
        config = self._plugin.config
        if self._known_roots is None:
            roots = config.roots or [root for root in (config.exports.get("root"),) if root]
            self._known_roots = [Root(Path(root)) for root in roots]
        return self._known_roots or None

    def _local(self) -> bool:
        """Return whether looking at the plugin's directories can't block: the kernel alone serves the file systems that they lie on."""
        if self._on_kernel is None:
            roots = self._roots()
            if not roots or self._plugin.claimed is not Claim.OURS:
                return False
            self._on_kernel = all(answers_at_once(root.path) for root in roots)
        return self._on_kernel
