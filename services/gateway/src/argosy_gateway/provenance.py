"""Finds the labels of a new container that its image brought: reserved ones among them steer nothing, whichever client copied them.

Clients put an image's labels on the containers they make from it, and the gateway acts on labels (restart, collection). So an
image could have its container restarted for ever, or other objects pinned (CVE-2026-53488). Here the image's
configuration is read, and what it brought under a reserved name is left out. A client that keeps the two apart itself says
so with a header. Where the image can't be known (it is gone, or the record names none) labels stay, and what would
be dangerous then needs the configuration's leave (``argosy_gateway.loguris``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final

from argosy.digest import Digest
from argosy.errors import InvalidArgument, NotFound
from argosy.labels import is_reserved

Read = Callable[[str], AsyncIterator[bytes]]
"""Given a digest, its bytes. Raises NotFound when the caller's namespace does not have it."""

# Parsed, a document takes up to 25 times its size. Those of real images are a tenth of this.
MAX_DOCUMENT_BYTES: Final = 1 << 20
MAX_DOCUMENTS: Final = 512
MAX_BYTES: Final = 8 << 20
_WANTED: Final = frozenset(("manifests", "digest", "config", "labels"))


class _Pairs(list[tuple[str, Any]]):
    """The pairs of a JSON object, as they are written: Go's decoder ignores case and merges what stands twice, so nothing of
    it may get lost."""

    __slots__ = ()

    def every(self, name: str) -> Iterator[Any]:
        return (value for key, value in self if key.casefold() == name)

    def objects(self, name: str) -> Iterator[_Pairs]:
        return (value for value in self.every(name) if isinstance(value, _Pairs))


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pair for pair in pairs if pair[0].casefold() in _WANTED or is_reserved(pair[0]))


# It reads whatever any client's decoder reads, and more: numbers of any length, characters that should be escaped.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=len, parse_float=len, strict=False)


def parse(data: bytes) -> tuple[set[str], set[str]]:
    """Return what a document of an image leads to, and the reserved labels that it sets.

    An index leads to manifests, a manifest to a configuration. Bytes that are no UTF-8 become the replacement character, as
    in Go; reserved names have none. What follows the document does not count. Raises InvalidArgument for one that only a
    deeper stack could read.
    """
    text = data.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        document, _ = _DECODER.raw_decode(text)
    except ValueError:
        return set(), set()  # no client can read it either: nothing came from there
    except RecursionError:
        raise InvalidArgument("it is nested too deeply to be read") from None
    if not isinstance(document, _Pairs):
        return set(), set()
    entries = list(document.objects("config"))
    labels = {key for entry in entries for table in entry.objects("labels") for key, _ in table if is_reserved(key)}
    for several in document.every("manifests"):
        if isinstance(several, list) and not isinstance(several, _Pairs):
            entries += [one for one in several if isinstance(one, _Pairs)]
    return {d for entry in entries for d in entry.every("digest") if isinstance(d, str)}, labels


async def _bytes(read: Read, digest: str, limit: int) -> bytes:
    data = bytearray()
    async for part in read(digest):
        data += part
        if len(data) > limit:
            raise InvalidArgument(f"{digest} is larger than the {limit} bytes that are looked at")
    return bytes(data)


async def image_labels(target: str, read: Read) -> set[str]:
    """Return the names of reserved labels that the configurations of an image set, for whichever platform.

    Documents that the namespace does not have brought nothing. Raises InvalidArgument when there is more than is looked at.
    """
    todo, seen = [target], {target}
    labels: set[str] = set()
    left = MAX_BYTES
    while todo:
        try:
            digest = str(Digest.parse(todo.pop()))
        except InvalidArgument:
            continue  # nothing can be found by that
        try:
            data = await _bytes(read, digest, min(left, MAX_DOCUMENT_BYTES))
        except NotFound:
            continue
        left -= len(data)
        more, found = await asyncio.to_thread(parse, data)
        labels |= found
        todo += more - seen
        seen |= more
        if len(seen) > MAX_DOCUMENTS:
            raise InvalidArgument(f"it has more than {MAX_DOCUMENTS} documents")
    return labels


async def brought(image: str, target: str, labels: Iterable[str], read: Read) -> set[str]:
    """Return which of these labels an image brought and must not set. Raises InvalidArgument that names the image."""
    asked = {key for key in labels if is_reserved(key)}
    if not asked:
        return asked
    try:
        return asked & await image_labels(target, read)
    except InvalidArgument as error:
        raise InvalidArgument(
            f'whether image "{image}" brought the labels {", ".join(sorted(asked))} cannot be told: {error.message}; '
            "make the container without them"
        ) from None
