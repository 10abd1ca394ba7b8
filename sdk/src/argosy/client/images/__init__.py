"""Images: pull, push, import, export, unpack, migrate, each a room; every blob is under a lease until its references hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argosy.lazy import later

if TYPE_CHECKING:
    from argosy.client.images.asking import Guarded
    from argosy.client.images.authorizing import authorize
    from argosy.client.images.caching import build_erofs_cache
    from argosy.client.images.converting import convert
    from argosy.client.images.documents import from_wire, layers_of, resolve, to_wire
    from argosy.client.images.encrypting import LayerInfo, decrypt, encrypt, layer_info
    from argosy.client.images.exporting import (
        Contents,
        export_archive,
        export_images,
        export_stream,
        target_of,
        write_archive,
    )
    from argosy.client.images.importing import import_archive, import_images
    from argosy.client.images.migrating import Migrated, containers_on, migrate
    from argosy.client.images.names import get_image, put_image
    from argosy.client.images.naming import Extra, Naming, store
    from argosy.client.images.pulling import PARALLEL_FETCHES, Wants, fetch_image, pull
    from argosy.client.images.pushing import push, push_image
    from argosy.client.images.readiness import Readiness, ready, snapshotters
    from argosy.client.images.referrers import fetch_referrers, referrers_here
    from argosy.client.images.unpacking import unpack
else:
    # Who looks at an image neither pulls nor pushes.
    __getattr__ = later(
        __name__,
        {
            "Guarded": "asking", "from_wire": "documents", "layers_of": "documents", "resolve": "documents", "to_wire": "documents",
            "export_archive": "exporting", "export_stream": "exporting", "import_archive": "importing", "put_image": "names", "PARALLEL_FETCHES": "pulling",
            "pull": "pulling", "push": "pushing", "unpack": "unpacking", "Migrated": "migrating", "containers_on": "migrating", "migrate": "migrating",
            "Contents": "exporting", "export_images": "exporting", "target_of": "exporting", "write_archive": "exporting", "import_images": "importing",
            "Extra": "naming", "Naming": "naming", "store": "naming", "Wants": "pulling", "fetch_image": "pulling", "push_image": "pushing",
            "LayerInfo": "encrypting", "authorize": "authorizing", "convert": "converting", "decrypt": "encrypting", "encrypt": "encrypting",
            "layer_info": "encrypting",
            "get_image": "names",
            "build_erofs_cache": "caching", "fetch_referrers": "referrers", "referrers_here": "referrers",
            "Readiness": "readiness", "ready": "readiness", "snapshotters": "readiness",
        },
    )  # fmt: skip

__all__ = (
    "PARALLEL_FETCHES",
    "Contents",
    "Extra",
    "Guarded",
    "LayerInfo",
    "Migrated",
    "Naming",
    "Readiness",
    "Wants",
    "authorize",
    "build_erofs_cache",
    "containers_on",
    "convert",
    "decrypt",
    "encrypt",
    "export_archive",
    "export_images",
    "export_stream",
    "fetch_image",
    "fetch_referrers",
    "from_wire",
    "get_image",
    "import_archive",
    "import_images",
    "layer_info",
    "layers_of",
    "migrate",
    "pull",
    "push",
    "push_image",
    "put_image",
    "ready",
    "referrers_here",
    "resolve",
    "snapshotters",
    "store",
    "target_of",
    "to_wire",
    "unpack",
    "write_archive",
)
