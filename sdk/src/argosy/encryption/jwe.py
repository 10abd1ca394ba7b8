"""Keys of layers, wrapped as JWE: for RSA keys, elliptic curves, and JWKs that say another algorithm.

Written is JSON with a recipient each; read are that, and what writers make of one recipient alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey

from argosy.encryption.keyfiles import UNREADABLE
from argosy.errors import InvalidArgument

_CONTENT: Final = "A256GCM"
_ALGORITHMS: Final = (
    "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW", "A128KW", "A192KW", "A256KW",
)  # fmt: skip
_USUAL: Final = {"RSA": "RSA-OAEP", "EC": "ECDH-ES+A256KW", "OKP": "ECDH-ES+A256KW"}
_MOST_RECIPIENTS: Final = 1024


class _Registry(jwe.JWERegistry):
    """What is read: keys of 16384 bits, too."""

    max_encrypted_key_length = 4096
    max_protected_header_length = 4096


_REGISTRY: Final = _Registry(
    algorithms=[*_ALGORITHMS, _CONTENT, "A128GCM", "A192GCM"], strict_check_header=False, max_recipients=_MOST_RECIPIENTS
)


def _imported(key: Any) -> Any:
    """Return a key as joserfc has it."""
    if hasattr(key, "key_type"):
        return key
    return RSAKey(key, key) if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) else ECKey(key, key)


def wrap(data: bytes, keys: Sequence[Any]) -> bytes:
    """Return data wrapped for public keys, one recipient each. Raises InvalidArgument for a key that nothing can be wrapped for."""
    message = jwe.GeneralJSONEncryption({"enc": _CONTENT}, data)
    for key in map(_imported, keys):
        algorithm = key.alg or _USUAL.get(key.key_type, "")
        if algorithm not in _ALGORITHMS or (algorithm == "ECDH-ES" and len(keys) > 1):
            raise InvalidArgument(
                f'a key of the kind {key.key_type} with the algorithm "{algorithm}" cannot be a recipient; use RSA, a curve, or one of '
                f"{', '.join(_ALGORITHMS)}"
            )
        message.add_recipient({"alg": algorithm}, key)
    try:
        return json.dumps(jwe.encrypt_json(message, None, registry=_REGISTRY), separators=(",", ":")).encode()
    except UNREADABLE as error:
        raise InvalidArgument(f"the key cannot be wrapped for one of its recipients: {error}") from None


def _read(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidArgument("the wrapped key is no JWE") from None
    if not isinstance(said, dict):
        raise InvalidArgument("the wrapped key is no JWE")
    return said


def _recipients(said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message for each recipient, with that one alone."""
    listed = said.get("recipients")
    if not isinstance(listed, list) or not listed:
        yield said
        return
    rest = {key: value for key, value in said.items() if key != "recipients"}
    for one in listed[:_MOST_RECIPIENTS]:
        if isinstance(one, dict):
            yield rest | {key: one[key] for key in ("header", "encrypted_key") if one.get(key)}


def count(data: bytes) -> int:
    """Return for how many recipients a key is wrapped. Raises InvalidArgument."""
    return sum(1 for _ in _recipients(_read(data)))


def _open(message: dict[str, Any], key: Any) -> bytes | None:
    if message.get("header") or message.get("unprotected") or message.get("aad"):
        return jwe.decrypt_json(cast("jwe.FlattenedJSONSerialization", message), key, registry=_REGISTRY).plaintext
    # All of its header is protected, and checked as it was written: a message read and written again may be other bytes.
    parts = (message["protected"], message.get("encrypted_key", ""), message["iv"], message["ciphertext"], message["tag"])
    return jwe.decrypt_compact(".".join(parts), key, registry=_REGISTRY).plaintext


def unwrap(data: bytes, keys: Sequence[Any]) -> bytes | None:
    """Return what one of some private keys opens; None when none does. Raises InvalidArgument for what is no JWE."""
    said = _read(data)
    for key in map(_imported, keys):
        for message in _recipients(said):
            try:
                opened = _open(message, key)
            except UNREADABLE:
                continue  # it is for another key, or broken
            if opened is not None:
                return opened
    return None
