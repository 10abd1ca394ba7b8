"""Rows of containers: the image, runtime and spec of each. Specs and extensions are kept byte for byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.filters import Filter, labels_lookup
from argosy.labels import check_labels, merge, stored
from argosy.names import check_identifier
from argosy.timestamps import now_ns, to_wire
from argosy_protos.containerd.services.containers.v1 import Container, ContainerRuntime

from argosy_gateway.metadata import namespaces

_FIELDS: Final = {
    "labels": "labels",
    "spec": "spec",
    "extensions": "extensions",
    "image": "image",
    "snapshotkey": "snapshot_key",
}


def lookup(container: Container) -> Callable[[Sequence[str]], str | None]:
    """Return the fields that filters see."""

    def look(path: Sequence[str]) -> str | None:
        if path[0] == "labels":
            return labels_lookup(container.labels, path[1:])
        name = container.runtime.name if container.runtime else ""
        fields = {("id",): container.id, ("image",): container.image, ("runtime", "name"): name}
        return fields.get(tuple(path)) or None

    return look


def check(container: Container, what: str = "create") -> None:
    """Check a container's fields. Raises InvalidArgument."""
    try:
        check_identifier(container.id)
        for key in container.extensions:
            if not key:
                raise InvalidArgument("extension keys must not be empty")
        check_labels(container.labels)
        if container.runtime is None or not container.runtime.name:
            raise InvalidArgument("container.Runtime.Name must be set")
        if container.spec is None:
            raise InvalidArgument("container.Spec must be set")
        if container.snapshot_key and not container.snapshotter:
            raise InvalidArgument("container.Snapshotter must be set if container.SnapshotKey is set")
    except InvalidArgument as error:
        raise InvalidArgument(f"{what} container failed validation: {error.message}") from None


def get(db: sqlite3.Connection, ns: str, id: str) -> Container:
    """Return a container. Raises NotFound."""
    return Container.decode(stored_bytes(db, ns, id))


def stored_bytes(db: sqlite3.Connection, ns: str, id: str) -> bytes:
    """Return a container's message as it is stored. Raises NotFound."""
    row = db.execute("SELECT message FROM containers WHERE ns = ? AND id = ?", (ns, id)).fetchone()
    if row is None:
        raise NotFound(f'container "{id}" in namespace "{ns}"')
    message: bytes = row[0]
    return message


def exists(db: sqlite3.Connection, ns: str, id: str) -> bool:
    return db.execute("SELECT 1 FROM containers WHERE ns = ? AND id = ?", (ns, id)).fetchone() is not None


def rows(db: sqlite3.Connection, ns: str) -> list[bytes]:
    """Return the messages of the containers of ns as they are stored, by id."""
    return [message for (message,) in db.execute("SELECT message FROM containers WHERE ns = ? ORDER BY id", (ns,))]


def listed(db: sqlite3.Connection, ns: str, filter: Filter) -> list[Container]:
    found = [Container.decode(message) for message in rows(db, ns)]
    return [c for c in found if filter.matches(lookup(c))]


def _put(db: sqlite3.Connection, ns: str, container: Container) -> None:
    db.execute("INSERT OR REPLACE INTO containers VALUES (?, ?, ?)", (ns, container.id, container.encode()))


def create(db: sqlite3.Connection, ns: str, container: Container) -> Container:
    """Write a new container; returns it with its times. Raises InvalidArgument, AlreadyExists."""
    check(container)
    if exists(db, ns, container.id):
        raise AlreadyExists(f'container "{container.id}"')
    namespaces.touch(db, ns)
    now = to_wire(now_ns())
    container.created_at = container.updated_at = now
    container.labels = stored(container.labels)
    _put(db, ns, container)
    return container


def update(db: sqlite3.Connection, ns: str, container: Container, paths: Sequence[str]) -> Container:
    """Change the fields that paths name, all of them without paths; returns the container as it is then. Raises InvalidArgument, NotFound."""
    if not container.id:
        raise InvalidArgument("must specify a container id")
    old = get(db, ns, container.id)
    if not paths:
        if container.snapshotter != old.snapshotter:
            raise InvalidArgument("container.Snapshotter field is immutable")
        new_runtime, old_runtime = container.runtime or ContainerRuntime(), old.runtime or ContainerRuntime()
        if new_runtime.name != old_runtime.name:
            raise InvalidArgument("container.Runtime.Name field is immutable")
        paths = tuple(_FIELDS)
    merge(old, container, paths, _FIELDS, f'container "{container.id}"')
    old.labels = stored(old.labels)
    check(old, "update")
    old.updated_at = to_wire(now_ns())
    _put(db, ns, old)
    return old


def delete(db: sqlite3.Connection, ns: str, id: str) -> None:
    """Delete a container. Raises NotFound."""
    if db.execute("DELETE FROM containers WHERE ns = ? AND id = ?", (ns, id)).rowcount == 0:
        raise NotFound(f'container "{id}" in namespace "{ns}"')
