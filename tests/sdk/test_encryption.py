"""Encrypted layers without a daemon: the cipher, keys wrapped for recipients of every kind, and the program that opens a layer."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from argosy.encryption import installed, jwe, pkcs7, words, wrapping
from argosy.encryption.cipher import CIPHER, LayerKey, Opener, Sealer
from argosy.encryption.payload import TYPE_URL, Payload
from argosy.errors import ArgosyError, DataLoss, InvalidArgument, NotFound, PermissionDenied, Unimplemented
from argosy.oci.layers import LAYERS, TAR, decrypted, encrypted, is_encrypted, oci_type
from google.protobuf.any_pb2 import Any as GoogleAny
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.harness.keys import Keys, decoded, encoded, openssl
from tests.harness.mesh import BIN

DATA = os.urandom(300_000)
JWE, PKCS7, OPTIONS = (f"org.opencontainers.image.enc.{name}" for name in ("keys.jwe", "keys.pkcs7", "pubopts"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


def sealed(*recipients: str, data: bytes = DATA) -> tuple[bytes, dict[str, str]]:
    """Return an encrypted layer and its annotations."""
    sealer = Sealer()
    out = sealer.update(data)
    return out, wrapping.wrap(*sealer.finish(), words.recipients(recipients), {})


def opened(layer: bytes, annotations: Mapping[str, str], *said: str) -> bytes:
    opener = Opener(wrapping.unwrap(annotations, words.keys(said)), wrapping.seal_in(annotations))
    out = opener.update(layer)
    opener.finish()
    return out


@given(
    data=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=5),
    other=st.lists(st.integers(0, 400), max_size=5),
)
def test_the_cipher_does_not_care_how_the_bytes_were_cut(data: bytes, cuts: list[int], other: list[int]) -> None:
    def pieces(of: bytes, at: list[int]) -> list[bytes]:
        ends = sorted({0, *(cut for cut in at if cut < len(of)), len(of)})
        return [of[a:b] for a, b in itertools.pairwise(ends)]

    sealer = Sealer()
    layer = b"".join(map(sealer.update, pieces(data, cuts)))
    key, seal = sealer.finish()
    assert (len(layer), key.digest) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    opener = Opener(key, seal)
    assert b"".join(map(opener.update, pieces(layer, other))) == data
    opener.finish()


def test_the_cipher_is_that_of_openssl() -> None:
    """AES-256-CTR from the nonce, and an HMAC with the same key over what came out."""
    sealer = Sealer()
    layer = sealer.update(DATA)
    key, seal = sealer.finish()
    assert openssl("enc", "-d", "-aes-256-ctr", "-K", key.key.hex(), "-iv", key.nonce.hex(), input=layer) == DATA
    assert openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.key.hex()}", "-binary", input=layer) == seal


def test_every_recipient_opens_a_layer_and_nobody_else(keys: Keys) -> None:
    """RSA and curves by JWE, certificates by PKCS#7, together in one layer."""
    names = [keys.rsa("a"), keys.rsa("b"), keys.ec("p256"), keys.ec("p384", "P-384"), keys.ec("p521", "P-521")]
    said = [f"jwe:{path.with_suffix('.pub')}" for path in names]
    layer, annotations = sealed(*said, *(f"pkcs7:{keys.rsa(name).with_suffix('.crt')}" for name in ("a", "c")))
    for path in (*names, keys.rsa("c")):
        assert opened(layer, annotations, str(path)) == DATA
    assert [(one.scheme, one.recipients()) for one in wrapping.wrapped_in(annotations)] == [("jwe", 5), ("pkcs7", 2)]
    for stranger in (keys.rsa(), keys.ec("stranger-ec")):
        with pytest.raises(
            PermissionDenied, match="none of 1 keys that is at hand opens the layer, whose key is wrapped by jwe, pkcs7"
        ):
            opened(layer, annotations, str(stranger))
    with pytest.raises(PermissionDenied, match="no key that is at hand"):
        opened(layer, annotations)
    # The right one may be any among many.
    assert opened(layer, annotations, str(keys.rsa()), str(keys.ec("stranger-ec")), str(keys.rsa("c"))) == DATA


def test_keys_may_be_der_and_jwk_of_any_algorithm(keys: Keys, tmp_path: Path) -> None:
    rsa, ec = keys.rsa(), keys.ec()
    openssl("pkey", "-in", rsa, "-outform", "DER", "-out", tmp_path / "rsa.der")
    openssl("pkey", "-in", rsa, "-pubout", "-outform", "DER", "-out", tmp_path / "pub.der")
    openssl("x509", "-in", rsa.with_suffix(".crt"), "-outform", "DER", "-out", tmp_path / "crt.der")
    layer, annotations = sealed(f"jwe:{tmp_path / 'pub.der'}", f"pkcs7:{tmp_path / 'crt.der'}")
    for left_out in (JWE, PKCS7):
        one = {name: value for name, value in annotations.items() if name != left_out}
        assert opened(layer, one, str(tmp_path / "rsa.der")) == DATA
    for algorithm in (
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A256KW",
        "A128KW",
        "A192KW",
        "A256KW",
    ):
        pair: Any
        if algorithm.startswith("RSA"):
            pair = RSAKey.import_key(rsa.read_bytes(), {"alg": algorithm, "kid": "tëst <&>", "use": "enc"})
        elif algorithm.startswith("ECDH"):
            pair = ECKey.import_key(ec.read_bytes(), {"alg": algorithm})
        else:
            pair = OctKey.import_key(os.urandom(int(algorithm[1:4]) // 8), {"alg": algorithm})
        (tmp_path / "key.jwk").write_text(json.dumps(pair.as_dict(private=True)))
        (tmp_path / "pub.jwk").write_text(json.dumps(pair.as_dict(private=algorithm[0] == "A")))
        layer, annotations = sealed(f"jwe:{tmp_path / 'pub.jwk'}")
        said = json.loads(base64.b64decode(annotations[JWE]))
        assert said["recipients"][0]["header"]["alg"] == algorithm
        assert opened(layer, annotations, str(tmp_path / "key.jwk")) == DATA
    for bad in ("RSA1_5", "dir", "PBES2-HS256+A128KW"):
        (tmp_path / "bad.jwk").write_text(json.dumps({**pair.as_dict(), "alg": bad}))
        with pytest.raises(InvalidArgument, match="cannot be a recipient"):
            sealed(f"jwe:{tmp_path / 'bad.jwk'}")


@pytest.mark.parametrize("traditional", [True, False], ids=["old", "new"])
def test_a_key_may_have_a_password(keys: Keys, tmp_path: Path, traditional: bool) -> None:
    locked = keys.locked("rsa", "se:cret", traditional=traditional)
    layer, annotations = sealed(f"jwe:{keys.rsa().with_suffix('.pub')}")
    (tmp_path / "word").write_text("se:cret\n")
    for said in (f"{locked}:pass=se:cret", f"{locked}:file={tmp_path / 'word'}", f"{locked}:se:cret"):
        assert opened(layer, annotations, said) == DATA
    reading, writing = os.pipe()
    os.write(writing, b"se:cret\n")
    os.close(writing)
    assert opened(layer, annotations, f"{locked}:fd={reading}") == DATA
    os.close(reading)
    # One that has none does not mind.
    assert opened(layer, annotations, f"{keys.rsa()}:pass=needless") == DATA
    with pytest.raises(PermissionDenied, match="it has a password; write FILE:pass=PASSWORD"):
        words.keys([str(locked)])
    with pytest.raises(PermissionDenied, match="its password is another one"):
        words.keys([f"{locked}:pass=other"])
    with pytest.raises(NotFound):
        words.keys([f"{locked}:file={tmp_path / 'none'}"])
    with pytest.raises(InvalidArgument, match="no descriptor to read a password from"):
        words.keys([f"{locked}:fd=x"])


def test_a_directory_is_all_the_keys_in_it(keys: Keys, tmp_path: Path) -> None:
    """What is no key in it, or has a password, is passed over; what leads elsewhere is followed, as secrets that are mounted do."""
    layer, annotations = sealed(f"jwe:{keys.rsa('a').with_suffix('.pub')}")
    directory = tmp_path / "keys"
    directory.mkdir()
    (directory / "a-text").write_text("no key")
    (directory / "below").mkdir()
    os.mkfifo(directory / "fifo")
    (directory / "locked").write_bytes(keys.locked("rsa", "x", traditional=False).read_bytes())
    (directory / "other.pem").write_bytes(keys.rsa("b").read_bytes())
    (directory / "huge").write_bytes(bytes(2 << 20))
    with pytest.raises(PermissionDenied, match="none of 1 keys"):
        opened(layer, annotations, str(directory))
    (directory / "z.pem").symlink_to(keys.rsa("a"))
    assert opened(layer, annotations, str(directory)) == DATA


@pytest.mark.parametrize(
    ("word", "error", "says"),
    [
        ("pgp:me@example.org", Unimplemented, "PGP is not understood here; use jwe:FILE"),
        ("pkcs11:uri", Unimplemented, "PKCS#11 is not understood here"),
        ("jwe:", InvalidArgument, "none of jwe:FILE"),
        ("file.pem", InvalidArgument, "none of jwe:FILE"),
        ("provider:", InvalidArgument, "has no name behind it"),
        ("jwe:/nowhere", NotFound, "key file /nowhere"),
        ("jwe:/dev/zero", InvalidArgument, "/dev/zero is no file"),
        ("jwe:{private}", InvalidArgument, "no public key"),
        ("jwe:{certificate}", InvalidArgument, "no public key"),
        ("pkcs7:{public}", InvalidArgument, "no X.509 certificate"),
        ("pkcs7:{curve}", InvalidArgument, "no RSA key"),
        ("jwe:{armor}", Unimplemented, "keys of PGP"),
        ("jwe:{json}", InvalidArgument, "no JWK"),
    ],
)
def test_what_is_no_recipient_is_refused_by_name(
    keys: Keys, tmp_path: Path, word: str, error: type[ArgosyError], says: str
) -> None:
    (tmp_path / "armor").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    (tmp_path / "json").write_text('{"kty": "RSA"}')
    openssl("req", "-x509", "-new", "-key", keys.ec(), "-subj", "/CN=curve", "-out", tmp_path / "curve")
    said = word.format(
        private=keys.rsa(), public=keys.rsa().with_suffix(".pub"), certificate=keys.rsa().with_suffix(".crt"),
        armor=tmp_path / "armor", json=tmp_path / "json", curve=tmp_path / "curve",
    )  # fmt: skip
    with pytest.raises(error, match=says):
        sealed(said)


def test_what_is_no_private_key_is_refused_by_name(keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    (tmp_path / "public.jwk").write_text(json.dumps(RSAKey.import_key(keys.rsa().read_bytes()).as_dict(private=False)))
    openssl("genpkey", "-algorithm", "ED25519", "-out", tmp_path / "signs.pem")
    for path, says in (
        (tmp_path / "signs.pem", "a private key of a kind that opens nothing"), (tmp_path / "text", "no private key"),
        (keys.rsa().with_suffix(".pub"), "no private key"), (tmp_path / "public.jwk", "a public key"),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument, match=f"{path}: it is {says}"):
            words.keys([str(path)])


def test_pkcs7_is_what_openssl_reads_and_writes(keys: Keys, tmp_path: Path) -> None:
    rsa = keys.rsa()
    data = LayerKey(bytes(32), bytes(16)).encode()
    made = pkcs7.wrap(data, [pkcs7_certificate(keys.rsa("b")), pkcs7_certificate(rsa)])
    for path in (rsa, keys.rsa("b")):
        assert (
            openssl("cms", "-decrypt", "-inform", "DER", "-recip", path.with_suffix(".crt"), "-inkey", path, input=made)
            == data
        )
    private = words.keys([str(rsa)])
    for words_of in (("smime",), ("cms",), ("cms", "-stream"), ("cms", "-keyid")):
        for cipher in ("-aes128", "-aes256") if words_of == ("smime",) else ("-aes192",):
            command = (words_of[0], "-encrypt", "-binary", *words_of[1:], cipher, "-outform", "DER", rsa.with_suffix(".crt"))
            annotations = {PKCS7: base64.b64encode(openssl(*command, input=data)).decode()}
            assert wrapping.unwrap(annotations, private) == LayerKey(bytes(32), bytes(16))
    for other in ("-des3", "-camellia128"):
        written = openssl("smime", "-encrypt", "-binary", other, "-outform", "DER", rsa.with_suffix(".crt"), input=data)
        with pytest.raises(PermissionDenied, match="no PKCS#7 envelope that is understood here"):
            wrapping.unwrap({PKCS7: base64.b64encode(written).decode()}, private)
    for end in range(len(made)):
        with pytest.raises(InvalidArgument, match="no PKCS#7 envelope"):
            pkcs7.count(made[:end])


def pkcs7_certificate(path: Path) -> Any:
    from argosy.encryption.keyfiles import certificate

    return certificate(path.with_suffix(".crt").read_bytes())


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


LAYER_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "first byte": lambda layer: flipped(layer, 0),
    "middle": lambda layer: flipped(layer, len(layer) // 2),
    "last byte": lambda layer: flipped(layer, len(layer) - 1),
    "cut by one": lambda layer: layer[:-1],
    "cut in half": lambda layer: layer[: len(layer) // 2],
    "empty": lambda layer: b"",
    "one byte more": lambda layer: layer + b"\0",
    "blocks swapped": lambda layer: layer[16:32] + layer[:16] + layer[32:],
}


@pytest.mark.parametrize("fault", LAYER_FAULTS)
def test_a_layer_that_was_changed_is_found_out(keys: Keys, fault: str) -> None:
    layer, annotations = sealed(f"jwe:{keys.rsa().with_suffix('.pub')}")
    with pytest.raises(DataLoss, match="changed or cut off"):
        opened(LAYER_FAULTS[fault](layer), annotations, str(keys.rsa()))


def test_annotations_that_were_changed_are_found_out(keys: Keys) -> None:
    """The HMAC, the cipher, the wrapped key, and each part of the JWE; a key of another layer, for one that knows it."""
    layer, annotations = sealed(f"jwe:{keys.rsa().with_suffix('.pub')}")

    def refused(error: type[ArgosyError] | tuple[type[ArgosyError], ...], says: str, **changed: str) -> None:
        names = {"options": OPTIONS, "jwe": JWE}
        with pytest.raises(error, match=says):
            opened(layer, {**annotations, **{names[name]: value for name, value in changed.items()}}, str(keys.rsa()))

    options = decoded(annotations[OPTIONS])
    seal = base64.b64decode(options["hmac"])
    refused(
        DataLoss, "its HMAC is another", options=encoded({**options, "hmac": base64.b64encode(flipped(seal, 0)).decode()})
    )
    refused(InvalidArgument, "has 31 bytes", options=encoded({**options, "hmac": base64.b64encode(seal[:31]).decode()}))
    refused(InvalidArgument, "HMAC is missing", options=encoded({"cipher": CIPHER}))
    refused(InvalidArgument, 'encrypted by "NULL"', options=encoded({**options, "cipher": "NULL"}))
    for bad in ("", "%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"[" * 100_000).decode()):
        refused(InvalidArgument, "cipher is no|is missing", options=bad)
    message = json.loads(base64.b64decode(annotations[JWE]))
    for part in ("ciphertext", "tag", "iv", "protected"):
        text = message[part]
        other = ("A" if text[0] != "A" else "B") + text[1:]
        refused(PermissionDenied, "none of 1 keys", jwe=encoded({**message, part: other}))
        refused(PermissionDenied, "none of 1 keys", jwe=encoded({**message, part: 7}))
    for broken in (
        {},
        {**message, "recipients": []},
        {**message, "recipients": [{}]},
        {**message, "recipients": 3},
        [1],
        "x",
    ):
        refused(PermissionDenied, "none of 1 keys", jwe=encoded(broken))
    refused(InvalidArgument, "no base64", jwe="%")
    # One that is whole, of another layer: its HMAC can't be right.
    _, others = sealed(f"jwe:{keys.rsa().with_suffix('.pub')}")
    refused(DataLoss, "its HMAC is another", jwe=others[JWE])


def test_a_wrapped_key_that_is_none_is_refused(keys: Keys) -> None:
    """Whoever has the public key can wrap anything."""
    recipients = words.recipients([f"jwe:{keys.rsa().with_suffix('.pub')}"])
    from argosy.encryption.keyfiles import public_key

    for text in (b"", b"{}", b"x", b'{"symkey": "AA==", "cipheroptions": {"nonce": "AA=="}}',
                 LayerKey(bytes(32), bytes(16), "x").encode(), LayerKey(bytes(32), bytes(15)).encode(), LayerKey(bytes(31), bytes(16)).encode()):  # fmt: skip
        made = jwe.wrap(text, [public_key(recipients["pubkeys"][0])])
        with pytest.raises(PermissionDenied, match="jwe: a layer's key"):
            wrapping.unwrap({JWE: base64.b64encode(made).decode()}, words.keys([str(keys.rsa())]))


def test_a_key_of_another_digest_opens_nothing(keys: Keys) -> None:
    """Who put the image together lied about what is in the layer: bytes that nobody asked for do not come out as asked."""
    sealer = Sealer()
    layer = sealer.update(DATA)
    key, seal = sealer.finish()
    for digest, error in ((f"sha256:{'0' * 64}", True), ("", False)):
        opener = Opener(LayerKey(key.key, key.nonce, digest), seal)
        assert opener.update(layer) == DATA
        if error:
            with pytest.raises(DataLoss, match="which its key is of"):
                opener.finish()
        else:
            opener.finish()


def test_recipients_are_added_and_those_before_stay(keys: Keys) -> None:
    layer, annotations = sealed(f"jwe:{keys.rsa('a').with_suffix('.pub')}")
    key = wrapping.unwrap(annotations, words.keys([str(keys.rsa("a"))]))
    for said in (f"jwe:{keys.rsa('b').with_suffix('.pub')}", f"pkcs7:{keys.rsa('c').with_suffix('.crt')}"):
        annotations = wrapping.wrap(key, wrapping.seal_in(annotations), words.recipients([said]), annotations)
    assert annotations[JWE].count(",") == 1
    for name in ("a", "b", "c"):
        assert opened(layer, annotations, str(keys.rsa(name))) == DATA


def test_a_layer_for_very_many_recipients_is_not_tried_for_long(keys: Keys) -> None:
    """Who made the image chose how many there are, and each try is work."""
    _, annotations = sealed(f"jwe:{keys.rsa('b').with_suffix('.pub')}")
    message = json.loads(base64.b64decode(annotations[JWE]))
    many = {**message, "recipients": message["recipients"] * 1000}
    private = words.keys([str(keys.rsa()), str(keys.ec())])
    told = {JWE: ",".join([encoded(many)] * 50)}
    with pytest.raises(PermissionDenied, match="for more recipients than are tried"):
        wrapping.unwrap(told, private)
    assert len(wrapping.wrapped_in(told)) == 50


def test_what_is_wrapped_for_programs_that_are_not_here_is_said() -> None:
    annotations = {
        f"org.opencontainers.image.enc.keys.{scheme}": base64.b64encode(b"x").decode() for scheme in ("pgp", "pkcs11")
    }
    with pytest.raises(
        PermissionDenied, match="wrapped by pgp, pkcs11; pgp is not understood here; pkcs11 is not understood here"
    ):
        wrapping.unwrap(annotations, {})
    with pytest.raises(InvalidArgument, match="has no key in its annotations"):
        wrapping.unwrap({}, {})


def test_media_types_go_there_and_back() -> None:
    for media_type in LAYERS:
        sealed_type = encrypted(media_type)
        assert is_encrypted(sealed_type) and decrypted(sealed_type) == oci_type(media_type) in LAYERS
        assert ("foreign" in media_type) <= ("nondistributable" in sealed_type)
    assert encrypted("application/vnd.docker.image.rootfs.diff.tar.gzip") == f"{TAR}+gzip+encrypted"
    assert decrypted(f"{TAR}+zsdt+encrypted") == f"{TAR}+zstd"
    for bad in (TAR, "x+encrypted", f"{TAR}+encrypted+encrypted", ""):
        with pytest.raises(InvalidArgument):
            decrypted(bad)
        with pytest.raises(InvalidArgument):
            encrypted(f"{bad}+encrypted")


# -- the program --


def payload(annotations: Mapping[str, str], said: Sequence[str] = (), media_type: str = f"{TAR}+gzip+encrypted") -> bytes:
    """Return what a client of containerd's puts on descriptor 3, by Google's encoder."""
    made = Payload(media_type, f"sha256:{'1' * 64}", 7, annotations, words.keys(said))
    return GoogleAny(type_url=TYPE_URL, value=made.encode()).SerializeToString()


def decode(
    layer: bytes | None, data: bytes | None, *args: str, pipe: bool = False, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ctd-decoder as a differ does: with the layer as a file, or from a pipe; data is on descriptor 3, which is closed without any."""
    reading, writing = os.pipe()
    source = os.memfd_create("layer")
    try:
        os.write(writing, data or b"")
        os.close(writing)
        os.write(source, layer or b"")
        os.lseek(source, 0, os.SEEK_SET)
        redirect = "3<&-" if data is None else f"3<&{reading}"
        program = f'exec "$0" "$@" {redirect}' if not pipe else f'cat | "$0" "$@" {redirect}'
        return subprocess.run(
            ["bash", "-c", program, BIN / "ctd-decoder", *args], stdin=source, capture_output=True, pass_fds=[reading], timeout=30,
            check=False, env={"PATH": os.environ["PATH"], **(env or {})},
        )  # fmt: skip
    finally:
        os.close(reading)
        os.close(source)


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
def test_the_decoder_opens_a_layer_and_refuses_one_that_was_changed(keys: Keys, pipe: bool) -> None:
    """Of a file that was changed not a byte is given away; of a pipe the exit code says so."""
    layer, annotations = sealed(f"jwe:{keys.rsa().with_suffix('.pub')}")
    told = payload(annotations, [str(keys.rsa())])
    good = decode(layer, told, pipe=pipe)
    assert (good.returncode, good.stderr, good.stdout == DATA) == (0, b"", True)
    for broken in (flipped(layer, len(layer) - 1), layer[:-100]):
        bad = decode(broken, told, pipe=pipe)
        assert (
            bad.returncode == 1 and b"changed or cut off" in bad.stderr and f"layer sha256:{'1' * 64}".encode() in bad.stderr
        )
        assert pipe or bad.stdout == b""


def test_the_decoder_has_keys_of_its_machine(keys: Keys, tmp_path: Path) -> None:
    """In a directory that its command line names; those of the payload are tried as well."""
    layer, annotations = sealed(f"jwe:{keys.rsa('a').with_suffix('.pub')}")
    (tmp_path / "keys").mkdir()
    words_of = ("--decryption-keys-path", str(tmp_path / "keys"))
    assert b"no key that is at hand" in decode(layer, payload(annotations), *words_of).stderr
    (tmp_path / "keys/k.pem").write_bytes(keys.rsa("a").read_bytes())
    for said in ([], [str(keys.rsa("b"))]):
        assert decode(layer, payload(annotations, said), *words_of).stdout == DATA
    assert (
        decode(layer, payload(annotations, [str(keys.rsa("a"))]), "--decryption-keys-path", str(tmp_path / "none")).stdout
        == DATA
    )


def test_the_decoder_only_looks_when_it_shall_only_look(keys: Keys) -> None:
    layer, annotations = sealed(f"jwe:{keys.rsa().with_suffix('.pub')}")
    _, others = sealed(f"jwe:{keys.rsa('b').with_suffix('.pub')}")
    checked = decode(layer, payload(annotations, [str(keys.rsa())]), "--check")
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    assert decode(layer, payload(annotations), "--check").returncode == 1
    both = Payload(f"{TAR}+encrypted", f"sha256:{'1' * 64}", 7, annotations, words.keys([str(keys.rsa())]))
    both = Payload(
        both.media_type,
        both.digest,
        7,
        annotations,
        both.parameters,
        [Payload(both.media_type, f"sha256:{'2' * 64}", 7, others)],
    )
    checked = decode(layer, GoogleAny(type_url=TYPE_URL, value=both.encode()).SerializeToString(), "--check")
    assert checked.returncode == 1 and f"layer sha256:{'2' * 64}".encode() in checked.stderr


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "no payload came with the layer"),
        (b"", "no payload came with the layer"),
        (b"\xff\xff", "no google.protobuf.Any"),
        (GoogleAny(type_url="a.B", value=b"{}").SerializeToString(), '"a.B", and not'),
        (GoogleAny(type_url=TYPE_URL, value=b"[").SerializeToString(), "no JSON of"),
        (GoogleAny(type_url=TYPE_URL, value=b"[]").SerializeToString(), "no JSON of"),
        (GoogleAny(type_url=TYPE_URL, value=b'{"Descriptor": {"annotations": {"a": 1}}}').SerializeToString(), "no JSON of"),
        (
            GoogleAny(
                type_url=TYPE_URL, value=b'{"DecryptConfig": {"Parameters": {"privkeys": ["%"]}}}'
            ).SerializeToString(),
            "no base64",
        ),
        (GoogleAny(type_url=TYPE_URL, value=b"{}").SerializeToString(), "cipher is missing"),
        (
            GoogleAny(type_url=TYPE_URL, value=b'{"Descriptor": {"mediaType": "text/plain"}}').SerializeToString(),
            "no type of an encrypted layer",
        ),
    ],
)
def test_a_payload_that_is_none_is_told_in_words(data: bytes | None, says: str) -> None:
    ran = decode(b"layer", data)
    assert ran.returncode == 1 and ran.stdout == b"" and says in ran.stderr.decode() and b"Traceback" not in ran.stderr


def test_what_is_not_installed_is_told_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    installed.check()
    monkeypatch.setattr(installed, "find_spec", lambda name: None if name == "joserfc" else name)
    with pytest.raises(Unimplemented, match=r"joserfc is not installed, .* pip install 'argosy\[encryption\]'"):
        installed.check()


def test_who_handles_no_encrypted_layer_loads_nothing_for_it() -> None:
    """The client, the command, the differ with its workers, the gateway, and the parts that name media types and payloads."""
    program = (
        "import sys, argosy.client, argosy.client.images as i, argosy_cli.images, argosy_cli.containers, argosy_diff.__main__, "
        "argosy_gateway.__main__, argosy_transfer.pairs, argosy.client.creating, argosy.encryption.payload, argosy.oci.layers\n"
        "i.pull, i.unpack, i.push, i.authorize, i.convert, i.import_archive\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('cryptography', 'joserfc', '_cffi_backend')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n", ran
