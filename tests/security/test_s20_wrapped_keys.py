"""S20: keys of layers come with an image, from anybody: what is no wrapped key is refused soon, in little memory, and in words."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from argosy.encryption import jwe, keyfiles, pkcs7, words, wrapping
from argosy.encryption.cipher import LayerKey, Sealer, seal_of
from argosy.encryption.payload import Payload
from argosy.errors import ArgosyError, InvalidArgument
from joserfc import jwe as others
from joserfc.jwk import RSAKey

from tests.harness.keys import Keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def own(keys: Keys) -> list[Any]:
    octets = json.dumps({"kty": "oct", "alg": "A256KW", "k": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")})
    return [keyfiles.private_key(data) for data in (keys.rsa("a").read_bytes(), keys.ec("p").read_bytes(), octets.encode())]


def text(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def message(protected_header: Any, **more: Any) -> bytes:
    said = {
        "protected": text(protected_header),
        "encrypted_key": text(b"k" * 256),
        "iv": text(b"i" * 12),
        "tag": text(b"t" * 16),
    }
    return json.dumps({**said, "ciphertext": text(b"c" * 90), **more}).encode()


POINT = {"kty": "EC", "crv": "P-256", "x": text(b"\1" * 32), "y": text(b"\2" * 32)}
CONFUSED: list[Any] = [
    {"alg": "none", "enc": "A256GCM"}, {"alg": "dir", "enc": "A256GCM"}, {"alg": "RSA1_5", "enc": "A256GCM"}, {"alg": "RSA-OAEP", "enc": "none"},
    {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 1 << 62, "p2s": "eA"}, {"alg": ["RSA-OAEP"], "enc": {"A256GCM": 1}},
    {"alg": "RSA-OAEP", "enc": "A256GCM", "crit": ["b64"], "b64": False}, {"alg": "A256KW", "enc": "A256GCM"}, {"alg": "A256KW"}, [], 5,
    {"alg": "ECDH-ES", "enc": "A256GCM", "epk": POINT}, {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": {**POINT, "d": POINT["x"]}},
    {"alg": "ECDH-ES", "enc": "A256GCM", "epk": POINT, "apu": [], "apv": 5}, {"alg": "ECDH-ES", "enc": "A256GCM", "epk": 7},
    b'{"alg":' + b"[" * 1400 + b"]" * 1400 + b"}", b'{"alg":' * 500 + b"1" + b"}" * 500, b'{"alg":1e999}', b"\xff\xfe", b"x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("protected", CONFUSED, ids=range(len(CONFUSED)))
def test_a_header_that_means_something_else_opens_nothing(own: list[Any], protected: Any) -> None:
    """Other algorithms than a key is for, none at all, a hundred years of rounds, points that are on no curve, depth without end."""
    assert jwe.unwrap(message(protected), own) is None


@pytest.mark.parametrize(
    "more",
    [
        {"header": 5}, {"header": {"alg": "none"}}, {"unprotected": {"alg": "dir"}}, {"aad": 5}, {"aad": "AA"}, {"protected": None}, {"iv": None},
        {"tag": ""}, {"encrypted_key": 7}, {"ciphertext": {}}, {"protected": "\ud800"}, {"recipients": [[]] * 9}, {"recipients": [{"header": [1]}]},
        {"recipients": [{"header": {"alg": "RSA-OAEP"}, "encrypted_key": "AA"}] * 5000},
    ],
    ids=str,
)  # fmt: skip
def test_a_message_of_another_shape_opens_nothing(own: list[Any], more: dict[str, Any]) -> None:
    try:
        assert jwe.unwrap(message({"alg": "RSA-OAEP", "enc": "A256GCM"}, **more), own) is None
    except InvalidArgument:
        pass


def test_what_was_changed_anywhere_opens_nothing_and_is_no_crash(keys: Keys, own: list[Any]) -> None:
    """Single bytes of good messages of both kinds, changed, left out and doubled."""
    sealer = Sealer()
    key, _ = sealer.finish()
    said = words.recipients([f"jwe:{keys.rsa('a').with_suffix('.pub')}", f"pkcs7:{keys.rsa('a').with_suffix('.crt')}"])
    good = {one.scheme: one.data for one in wrapping.wrapped_in(wrapping.wrap(key, b"s" * 32, said, {}))}
    chance = random.Random(17)
    for scheme, read in (("jwe", jwe.unwrap), ("pkcs7", pkcs7.unwrap)):
        for _ in range(150):
            data = bytearray(good[scheme])
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 40)]
                case _:
                    data[at:at] = data[at : at + chance.randrange(1, 40)]
            try:
                found = read(bytes(data), own)
            except InvalidArgument:
                continue
            for one in [found] if isinstance(found, bytes) else found or []:
                try:
                    assert LayerKey.decode(one) == key
                except InvalidArgument:
                    pass  # CBC has no tag: the layer's own HMAC says


def test_a_message_that_says_to_be_compressed_is_not_inflated(keys: Keys, own: list[Any]) -> None:
    """A key is a hundred bytes; nobody compresses one. A library that can is not asked to."""
    public = keyfiles.public_key(keys.rsa("a").with_suffix(".pub").read_bytes())
    made = others.GeneralJSONEncryption({"enc": "A256GCM", "zip": "DEF"}, b"\0" * 1000)
    made.add_recipient({"alg": "RSA-OAEP"}, RSAKey(public, public))
    registry = others.JWERegistry(algorithms=["RSA-OAEP", "A256GCM", "DEF"])
    data = json.dumps(others.encrypt_json(made, None, registry=registry)).encode()
    assert zlib.crc32(data)  # it is one
    assert jwe.unwrap(data, own) is None


def test_an_envelope_of_very_many_values_is_refused_in_little_memory() -> None:
    """Two bytes each in the manifest, some hundred bytes each here. In a process of its own, whose most is counted."""
    code = """
import resource
from argosy.encryption import pkcs7
from argosy.errors import InvalidArgument
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for data in (b"\\x30\\x80" + b"\\x05\\x00" * 2_500_000, b"\\x30\\x83\\x4c\\x4b\\x40" + b"\\x05\\x00" * 2_500_000, b"\\x30\\x80" * 2_500_000):
    try:
        pkcs7.unwrap(data, [])
    except InvalidArgument:
        continue
    raise AssertionError("it was read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64 << 10, "KiB"


@pytest.mark.parametrize("size", ["1e999", "NaN", "-Infinity", "[]", '"x"', "{}"])
def test_a_payload_whose_numbers_are_none_is_told_in_words(size: str) -> None:
    with pytest.raises(ArgosyError, match="is no JSON of"):
        Payload.decode(b'{"Descriptor":{"size":%s}}' % size.encode())


@pytest.mark.parametrize("name", ["\x1b]0;x\x07", "z" * 3_000_000, None, [], {"a": 1}])
def test_a_cipher_that_nobody_knows_is_told_in_a_line(name: Any) -> None:
    with pytest.raises(InvalidArgument, match="of which nothing is known") as caught:
        seal_of(json.dumps({"cipher": name}).encode())
    assert caught.value.message.isprintable() and len(caught.value.message) < 200


def test_the_path_of_a_key_is_no_part_of_what_is_refused(keys: Keys, tmp_path: Path) -> None:
    """What is told of a key that opens nothing are its number and what is wrong, and never what is in it."""
    broken = tmp_path / "broken.pem"
    secret = "CANARY" + "A" * 58
    broken.write_text(f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n")
    layer = wrapping.wrap(
        LayerKey(b"k" * 32, b"n" * 16), b"s" * 32, words.recipients([f"jwe:{keys.rsa('a').with_suffix('.pub')}"]), {}
    )
    with pytest.raises(ArgosyError) as caught:
        wrapping.unwrap(layer, {"privkeys": [broken.read_bytes()]})
    assert "CANARY" not in str(caught.value) and "CANARY" not in repr(caught.value)
