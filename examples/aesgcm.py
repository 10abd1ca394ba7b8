"""A stream processor that decrypts layers with AES-256-GCM, by the machine's own OpenSSL. The key is a file of 32 random bytes.

`aesgcm.py --key FILE --seal <layer.tar.gz >layer.sealed` makes such a layer, of the media type that is accepted below. It is a salt, of
which comes the key of this layer alone, and blocks that are sealed one by one, each with its number and whether it is the last: what was
changed, cut off, swapped or left out is refused, and nothing is given away before it was checked.
"""

import ctypes
import ctypes.util
import hmac
import os
from functools import partial
from pathlib import Path
from typing import IO, Annotated

from argosy.plugin.processor import main

SALT, BLOCK, TAG = 32, 64 << 10, 16
GET_TAG, SET_TAG = 0x10, 0x11  # of EVP_CIPHER_CTX_ctrl
crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
crypto.EVP_CIPHER_CTX_new.restype = crypto.EVP_aes_256_gcm.restype = ctypes.c_void_p


def one(key: bytes, number: int, is_last: bool, data: bytes, seal: bool) -> bytes:
    """Seal or open one block."""
    body = data if seal else data[:-TAG]
    context, out, size = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new()), ctypes.create_string_buffer(len(body)), ctypes.c_int()
    tag = ctypes.create_string_buffer(data[-TAG:], TAG)
    head, moved = bytes([is_last]), ctypes.byref(size)
    try:
        cipher = ctypes.c_void_p(crypto.EVP_aes_256_gcm())
        steps = [crypto.EVP_CipherInit_ex(context, cipher, None, key, number.to_bytes(12, "big"), int(seal))]
        steps += [crypto.EVP_CipherUpdate(context, None, moved, head, len(head))]
        steps += [crypto.EVP_CipherUpdate(context, out, moved, body, len(body))]
        steps += [] if seal else [crypto.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG, tag)]
        steps += [crypto.EVP_CipherFinal_ex(context, ctypes.create_string_buffer(TAG), moved)]
        steps += [crypto.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG, tag)] if seal else []
    finally:
        crypto.EVP_CIPHER_CTX_free(context)
    if set(steps) != {1}:
        raise ValueError(f"block {number} is not what was sealed with this key")
    return out.raw + tag.raw if seal else out.raw


def aesgcm(source: IO[bytes], sink: IO[bytes], key: Annotated[Path, "file with the key"], seal: bool = False) -> None:
    salt = os.urandom(SALT) if seal else source.read(SALT)
    if len(secret := key.read_bytes()) != 32:
        raise ValueError(f"{key} has {len(secret)} bytes, and a key has 32")
    derived = hmac.digest(secret, salt, "sha256")
    sink.write(salt if seal else b"")
    blocks = iter(partial(source.read, BLOCK if seal else BLOCK + TAG), b"")
    block, number = next(blocks, b""), 0
    while block or not number:
        after = next(blocks, b"")
        sink.write(one(derived, number, not after, block, seal))
        block, number = after, number + 1


if __name__ == "__main__":
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    main(aesgcm, accepts=f"{kind}+aesgcm", returns=kind)
