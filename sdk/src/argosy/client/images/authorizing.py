"""Whether who runs an image may: layers that are unpacked already need no key, and who has none shall not have them for that.

Nothing of encryption is loaded for an image without such a layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from argosy.errors import PermissionDenied, Unimplemented
from argosy.oci.layers import is_encrypted

if TYPE_CHECKING:
    from argosy_protos.google.protobuf import Any as AnyMessage

    from argosy.client.services import Services
    from argosy.encryption.payload import Parameters
    from argosy.oci.image import Descriptor


def payloads_for(layer: Descriptor, keys: Parameters | None) -> Mapping[str, AnyMessage]:
    """Return what goes along with an encrypted layer to whoever unpacks it: its descriptor and keys, for each decoder; nothing with another layer."""
    if not is_encrypted(layer.media_type):
        return {}
    from argosy_protos.google.protobuf import Any as AnyMessage

    from argosy.encryption.payload import IDS, TYPE_URL, Payload

    made = Payload(layer.media_type, layer.digest, layer.size, layer.annotations, keys or {})
    return {id: AnyMessage(type_url=TYPE_URL, value=made.encode()) for id in IDS}


async def authorize(services: Services, image: str, layers: Sequence[Descriptor], keys: Parameters | None) -> None:
    """Return when keys open each encrypted layer of an image, or the keys of the daemon's machine do. Nothing is decrypted.

    Raises PermissionDenied, which says which layer nothing opens; Unavailable.
    """
    sealed = [layer for layer in layers if is_encrypted(layer.media_type)]
    if not sealed:
        return None
    why = "no key was given"
    if keys:
        try:
            return await _opened_here(sealed, keys)
        except PermissionDenied as error:
            why = str(error)
    from argosy_protos.argosy.diff.v1 import AuthorizeRequest

    from argosy.client.images.documents import to_wire

    try:
        payloads = payloads_for(sealed[0], keys)
        await services.layers.authorize(AuthorizeRequest(layers=[to_wire(one) for one in sealed], payloads=dict(payloads)))
        return None
    except PermissionDenied as error:
        why = why if keys else str(error)
    except Unimplemented:
        pass  # a daemon that has no keys of its own to look at
    raise PermissionDenied(
        f'image "{image}" has encrypted layers, and may not be run without their keys: {why}; give them by --decryption-keys, or the machine\'s own '
        "differ a directory of them"
    )


async def _opened_here(layers: Sequence[Descriptor], keys: Parameters) -> None:
    from anyio.to_thread import run_sync

    from argosy.encryption import wrapping

    for layer in layers:
        wrapping.seal_in(layer.annotations)
        try:
            await run_sync(wrapping.unwrap, layer.annotations, keys)
        except PermissionDenied as error:
            raise PermissionDenied(f"layer {layer.digest}: {error}") from None
