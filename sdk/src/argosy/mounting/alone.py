"""Mounts that are prepared by whoever mounts them, without a mount manager: a shim under another daemon, a differ, a client.

They are made in a temporary directory for as long as the rest is mounted, and taken down at once: an overlay, or a bind, keeps what it
was mounted from, so that nobody has to remember anything. Images that are there are mounted; none is made, since nobody has said where.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from argosy.kernel.temporary import temporary_directory
from argosy.mounting.activation import activate, take_down
from argosy.mounting.files import MKFS
from argosy.mounting.plan import plan
from argosy.mounts import Mount


@contextmanager
def prepared(mounts: Sequence[Mount]) -> Iterator[Sequence[Mount]]:
    """Yield the mounts that are left to make, while those that they need are there. Blocks.

    When all of them are made here, what is left is a bind of the last one. Raises what ``activate`` does: Unimplemented for an image that
    would have to be made.
    """
    asked = plan([_as_it_is(mount) for mount in mounts])
    with temporary_directory() as directory, ExitStack() as held:
        activated = activate(asked, directory, (), held=held)
        try:
            yield activated.system or (Mount("bind", activated.made[-1].point, ("rbind",)),)
        finally:
            take_down(directory)


def _as_it_is(mount: Mount) -> Mount:
    """Return the mount of an image that is there already without what would make it."""
    words = mount.type.split("/")
    if "mkfs" not in words[:-1] or os.path.islink(mount.source) or not os.path.isfile(mount.source):
        return mount
    words.remove("mkfs")
    return mount._replace(type="/".join(words), options=tuple(o for o in mount.options if not o.startswith(MKFS)))
