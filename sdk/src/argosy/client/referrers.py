"""What refers to a manifest in its registry (signatures, bills of materials): by OCI 1.1's list of them, or by the tag that stands in for one."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qs, urlsplit

from argosy.client.hosts import Host
from argosy.client.registry import Registry, led
from argosy.errors import ArgosyError, InvalidArgument, NotFound, Unavailable
from argosy.oci.image import MAX_CHILDREN, MAX_MANIFEST_BYTES, Index, parse_document
from argosy.oci.referrer import Referrer

INDEX: Final = "application/vnd.oci.image.index.v1+json"
_PAGES: Final = 64


def fallback_tag(digest: str) -> str:
    """Return the tag that a registry without a list of referrers has it under."""
    return digest.replace(":", "-")[:128]


def read(data: bytes, what: str) -> list[Referrer]:
    """Return what an index lists. Raises InvalidArgument for what is none, or is too long."""
    index = parse_document(data, INDEX)
    if not isinstance(index, Index):
        raise InvalidArgument(f"{what} is no index")
    return [Referrer(d, d.artifact_type, d.annotations) for d in index.manifests]


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
    """Add a manifest to the list that stands in for one, of a registry that keeps none by itself."""
    host = registry.push_host()
    tag = fallback_tag(subject)
    try:
        known = read(await registry.document(host, "manifests", tag, push=True), f"the list of referrers of {subject}")
    except NotFound:
        known = []
    if any(one.descriptor.digest == referrer.descriptor.digest for one in known):
        return
    manifests = [one.written() for one in (*known, referrer)]
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    if len(manifests) > MAX_CHILDREN or len(data) > MAX_MANIFEST_BYTES:
        raise InvalidArgument(f"the list of referrers of {subject} is full: {len(known)} are in it")
    await registry.push_manifest(INDEX, data, tag)
