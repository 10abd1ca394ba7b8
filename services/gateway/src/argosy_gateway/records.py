"""Namespaces, containers and images as they are stored, for those who ask before the gateway is there.

Whoever opens them has the gateway's root locked, so that nobody writes. They are closed before the gateway opens its own
database: SQLite's connections must not cross a fork.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from argosy.store.schema import prepare, read_only

from argosy_gateway.api.containers import Containers
from argosy_gateway.api.images import Images
from argosy_gateway.api.namespaces import Namespaces
from argosy_gateway.metadata.schema import DATABASE, MIGRATIONS


class Records:
    """What a core is to handlers that only read: the place of a reader."""

    def __init__(self, root: str) -> None:
        """Check the database of a gateway's root and open it. Raises FailedPrecondition for a damaged one."""
        path = os.path.join(root, DATABASE)
        prepare(path, MIGRATIONS)
        self.reader = read_only(path)

    @property
    def db(self) -> Records:
        return self

    def services(self) -> Sequence[Any]:
        """Return services of which every inline handler can be called."""
        core: Any = self
        return Namespaces(core), Containers(core), Images(core)

    def close(self) -> None:
        self.reader.close()
