"""The bytes of an encrypted layer: AES-256 in counter mode, with an HMAC-SHA256 over all that was written, which ends say alone.

What comes out of an ``Opener`` is not to be believed before its ``finish``: the HMAC is over the whole layer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from argosy.digest import Digest
from argosy.encryption.base64s import from_base64, to_base64
from argosy.errors import ArgosyError, DataLoss, InvalidArgument
from argosy.shown import plain

CIPHER: Final = "AES_256_CTR_HMAC_SHA256"
_KEY_BYTES, _NONCE_BYTES, _HMAC_BYTES = 32, 16, 32
_SHOWN: Final = 64


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidArgument(f"{what} is no JSON") from None
    if not isinstance(value, dict):
        raise InvalidArgument(f"{what} is no JSON object")
    return value


def _option(options: dict[str, Any], name: str, what: str) -> bytes | None:
    found = options.get("cipheroptions")
    if not isinstance(found, dict) or found.get(name) is None:
        return None
    return from_base64(found[name], f"the {name} of {what}")


@dataclass(frozen=True, slots=True)
class LayerKey:
    """What opens one layer, and is wrapped for its recipients."""

    key: bytes = field(repr=False)
    """32 bytes."""
    nonce: bytes
    """The first counter block, 16 bytes."""
    digest: str = ""
    """That of the layer before it was encrypted; "" where its writer did not know it."""

    def encode(self) -> bytes:
        """Return it as it is wrapped."""
        options = {"nonce": to_base64(self.nonce)}
        return json.dumps({"symkey": to_base64(self.key), "digest": self.digest, "cipheroptions": options}).encode()

    @classmethod
    def decode(cls, data: bytes) -> LayerKey:
        """Raises InvalidArgument for what is none."""
        said = _object(data, "a layer's key")
        key, nonce = from_base64(said.get("symkey"), "a layer's key"), _option(said, "nonce", "a layer's key")
        if len(key) != _KEY_BYTES or nonce is None or len(nonce) != _NONCE_BYTES:
            raise InvalidArgument(f"a layer's key is not of {_KEY_BYTES} bytes with a nonce of {_NONCE_BYTES}")
        digest = said.get("digest") or ""
        try:
            return cls(key, nonce, str(Digest.parse(digest)) if digest else "")
        except (ArgosyError, TypeError, AttributeError):
            raise InvalidArgument("a layer's key names a digest that is none") from None


def public_options(seal: bytes) -> bytes:
    """Return what stands beside the wrapped keys for everybody to read: the cipher, and the layer's HMAC."""
    return json.dumps({"cipher": CIPHER, "hmac": to_base64(seal), "cipheroptions": {}}).encode()


def seal_of(options: bytes) -> bytes:
    """Return the HMAC that public options say. Raises InvalidArgument, also for another cipher."""
    said = _object(options, "what is said of a layer's cipher")
    if said.get("cipher") != CIPHER:
        name = plain(str(said.get("cipher")), _SHOWN)
        raise InvalidArgument(f'the layer is encrypted by "{name}", of which nothing is known; {CIPHER} is')
    seal = from_base64(said.get("hmac"), "the layer's HMAC")
    if len(seal) != _HMAC_BYTES:
        raise InvalidArgument(f"the layer's HMAC has {len(seal)} bytes, and not {_HMAC_BYTES}")
    return seal


def _stream(key: LayerKey) -> Callable[[bytes], bytes]:
    return Cipher(algorithms.AES256(key.key), modes.CTR(key.nonce)).encryptor().update


class Sealer:
    """Encrypts one layer, from its first byte to its last, with a key of its own."""

    def __init__(self) -> None:
        self._key = LayerKey(os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES))
        self._encrypt = _stream(self._key)
        self._hmac = hmac.new(self._key.key, digestmod=hashlib.sha256)
        self._plain = hashlib.sha256()

    def update(self, data: bytes) -> bytes:
        """Return what data becomes."""
        self._plain.update(data)
        out = self._encrypt(data)
        self._hmac.update(out)
        return out

    def finish(self) -> tuple[LayerKey, bytes]:
        """Return the layer's key and its HMAC."""
        return LayerKey(self._key.key, self._key.nonce, f"sha256:{self._plain.hexdigest()}"), self._hmac.digest()


class Opener:
    """Decrypts one layer, from its first byte to its last."""

    def __init__(self, key: LayerKey, seal: bytes) -> None:
        """seal is the HMAC that the layer must have."""
        self._key, self._seal = key, seal
        self._decrypt = _stream(key)
        self._hmac = hmac.new(key.key, digestmod=hashlib.sha256)
        self._plain = hashlib.new(Digest.parse(key.digest).algorithm) if key.digest else None

    def update(self, data: bytes) -> bytes:
        """Return what data was, if it is what was encrypted: ``finish`` says."""
        self._hmac.update(data)
        out = self._decrypt(data)
        if self._plain is not None:
            self._plain.update(out)
        return out

    def check(self, data: bytes) -> None:
        """Take data as read, without opening it: for one who looks at a whole layer before opening it by another Opener."""
        self._hmac.update(data)

    def sealed(self) -> None:
        """Raises DataLoss when what came is not what was encrypted, all of it."""
        if not hmac.compare_digest(self._hmac.digest(), self._seal):
            raise DataLoss(
                "the encrypted layer was changed or cut off: its HMAC is another; fetch it again, and trust nothing of it"
            )

    def finish(self) -> None:
        """Raises DataLoss as ``sealed``, and when what came out is not the layer that its key is of."""
        self.sealed()
        if self._plain is not None and self._plain.hexdigest() != Digest.parse(self._key.digest).hex:
            raise DataLoss(
                f"the encrypted layer is not {self._key.digest}, which its key is of; its image was put together wrongly"
            )
