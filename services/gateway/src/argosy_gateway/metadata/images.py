"""Images: a name, and the descriptor it points at."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from argosy.digest import Digest
from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.filters import Filter, labels_lookup
from argosy.labels import GC_EXPIRE, MAX_LABEL_BYTES, VERDICT, VERIFIED_AS, check_labels, stored, verdict
from argosy_protos.containerd.types import Descriptor

from argosy_gateway.metadata import leases, namespaces


@dataclass(slots=True)
class Image:
    """One image; times are nanoseconds since the epoch."""

    name: str
    target: Descriptor
    labels: dict[str, str] = field(default_factory=dict)
    created_ns: int = 0
    updated_ns: int = 0

    def lookup(self, path: Sequence[str]) -> str | None:
        """The fields that filters see."""
        if path[0] == "labels":
            return labels_lookup(self.labels, path[1:])
        if path[0] == "annotations":
            return labels_lookup(self.target.annotations, path[1:])
        if list(path) == ["name"]:
            return self.name or None
        if len(path) == 2 and path[0] == "target":
            return {"digest": self.target.digest, "mediatype": self.target.media_type}.get(path[1]) or None
        return None


def of_row(row: Row) -> Image:
    return Image(row[0], Descriptor.decode(row[1]), json.loads(row[2]), row[3], row[4])


_COLUMNS = "name, target, labels, created, updated"


def names_of(db: sqlite3.Connection, ns: str, space: str, digest: str) -> list[str]:
    """Return the names of the images whose target is a blob, or one that refers to it, as an index does to its manifests. space is that of the blobs."""
    referring = db.execute("SELECT digest FROM content WHERE ns = ? AND instr(labels, ?) > 0 LIMIT 100", (space, digest))
    targets = [digest, *(row[0] for row in referring)]
    where = " OR ".join("instr(target, ?) > 0" for _ in targets)
    sql = f"SELECT name FROM images WHERE ns = ? AND ({where}) ORDER BY name"
    return [name for (name,) in db.execute(sql, (ns, *(target.encode() for target in targets)))]


def accepted(db: sqlite3.Connection, ns: str, digest: str, said: str) -> dict[str, str]:
    """Return the labels of an image of ns about a digest's verdict, if one has just this verdict; with the name that was accepted."""
    sql = f"SELECT {_COLUMNS} FROM images WHERE ns = ? AND instr(target, ?) > 0 ORDER BY name"
    for image in map(of_row, db.execute(sql, (ns, digest.encode()))):
        told = verdict(image.labels, digest) if image.target.digest == digest else {}
        if told and told.get(VERDICT, "") == said:
            # A name that is too long for a label is cut: that is better than none.
            name = image.name.encode()[: MAX_LABEL_BYTES - len(VERIFIED_AS)].decode(errors="ignore")
            return {VERIFIED_AS: name, **told}
    return {}


def check(image: Image) -> None:
    """Check an image's fields. Raises InvalidArgument."""
    if not image.name:
        raise InvalidArgument("image name must not be empty")
    check_labels(image.labels)
    if not image.target.digest:
        raise InvalidArgument("image target must have a digest")
    try:
        Digest.parse(image.target.digest)
    except InvalidArgument as error:
        raise InvalidArgument(
            f'image "{image.name}": target.Digest "{image.target.digest}" invalid: {error.message}'
        ) from None
    if image.target.size <= 0:
        raise InvalidArgument(f'image "{image.name}": target.Size must be greater than zero')
    if not image.target.media_type:
        raise InvalidArgument(f'image "{image.name}": target.MediaType must be set')


def get(db: sqlite3.Connection, ns: str, name: str) -> Image:
    """Return an image. Raises NotFound."""
    row = db.execute(f"SELECT {_COLUMNS} FROM images WHERE ns = ? AND name = ?", (ns, name)).fetchone()
    if row is None:
        raise NotFound(f'image "{name}"')
    return of_row(row)


def exists(db: sqlite3.Connection, ns: str, name: str) -> bool:
    return db.execute("SELECT 1 FROM images WHERE ns = ? AND name = ?", (ns, name)).fetchone() is not None


Row = tuple[str, bytes, str, int, int]


def rows(db: sqlite3.Connection, ns: str) -> list[Row]:
    """Return the images of ns as they are stored, by name."""
    return db.execute(f"SELECT {_COLUMNS} FROM images WHERE ns = ? ORDER BY name", (ns,)).fetchall()


def listed(db: sqlite3.Connection, ns: str, filter: Filter) -> list[Image]:
    return [i for i in map(of_row, rows(db, ns)) if filter.matches(i.lookup)]


def _put(db: sqlite3.Connection, ns: str, image: Image) -> None:
    db.execute(
        "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?)",
        (ns, image.name, image.target.encode(), json.dumps(image.labels), image.created_ns, image.updated_ns),
    )


def create(db: sqlite3.Connection, ns: str, image: Image, lease: str | None, epoch_ns: int | None) -> Image:
    """Write a new image; one that can expire is held by the lease. Raises InvalidArgument, AlreadyExists, NotFound for the lease."""
    check(image)
    if db.execute("SELECT 1 FROM images WHERE ns = ? AND name = ?", (ns, image.name)).fetchone():
        raise AlreadyExists(f'image "{image.name}"')
    namespaces.touch(db, ns)
    now = time.time_ns() if epoch_ns is None else epoch_ns
    made = Image(image.name, image.target, stored(image.labels), now, now)
    _join(db, ns, lease, made)
    _put(db, ns, made)
    return made


def _join(db: sqlite3.Connection, ns: str, lease: str | None, image: Image) -> None:
    # Only an image that could expire needs a lease to keep it.
    if GC_EXPIRE in image.labels:
        leases.join(db, ns, lease, leases.IMAGES, image.name)


def update(
    db: sqlite3.Connection, ns: str, image: Image, paths: Sequence[str], lease: str | None, epoch_ns: int | None
) -> Image:
    """Change the fields that paths name, all of them without paths; returns the image as it is then. Raises InvalidArgument, NotFound."""
    if not image.name:
        raise InvalidArgument("image name is required for update")
    old = get(db, ns, image.name)
    new = Image(old.name, old.target, dict(old.labels), old.created_ns, old.updated_ns)
    for path in paths or ("target", "labels"):
        if path.startswith("labels."):
            new.labels[path[7:]] = image.labels.get(path[7:], "")
        elif path == "labels":
            new.labels = dict(image.labels)
        elif path == "target":
            annotations = new.target.annotations
            new.target = image.target
            if paths and not image.target.annotations and "annotations" in paths:
                new.target.annotations = annotations
        elif path.startswith("annotations."):
            new.target.annotations[path[12:]] = image.target.annotations.get(path[12:], "")
        elif path == "annotations":
            new.target.annotations = dict(image.target.annotations)
        else:
            raise InvalidArgument(f'cannot update "{path}" field on image "{image.name}"')
    new.labels = stored(new.labels)
    check(new)
    new.updated_ns = time.time_ns() if epoch_ns is None else epoch_ns
    _join(db, ns, lease, new)
    _put(db, ns, new)
    return new


def delete(db: sqlite3.Connection, ns: str, name: str, target: str | None, lease: str | None) -> None:
    """Delete an image, with target only while it points there. Raises NotFound."""
    image = get(db, ns, name)
    if target is not None and image.target.digest != target:
        raise NotFound(f'image "{name}" points at {image.target.digest}, not {target}')
    db.execute("DELETE FROM images WHERE ns = ? AND name = ?", (ns, name))
    leases.part(db, ns, lease, leases.IMAGES, name)
