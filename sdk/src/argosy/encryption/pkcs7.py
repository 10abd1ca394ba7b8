"""Keys of layers, wrapped as PKCS#7: enveloped data for the RSA keys of X.509 certificates.

Written is what every reader of CMS understands (AES-256-CBC). Read is also what ocicrypt writes, AES in Galois mode, which CMS has in
another kind of envelope only, and so no library reads.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from argosy.encryption.keyfiles import UNREADABLE
from argosy.errors import InvalidArgument

_ENVELOPED: Final = bytes.fromhex("2a864886f70d010703")
_RSA: Final = bytes.fromhex("2a864886f70d010101")
# AES by the last byte of its object identifier: bytes of its key, and whether it is in Galois mode.
_AES: Final = bytes.fromhex("6086480165030401")
_MODES: Final = {
    0x02: (16, False),
    0x16: (24, False),
    0x2A: (32, False),
    0x06: (16, True),
    0x1A: (24, True),
    0x2E: (32, True),
}
_SEQUENCE, _ZERO, _CONSTRUCTED = 0x30, 0xA0, 0x20
_MOST_DEPTH: Final = 16
_MOST_RECIPIENTS: Final = 1024
# Values of one envelope: four times what so many recipients have. Each is some hundred bytes here, and two in the envelope.
_MOST_NODES: Final = 64 << 10


def wrap(data: bytes, certificates: Sequence[x509.Certificate]) -> bytes:
    """Return data wrapped for certificates. Raises InvalidArgument for one whose key is no RSA key."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(data).set_content_encryption_algorithm(algorithms.AES256)
    for one in certificates:
        if not isinstance(one.public_key(), rsa.RSAPublicKey):
            raise InvalidArgument(
                f'the certificate of "{one.subject.rfc4514_string()}" has no RSA key, which PKCS#7 wants; use its key by jwe:'
            )
        builder = builder.add_recipient(one)
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


class _Node(NamedTuple):
    """One value of BER: its tag, its bytes, and the values in it."""

    tag: int
    data: bytes
    inside: Sequence[_Node]


def _one(data: bytes, at: int, depth: int = 0, seen: Iterator[int] | None = None) -> tuple[_Node, int]:
    """Return the value that begins at a place, and where it ends. seen counts the values. Raises ValueError."""
    seen = seen or itertools.count()
    if depth > _MOST_DEPTH or next(seen) > _MOST_NODES:
        raise ValueError("too deep, or too much")
    tag, length = data[at], data[at + 1]
    at += 2
    if tag & 0x1F == 0x1F:
        raise ValueError("a long tag")
    if length == 0x80:  # until its end is said
        nodes = []
        while data[at : at + 2] != b"\0\0":
            node, at = _one(data, at, depth + 1, seen)
            nodes.append(node)
        return _Node(tag, b"", nodes), at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[at : at + size], "big")
        at += size
    end = at + length
    if end > len(data):
        raise ValueError("cut off")
    if not tag & _CONSTRUCTED:
        return _Node(tag, data[at:end], ()), end
    nodes = []
    while at < end:
        node, at = _one(data, at, depth + 1, seen)
        nodes.append(node)
    if at != end:
        raise ValueError("a value that ends behind its own")
    return _Node(tag, b"", nodes), end


def _text(node: _Node) -> bytes:
    """Return the bytes of a string, which may be in parts."""
    return node.data if not node.tag & _CONSTRUCTED else b"".join(map(_text, node.inside))


class _Envelope(NamedTuple):
    """What of an envelope is needed to open it."""

    keys: Sequence[bytes]
    size: int
    galois: bool
    parameters: _Node
    content: bytes


def _read(data: bytes) -> _Envelope:
    """Raises InvalidArgument."""
    try:
        outer, _ = _one(data, 0)
        kind, body = outer.inside
        if kind.data != _ENVELOPED:
            raise ValueError("another kind")
        fields = [node for node in body.inside[0].inside if node.tag != _ZERO]  # certificates of who sent it
        recipients, encrypted = fields[1], fields[2]
        keys = [
            _text(one.inside[3])
            for one in recipients.inside[:_MOST_RECIPIENTS]
            if one.tag == _SEQUENCE and one.inside[2].inside[0].data == _RSA
        ]
        _, algorithm, content = encrypted.inside
        name, parameters = algorithm.inside
        prefix, last = name.data[:-1], name.data[-1]
        if prefix != _AES or last not in _MODES:
            raise ValueError("another cipher")
    except (ValueError, IndexError):
        raise InvalidArgument(
            "the wrapped key is no PKCS#7 envelope that is understood here: RSA, and AES in CBC or Galois mode"
        ) from None
    size, galois = _MODES[last]
    return _Envelope(keys, size, galois, parameters, _text(content))


def count(data: bytes) -> int:
    """Return for how many recipients a key is wrapped. Raises InvalidArgument."""
    return len(_read(data).keys)


def _content(envelope: _Envelope, key: bytes) -> bytes:
    """Return an envelope's content. Raises ValueError for a wrong key."""
    if len(key) != envelope.size:
        raise ValueError("a key of another size")
    if envelope.galois:
        # Go's library writes the sequence once more around itself, as if nothing could be in it.
        said = envelope.parameters.inside or _one(envelope.parameters.data, 0)[0].inside
        try:
            return AESGCM(key).decrypt(said[0].data, envelope.content, None)
        except InvalidTag:
            raise ValueError("another key") from None
    opening = Cipher(algorithms.AES(key), modes.CBC(_text(envelope.parameters))).decryptor()
    unpadding = block_padding.PKCS7(128).unpadder()
    return unpadding.update(opening.update(envelope.content) + opening.finalize()) + unpadding.finalize()


def unwrap(data: bytes, keys: Sequence[Any]) -> list[bytes]:
    """Return what private keys make of it. A wrong key may make something, too: who asked sees whether it is what was wrapped.

    Raises InvalidArgument for what is no envelope.
    """
    envelope = _read(data)
    found = []
    for key in keys:
        if not isinstance(key, rsa.RSAPrivateKey):
            continue
        for wrapped in envelope.keys:
            try:
                found.append(_content(envelope, key.decrypt(wrapped, padding.PKCS1v15())))
            except (*UNREADABLE, IndexError):
                continue  # it is for another key, or broken
    return found
