"""What refers to a manifest in its registry (signatures, bills of materials): by OCI 1.1's list of them, or by the tag that stands in for one."""

from __future__ import annotations

import json
import random
import time
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import anyio

from argosy.client.answers import led
from argosy.client.hosts import Host
from argosy.client.registry import Registry
from argosy.errors import ArgosyError, InvalidArgument, NotFound, Unavailable
from argosy.oci.image import MAX_CHILDREN, MAX_MANIFEST_BYTES, Index, Manifest, parse_document
from argosy.oci.referrer import Referrer

INDEX: Final = "application/vnd.oci.image.index.v1+json"
_PAGES: Final = 64
# How often the list that stands in for one is written before its other writers are too many, and how long they may take from reading it to writing it.
_WRITES: Final = 8
_SETTLE_S: Final = 0.2
# A registry that fails after so long does not stumble.
_LONG_S: Final = 10.0


def fallback_tag(digest: str) -> str:
    """Return the tag that a registry without a list of referrers has it under."""
    return digest.replace(":", "-")[:128]


def read(data: bytes, what: str) -> list[Referrer]:
    """Return what an index lists. Raises InvalidArgument for what is none, or is too long."""
    index = parse_document(data, INDEX)
    if not isinstance(index, Index):
        raise InvalidArgument(f"{what} is no index")
    return [Referrer(d, d.artifact_type, d.annotations) for d in index.manifests]


def check_subject(document: Index | Manifest, listed: Referrer, subject: str) -> None:
    """Raise InvalidArgument when a manifest that is listed as a referrer of another says that it is none."""
    said = None if isinstance(document, Index) else document.subject
    if said is None or said.digest != subject:
        raise InvalidArgument(f"{listed.descriptor.digest} is listed as a referrer of {subject}, and says it is none")


async def referrers(registry: Registry, digest: str, artifact_type: str = "") -> list[Referrer]:
    """Return what refers to a manifest, of one type only where one is given; none where the registry knows of none.

    Raises Unavailable, Unauthenticated, PermissionDenied, InvalidArgument for what is no list.
    """
    found = await registry.patiently(lambda: _asked(registry, digest, artifact_type))
    unique = {one.descriptor.digest: one for one in found}
    return [one for one in unique.values() if not artifact_type or one.artifact_type == artifact_type]


async def _asked(registry: Registry, digest: str, artifact_type: str) -> list[Referrer]:
    failure: ArgosyError | None = None
    lists = [h for h in registry.hosts if "referrers" in h.capabilities]
    for host in lists:
        try:
            return await _pages(registry, host, digest, artifact_type)
        except NotFound:
            continue
        except ArgosyError as error:
            failure = error
    for host in lists or [h for h in registry.hosts if "resolve" in h.capabilities]:
        try:
            data = await registry.document(host, "manifests", fallback_tag(digest))
            return read(data, f"the list of referrers of {digest}")
        except NotFound:
            continue
        except ArgosyError as error:
            failure = error
    if failure is not None:
        raise failure
    return []


async def _pages(registry: Registry, host: Host, digest: str, artifact_type: str) -> list[Referrer]:
    """Return a host's list. Raises NotFound where it has none."""
    found: list[Referrer] = []
    query = {"artifactType": artifact_type} if artifact_type else {}
    for _ in range(_PAGES):
        data, following = await registry.page(host, "referrers", digest, query)
        found += read(data, f"the list of referrers of {digest}")
        if len(found) > MAX_CHILDREN:
            raise InvalidArgument(f"{digest} has more than {MAX_CHILDREN} referrers: that is refused")
        if not following:
            return found
        target = led(f"{host.base}/", following, host.origin)
        # Only the place in the list is taken from there: the address is ours.
        query = {key: values[-1] for key, values in parse_qs(urlsplit(target).query).items()}
    raise Unavailable(f"{host.origin}: the list of referrers of {digest} has no end")


async def add_to_fallback(registry: Registry, subject: str, referrer: Referrer) -> None:
    """Add a manifest to the list that stands in for one, of a registry that keeps none by itself.

    A tag is read and then written, and another writer may do the same meanwhile: the list is looked at again when they would have written it, and
    written again without ours lost. Raises Unavailable when others write it each time, InvalidArgument for a list that is full, or is none.
    """
    host = registry.push_host()
    tag = fallback_tag(subject)
    failure: ArgosyError = Unavailable(
        f"others write the list of referrers of {subject} ({tag}) again and again, and {referrer.descriptor.digest} is not in it; push once more"
    )
    for tries_left in reversed(range(_WRITES + 1)):
        began = time.monotonic()
        try:
            document = await registry.patiently(lambda: _listed(registry, host, tag, subject))
            if any(one.get("digest") == referrer.descriptor.digest for one in document["manifests"]):
                return
            if not tries_left:
                break
            manifests = [*document["manifests"], referrer.written()]
            data = json.dumps({**document, "manifests": manifests}).encode()
            if len(manifests) > MAX_CHILDREN or len(data) > MAX_MANIFEST_BYTES:
                raise InvalidArgument(f"the list of referrers of {subject} is full: {len(manifests) - 1} are in it")
            await registry.push_manifest(INDEX, data, tag)
        except Unavailable as error:
            # A registry may stumble over a tag that another one writes just now.
            failure = error
            if not tries_left or time.monotonic() - began > _LONG_S:
                break
        # Who read the list before we wrote it writes it about now, without ours; they take as long as we do, and two of us do not meet again and again.
        await _settle(max(_SETTLE_S, 2 * (time.monotonic() - began)) * random.uniform(1, 2))
    raise failure


_settle = anyio.sleep


async def _listed(registry: Registry, host: Host, tag: str, subject: str) -> dict[str, Any]:
    """Return the list as it stands in the registry, with all that others have written of it."""
    try:
        data = await registry.document(host, "manifests", tag, push=True)
    except NotFound:
        data = b"{}"
    else:
        read(data, f"the list of referrers of {subject}")
    found: dict[str, Any] = json.loads(data)
    return {"schemaVersion": 2, "mediaType": INDEX, **found, "manifests": found.get("manifests") or []}
