"""Manifests that refer to an image (signatures, bills of materials), kept beside it: fetched, found in content, and taken along.

A manifest's content is labelled with what refers to it, as containerd does: they are kept as long as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from argosy_protos.containerd.services.content import v1 as content

from argosy.client.content import read_blob, set_labels
from argosy.client.progress import Watch, nobody
from argosy.client.services import Services, present
from argosy.errors import NotFound
from argosy.labels import GC_REF_CONTENT
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, parse_document
from argosy.oci.reference import Reference
from argosy.oci.referrer import Referrer

if TYPE_CHECKING:
    from argosy.client.resolvers import Registries

SUBJECT: Final = "io.containerd.manifest.subject"
"""On an archive's entry: the manifest that it refers to; it is no image of its own."""
REFERRER: Final = f"{GC_REF_CONTENT}.referrer.sha256."


async def fetch_referrers(
    services: Services, registries: Registries, reference: Reference, subject: str, artifact_type: str = "",
    watch: Watch = nobody,
) -> list[Referrer]:  # fmt: skip
    """Fetch what refers to a manifest that is in content, under the lease of services, and label that with it; return what there is.

    Raises NotFound for a subject that is not here, InvalidArgument for a referrer that is none, and what ``pull`` raises.
    """
    # Who exports, or looks at what is here, speaks to no registry.
    from argosy.client.images.pulling import Puller
    from argosy.client.referrers import check_subject, referrers

    info = present((await services.content.info(content.InfoRequest(digest=subject))).info, subject)
    found = await referrers(await registries.of(reference), subject, artifact_type)
    known = {digest for key, digest in info.labels.items() if key.startswith(REFERRER)}
    puller = Puller(services, registries, reference, None, watch)
    for one in found:
        await puller.tree(one.descriptor)
        data = await read_blob(services.content, one.descriptor.digest, MAX_MANIFEST_BYTES)
        check_subject(parse_document(data, one.descriptor.media_type), one, subject)
    fresh = [one.descriptor.digest for one in found if one.descriptor.digest not in known]
    taken = {key.removeprefix(REFERRER) for key in info.labels if key.startswith(REFERRER)}
    free = (n for n in range(len(taken) + len(fresh)) if str(n) not in taken)
    if fresh:
        await set_labels(
            services.content, subject, {f"{REFERRER}{n}": digest for n, digest in zip(free, fresh, strict=False)}
        )
    return found


async def referrers_here(services: Services, subject: str) -> list[Referrer]:
    """Return what content has that refers to a manifest. One that went is left out."""
    try:
        info = present((await services.content.info(content.InfoRequest(digest=subject))).info, subject)
    except NotFound:
        return []
    found: list[Referrer] = []
    for key, digest in sorted(info.labels.items()):
        if not key.startswith(REFERRER):
            continue
        try:
            data = await read_blob(services.content, digest, MAX_MANIFEST_BYTES)
        except NotFound:
            continue
        document = parse_document(data, "")
        if isinstance(document, Index):
            continue
        d = Descriptor(media_type=document.media_type, digest=digest, size=len(data))
        found.append(Referrer(d, document.artifact_type or document.config.media_type, document.annotations))
    return found
