"""Keys and certificates as files have them: PEM, DER and JWK, some behind a password. What they are is seen from what is in them."""

from __future__ import annotations

import json
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from argosy.errors import InvalidArgument, PermissionDenied, Unimplemented

# What the libraries raise for what they can't read; some of it depends on where in the data they find out.
UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, AssertionError, OverflowError, RecursionError, UnsupportedAlgorithm, JoseError,
)  # fmt: skip


def _jwk(data: bytes) -> Any:
    """Return the key that a JWK is; None for what is no JSON. Raises InvalidArgument."""
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        said = json.loads(data)
        return JWKRegistry.import_key(said)
    except UNREADABLE:
        raise InvalidArgument("it is no JWK of a kind that is known") from None


def _check_armor(data: bytes) -> None:
    if b"-----BEGIN PGP" in data:
        raise Unimplemented("keys of PGP are not understood here; use a key pair as PEM, or a certificate")


def certificate(data: bytes) -> x509.Certificate:
    """Return the X.509 certificate in data, PEM or DER. Raises InvalidArgument."""
    try:
        return x509.load_pem_x509_certificate(data) if b"-----BEGIN" in data else x509.load_der_x509_certificate(data)
    except UNREADABLE:
        raise InvalidArgument("it is no X.509 certificate, neither PEM nor DER") from None


def is_certificate(data: bytes) -> bool:
    """Return whether data is an X.509 certificate."""
    try:
        certificate(data)
    except InvalidArgument:
        return False
    return True


def private_key(data: bytes, password: bytes = b"", *, only_look: bool = False) -> Any:
    """Return a private key, cryptography's or a JWK of joserfc's. A password that none needs is none.

    only_look: that it is one is enough, and it is not used: whether its numbers are those of a key takes a while to find out.

    Raises InvalidArgument for what is none, PermissionDenied for a wrong or missing password, Unimplemented for PGP's.
    """
    _check_armor(data)
    found = _jwk(data)
    if found is not None:
        if found.key_type != "oct" and not found.is_private:
            raise InvalidArgument("it is a public key, and nothing is opened by one")
        return found
    pem = b"-----BEGIN" in data
    load = load_pem_private_key if pem else load_der_private_key
    for secret in (password, None) if password else (None,):
        try:
            key = load(data, secret, unsafe_skip_rsa_key_validation=only_look)
        except TypeError:
            # It has a password and was given none; or was given one and has none, which the next turn finds out.
            if secret is None:
                raise PermissionDenied("it has a password; write FILE:pass=PASSWORD, or FILE:file=FILE") from None
        except UNREADABLE:
            if secret is not None and (b"ENCRYPTED" in data or not pem):
                raise PermissionDenied("its password is another one, or it is no private key") from None
        else:
            if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
                raise InvalidArgument("it is a private key of a kind that opens nothing; RSA and elliptic curves do")
            return key
    raise InvalidArgument("it is no private key, neither PEM, DER nor JWK")


def public_key(data: bytes) -> Any:
    """Return a public key, cryptography's or a JWK of joserfc's. Raises InvalidArgument, Unimplemented for PGP's."""
    _check_armor(data)
    found = _jwk(data)
    if found is not None:
        return found
    try:
        key = load_pem_public_key(data) if b"-----BEGIN" in data else load_der_public_key(data)
    except UNREADABLE:
        raise InvalidArgument("it is no public key, neither PEM, DER nor JWK") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise InvalidArgument(
            "it is a public key of a kind that nothing is encrypted for; RSA and elliptic curves are understood"
        )
    return key
