"""What a binary needs: libraries of an ELF file, dependencies of a kernel module, the ELF kernel within a bzImage."""

from __future__ import annotations

import lzma
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.errors import InvalidArgument, NotFound

from argosy_shim_kata_v2.image.debs import unzstd

_ELF: Final = b"\x7fELF"
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB = 1, 5


def libraries(data: bytes) -> list[str]:
    """Return the interpreter's path and the names of the shared libraries that a 64-bit ELF file needs."""
    if data[:4] != _ELF:
        return []
    (headers,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, headers + n * size) for n in range(count)]
    found = [data[s[2] : s[2] + s[5] - 1].decode() for s in segments if s[0] == _INTERP]
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind != _DYNAMIC:
            continue
        tags = [struct.unpack_from("<QQ", data, offset + n) for n in range(0, length, 16)]
        address = next(value for tag, value in tags if tag == _STRTAB)
        strings = next(s[2] + address - s[3] for s in segments if s[0] == _LOAD and s[3] <= address < s[3] + s[6])
        for tag, value in tags:
            if tag == _NEEDED:
                at = strings + value
                found.append(data[at : data.index(b"\0", at)].decode())
    return found


def _modinfo(data: bytes, key: bytes) -> list[str]:
    """Return the comma- or space-separated words of every ``key=`` in a module's .modinfo."""
    words: list[str] = []
    at = 0
    while (at := data.find(b"\0" + key + b"=", at)) >= 0:
        at += len(key) + 2
        text = data[at : data.index(b"\0", at)].decode("ascii", "replace")
        words += [w for w in text.replace(",", " ").split() if w]
        at -= 1
    return words


def module_order(wanted: Sequence[str], modules: Mapping[str, bytes], builtin: frozenset[str]) -> list[str]:
    """Return wanted and what it depends on, each after what it needs. Names have underscores. Raises NotFound."""
    order: list[str] = []

    def add(name: str, asker: str) -> None:
        name = name.replace("-", "_")
        if name in order or name in builtin:
            return
        if name not in modules:
            raise NotFound(f"the guest kernel has no module {name}, which {asker} needs")
        data = modules[name]
        soft = _modinfo(data, b"softdep")
        before = soft[soft.index("pre:") + 1 :] if "pre:" in soft else []
        for other in before[: before.index("post:") if "post:" in before else None]:
            # What is only wished for may be missing.
            if other.replace("-", "_") in modules:
                add(other, name)
        for other in _modinfo(data, b"depends"):
            add(other, name)
        order.append(name)

    for name in wanted:
        add(name, "the agent")
    return order


def vmlinux(image: bytes, lz4: Sequence[str | Path]) -> bytes:
    """Return the ELF kernel that a bzImage holds; lz4 is a command that decompresses the legacy format.

    QEMU enters it directly (PVH), which saves the guest seconds of decompressing. Raises InvalidArgument.
    """
    if image[:4] == _ELF:
        return image
    if image[0x202:0x206] != b"HdrS" and image[0x202 : 0x202 + 4] != b"HdrS":
        raise InvalidArgument("the kernel is neither ELF nor a bzImage")
    setup = (image[0x1F1] or 4) + 1
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup * 512 + offset :][:length]
    if payload[:4] == b"\x02\x21\x4c\x18":
        # The last four bytes are the size, which the format does not know.
        done = subprocess.run([*map(str, lz4), "-dqc"], input=payload[:-4], capture_output=True)
        data = done.stdout
        if done.returncode and not data:
            raise InvalidArgument(f"the kernel's payload cannot be decompressed: {done.stderr.decode(errors='replace')}")
    elif payload[:6] == b"\xfd7zXZ\0":
        data = lzma.LZMADecompressor().decompress(payload)
    elif payload[:4] == b"\x28\xb5\x2f\xfd":
        data = unzstd("the kernel's payload", payload)
    else:
        raise InvalidArgument(f"the kernel is compressed in a way that is not known here: {payload[:6].hex()}")
    if data[:4] != _ELF:
        raise InvalidArgument("the kernel's payload is no ELF file")
    return data
