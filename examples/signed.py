"""A verifier: an image may be used when its repository has a signature of it, as cosign makes one, by the key in a file.

The signature of sha256:abc is tagged sha256-abc.sig: layers that say in JSON which digest was signed, each with its signature as an annotation.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Annotated

from argosy.client.resolvers import Registries
from argosy.errors import NotFound
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, parse_document
from argosy.oci.reference import Reference
from argosy.plugin.main import main
from argosy.plugin.verifier import Image, Reject, Verifier
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey

SIGNATURE = "dev.cosignproject.cosign/signature"
MOST_BYTES, MOST_SIGNATURES = 1 << 20, 16


class Signed(Verifier):
    def __init__(
        self, key: Annotated[Path, "its public key, in PEM"], plain: Annotated[bool, "registries speak HTTP"] = False
    ):
        found = serialization.load_pem_public_key(key.read_bytes())
        if not isinstance(found, EllipticCurvePublicKey):
            raise TypeError(f"{key} is no public key of an elliptic curve")
        self._key, self._plain = found, plain
        encoded = found.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._said = f"signed by key {hashlib.sha256(encoded).hexdigest()[:12]}"

    async def check(self, image: Image) -> str:
        of = Reference.parse(image.name)
        tag = Reference(of.registry, of.repository, f"{image.target.digest.replace(':', '-')}.sig")
        async with Registries(plain=self._plain) as registries:
            try:
                there = await registries.resolve(tag)
            except NotFound:
                raise Reject("nobody has signed it") from None
            manifest = parse_document(await fetched(registries, tag, there, MAX_MANIFEST_BYTES), there.media_type)
            for layer in getattr(manifest, "layers", [])[:MOST_SIGNATURES]:
                payload = await fetched(registries, tag, layer, MOST_BYTES)
                if self._is_signed(payload, layer.annotations.get(SIGNATURE, ""), image.target.digest):
                    return self._said
        raise Reject(f"no signature of it is by the key that counts; one that is would be {self._said}")

    def _is_signed(self, payload: bytes, signature: str, digest: str) -> bool:
        try:
            self._key.verify(base64.b64decode(signature, validate=True), payload, ECDSA(hashes.SHA256()))
            return bool(json.loads(payload)["critical"]["image"]["docker-manifest-digest"] == digest)
        except (InvalidSignature, ValueError, KeyError, TypeError):
            return False


async def fetched(registries: Registries, reference: Reference, blob: Descriptor, most: int) -> bytes:
    data = b""
    async for piece in registries.fetch(reference, blob):
        if len(data := data + piece) > most:
            raise Reject(f"its signature has more than {most} bytes")
    return data


if __name__ == "__main__":
    main(Signed)
