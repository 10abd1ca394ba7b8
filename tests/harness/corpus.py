"""Stacks of layers that say odd things, and who else is of our opinion about them.

``agree`` names the judges that give the same tree, or refuse as well: containerd's overlayfs and native snapshotters, GNU tar (which
knows no whiteouts). Where one is missing the comment says what it does instead.
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.layers import Member, directory, entry, hard_link, symlink

OVERLAY, NATIVE, TAR = "overlayfs", "native", "tar"
CONTAINERD = frozenset({OVERLAY, NATIVE})
ALL = frozenset({OVERLAY, NATIVE, TAR})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Stack:
    """Layers, bottom first. needs_lower: a layer cannot be read without those below, and a client that does so is refused."""

    layers: Sequence[Sequence[Member]]
    agree: frozenset[str]
    needs_lower: bool = False


def file(name: str, data: bytes = b"x", **more: object) -> Member:
    return entry(name, data=data, **more)  # type: ignore[arg-type] # entry's own


def fifo(name: str, mode: int = 0o644) -> Member:
    return entry(name, tarfile.FIFOTYPE, mode=mode)


def device(name: str, major: int, minor: int, kind: bytes = tarfile.CHRTYPE) -> Member:
    return entry(name, kind, device=(major, minor))


def xattr(member: Member, name: str, value: bytes) -> Member:
    member[0].pax_headers = {
        **member[0].pax_headers,
        f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape"),
    }
    return member


def acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)


_BASE = [
    directory("d", mode=0o711, uid=7, gid=8),
    file("d/old"),
    directory("d/sub", mode=0o700),
    file("d/sub/x"),
    file("f", b"f"),
]
_CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
_USER_ACL = acl((1, 6, 0xFFFFFFFF), (2, 4, 1234), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))

TREES: dict[str, Stack] = {
    # -- owners, times, attributes --
    # GNU tar says that -1 is out of range, and makes root's files all the same.
    "an owner of -1 is root": Stack(
        [
            [
                file("f", uid=-1, gid=-1),
                directory("d", uid=-1),
                entry("s", tarfile.SYMTYPE, link="f", uid=-1),
                file("g", uid=0xFFFFFFFF),
            ]
        ],
        CONTAINERD,
    ),
    # GNU tar sets what the file system can hold.
    "times that no clock has are the epoch": Stack(
        [
            [
                file("early", mtime=-5),
                file("late", mtime=1 << 40),
                file("ok", mtime=1 << 32),
                file("part", mtime=1.5),
                entry("s", tarfile.SYMTYPE, link="x", mtime=1 << 61),
                directory("d", mtime=-1),
            ]
        ],
        CONTAINERD,
    ),
    "trusted attributes are not a layer's": Stack(
        [
            _BASE,
            [
                xattr(
                    xattr(directory("d", mode=0o711, uid=7, gid=8), "trusted.overlay.opaque", b"y"), "trusted.other", b"1"
                ),
                file("d/new"),
                xattr(file("g"), "trusted.overlay.redirect", b"/f"),
            ],
        ],
        CONTAINERD,
    ),
    "user attributes are for files and directories": Stack(
        [
            [
                xattr(file("f"), "user.a", b"\0b\xff"),
                xattr(directory("d"), "user.a", b"b"),
                xattr(symlink("s", "f"), "user.a", b"b"),
                xattr(fifo("p"), "user.a", b"b"),
            ]
        ],
        ALL,
    ),
    "attributes that nobody knows are left out": Stack(
        [
            [
                xattr(file("f"), "nobody.knows", b"b"),
                xattr(file("g"), "security.capability", _CAPABILITY),
                xattr(file("h"), "system.nothing", b"1"),
            ]
        ],
        ALL,
    ),
    "the mode says what an ACL allows": Stack(
        [
            [
                xattr(file("f", mode=0o777), "system.posix_acl_access", _USER_ACL),
                xattr(file("g", mode=0o777), "system.posix_acl_access", acl((1, 7, 0), (4, 5, 0), (32, 0, 0))),
            ]
        ],
        ALL,
    ),
    # With containerd and GNU tar what is unpacked inherits it.
    "a default ACL is for what a container makes": Stack(
        [
            [xattr(directory("d"), "system.posix_acl_default", _USER_ACL), file("d/f"), directory("d/e"), file("d/e/f")],
            [file("d/g"), directory("d/h")],
        ],
        NOBODY,
        needs_lower=True,
    ),
    # containerd's native snapshotter keeps what was there, as its overlay does within one layer.
    "a directory's entry says all of its attributes": Stack(
        [[xattr(directory("d"), "user.a", b"1"), file("d/f")], [xattr(directory("d", mode=0o700), "user.b", b"2")]],
        frozenset({OVERLAY}),
    ),
    "entries come twice": Stack(
        [
            [
                file("f", b"1", mode=0o600),
                directory("d", mode=0o700),
                file("d/x"),
                file("f", b"22", mode=0o640),
                directory("d", mode=0o750, uid=5),
            ]
        ],
        ALL,
    ),
    "odd names": Stack(
        [[file("./a"), file("b//c"), directory("e/"), file("e/../g"), directory("./"), file("/h")]], CONTAINERD
    ),
    "special files": Stack(
        [
            [
                fifo("p", 0o600),
                device("c", 1, 3),
                device("b", 7, 300, tarfile.BLKTYPE),
                directory("s", mode=0o3755),
                file("u", mode=0o6755),
            ]
        ],
        ALL,
    ),
    # -- parents --
    "parents nobody spoke of": Stack([[file("a/b/c")]], ALL),
    "missing parents are as they are below": Stack([_BASE, [file("d/sub/y"), file("d/new/z")]], ALL, needs_lower=True),
    # GNU tar cannot write below a symlink that leads nowhere yet.
    "a symlinked parent whose directory comes later": Stack(
        [[symlink("lib", "usr/lib"), file("lib/a"), directory("usr"), directory("usr/lib", mode=0o750), file("usr/lib/b")]],
        CONTAINERD,
    ),
    # GNU tar waits with symlinks that lead out of where they are.
    "parents that are symlinks of all kinds": Stack(
        [
            [
                directory("x/y"),
                symlink("a", "/x"),
                symlink("b", "x/../x/y"),
                symlink("x/up", ".."),
                file("a/1"),
                file("b/2"),
                file("x/up/3"),
                symlink("c", "a"),
                file("c/4"),
            ]
        ],
        CONTAINERD,
    ),
    # containerd's overlayfs does not follow here: see "a symlink below is followed".
    "a symlink to a directory below": Stack([_BASE, [symlink("l", "d"), file("l/new")]], ALL, needs_lower=True),
    # containerd's overlayfs makes a directory of it, which hides the symlink and all it led to.
    "a symlink below is followed": Stack(
        [[directory("usr/lib"), file("usr/lib/a"), symlink("lib", "usr/lib")], [file("lib/b")]],
        frozenset({NATIVE, TAR}),
        needs_lower=True,
    ),
    "a symlink is replaced by a directory": Stack(
        [[directory("x"), symlink("l", "x"), file("l/1"), directory("l"), file("l/2")]], CONTAINERD
    ),
    "a symlink that leads out stays inside": Stack([[symlink("l", "../../../e"), file("l/f")]], CONTAINERD),
    # -- whiteouts --
    "a file and a directory are gone": Stack(
        [_BASE, [file(".wh.f", b""), directory("d", mode=0o711), file("d/.wh.sub", b"")]], CONTAINERD
    ),
    "a deleted parent comes back new": Stack([_BASE, [file(".wh.d", b"")], [file("d/new")]], CONTAINERD, needs_lower=True),
    # containerd's overlayfs takes for missing what is a whiteout.
    "a deleted parent comes back in the same layer": Stack(
        [_BASE, [file(".wh.d", b""), file("d/new")]], frozenset({NATIVE}), needs_lower=True
    ),
    "a deleted directory comes back in the same layer": Stack(
        [_BASE, [file(".wh.d", b""), directory("d", mode=0o750), file("d/new")]], frozenset({NATIVE})
    ),
    # containerd's native snapshotter deletes what the same layer brought, its overlayfs refuses.
    "a whiteout after what the layer brings": Stack(
        [_BASE, [directory("d", mode=0o750), file("d/new"), file(".wh.d", b""), file("f", b"2"), file(".wh.f", b"")]], NOBODY
    ),
    # containerd's overlayfs looks through the opaque one.
    "an opaque directory is new below too": Stack(
        [_BASE, [directory("d", mode=0o711), file("d/.wh..wh..opq", b"")], [file("d/sub/y")]],
        frozenset({NATIVE}),
        needs_lower=True,
    ),
    "opaque before and after": Stack(
        [
            _BASE,
            [directory("d", mode=0o711), file("d/.wh..wh..opq", b""), file("d/a")],
            [directory("d", mode=0o711), file("d/b"), file("d/.wh..wh..opq", b""), file("d/c")],
        ],
        CONTAINERD,
    ),
    # The kernel looks for no mark on a root: containerd's overlayfs shows all.
    "an opaque root": Stack(
        [_BASE, [file("new"), directory("d", mode=0o755), file("d/y"), file(".wh..wh..opq", b""), file("later")]],
        frozenset({NATIVE}),
    ),
    "an opaque root that comes first": Stack(
        [_BASE, [file(".wh..wh..opq", b""), file("d/y"), file("later")]], frozenset({NATIVE}), needs_lower=True
    ),
    "a whiteout of the longest name": Stack([[file("n" * 255), file("f")], [file(f".wh.{'n' * 255}", b"")]], CONTAINERD),
    # containerd's overlayfs lists a name there that cannot be opened.
    "a whiteout of nothing": Stack([_BASE, [directory("n"), file("n/.wh.gone", b""), file("n/here")]], frozenset({NATIVE})),
    "a whiteout below an opaque directory": Stack(
        [
            _BASE,
            [
                directory("d", mode=0o711),
                file("d/.wh.old", b""),
                directory("d/sub"),
                file("d/sub/.wh.x", b""),
                file("d/.wh..wh..opq", b""),
            ],
        ],
        frozenset({NATIVE}),
    ),
    # To containerd's native snapshotter and GNU tar it is a device that happens to be numbered so.
    "a device 0/0 is a whiteout": Stack(
        [_BASE, [device("f", 0, 0), directory("d", mode=0o711), device("d/old", 0, 0)]], frozenset({OVERLAY})
    ),
    "whiteouts in the lowest layer": Stack(
        [[directory("d"), file("d/.wh.x", b""), file(".wh.y", b""), file("d/.wh..wh..opq", b""), file("d/f")]], CONTAINERD
    ),
    "marks of older union file systems": Stack([[file(".wh..wh.aufs", b""), directory("d"), file("d/f")]], CONTAINERD),
    # containerd makes files of it.
    "what older union file systems kept": Stack([[directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file("f")]], NOBODY),
    # -- one thing becomes another --
    "files and directories change places": Stack(
        [_BASE, [file("d", b"now a file"), directory("f", mode=0o700), file("f/x")], [directory("d"), file("d/again")]],
        CONTAINERD,
    ),
    # containerd's overlayfs shows again what the file had hidden.
    "a directory that was a file in the same layer": Stack(
        [_BASE, [file("d", b"a file"), directory("d", mode=0o700), file("d/new")]], frozenset({NATIVE})
    ),
    # containerd and GNU tar refuse what is below a file.
    "a file gives way to a directory": Stack([[file("f"), file("f/x")]], NOBODY),
    # -- hard links --
    "hard links in a layer": Stack(
        [
            [
                file("a"),
                hard_link("b", "a"),
                hard_link("c", "b"),
                directory("d"),
                hard_link("d/e", "c"),
                symlink("s", "a"),
                hard_link("t", "s"),
                fifo("p"),
                hard_link("q", "p"),
            ]
        ],
        ALL,
    ),
    "a hard link's target is replaced": Stack(
        [[file("a", b"1"), hard_link("b", "a"), file("a", b"2"), hard_link("c", "b")]], ALL
    ),
    "hard links through symlinks": Stack(
        [[directory("d"), file("d/f"), symlink("l", "d"), hard_link("l/g", "l/f"), hard_link("h", "/l/f")]], ALL
    ),
    # containerd's overlayfs finds no target there.
    "hard links to what is below": Stack(
        [
            [*_BASE, symlink("s", "f"), fifo("p", 0o600)],
            [
                hard_link("g", "f"),
                hard_link("d/h", "d/sub/x"),
                entry("q", tarfile.LNKTYPE, link="p", mode=0o600),
                hard_link("t", "s"),
            ],
        ],
        frozenset({NATIVE, TAR}),
        needs_lower=True,
    ),
    # containerd gives each name an owner, which ends capabilities.
    "a hard link to capabilities below": Stack(
        [[xattr(file("f", mode=0o755), "security.capability", _CAPABILITY)], [hard_link("g", "f")]],
        frozenset({TAR}),
        needs_lower=True,
    ),
}

REFUSED: dict[str, Stack] = {
    "a symlink that leads to itself": Stack([[symlink("l", "l"), file("l/f")]], CONTAINERD),
    "symlinks in a circle": Stack([[symlink("a", "b"), symlink("b", "a"), file("a/f")]], CONTAINERD),
    "a name of 300 bytes": Stack([[file("n" * 300)]], CONTAINERD),
    "a directory's name of 300 bytes": Stack([[file("n" * 300 + "/f")]], CONTAINERD),
    "a symlink to a name of 300 bytes": Stack([[symlink("l", "n" * 300), file("l/f")]], CONTAINERD),
    "NUL in a name": Stack([[entry("x", pax={"path": "a\0b"})]], CONTAINERD),
    "NUL in a target": Stack([[entry("x", tarfile.SYMTYPE, link="y", pax={"linkpath": "a\0b"})]], CONTAINERD),
    "a symlink to nothing": Stack([[symlink("l", "")]], CONTAINERD),
    "a symlink to 5000 bytes": Stack([[symlink("l", "t/" * 2500)]], CONTAINERD),
    "a hard link to itself": Stack([[file("a"), hard_link("a", "a")]], CONTAINERD),
    "a hard link to itself in other words": Stack(
        [[directory("d"), symlink("l", "d"), file("d/a"), hard_link("d/a", "l/a")]], CONTAINERD
    ),
    "a hard link to itself below": Stack([[file("a")], [hard_link("a", "a")]], CONTAINERD),
    "a hard link to what is below its own name": Stack([[file("d/x"), hard_link("d", "d/x")]], CONTAINERD),
    "a hard link to a directory": Stack([[directory("d"), hard_link("h", "d")]], CONTAINERD),
    "a hard link to a directory below": Stack([[directory("d")], [hard_link("h", "d")]], CONTAINERD),
    "a hard link to nothing": Stack([[hard_link("h", "nothing")]], CONTAINERD),
    "a hard link to what the layer deletes": Stack(
        [[file("f")], [file(".wh.f", b""), hard_link("h", "f")]], frozenset({NATIVE})
    ),
    "a hard link to what was deleted": Stack([[file("f")], [file(".wh.f", b"")], [hard_link("h", "f")]], CONTAINERD),
    "a hard link to the root": Stack([[hard_link("h", "/")]], CONTAINERD),
    "a whiteout of nothing at all": Stack([[file("a/.wh.", b"")]], CONTAINERD),
    "a whiteout of a dot": Stack([[file("a/.wh..", b"")]], CONTAINERD),
    "a whiteout of two dots": Stack([[file("a/.wh...", b"")]], CONTAINERD),
    # containerd makes a directory of that name.
    "something below a whiteout": Stack([[file(".wh.d/f")]], NOBODY),
    "an id that is none": Stack([[file("f", uid=(1 << 32) + 5)]], NOBODY),
    # containerd cuts the number off.
    "a device that is none": Stack([[device("c", 1 << 20, 1)]], NOBODY),
    "an attribute's name of 300 bytes": Stack([[xattr(file("f"), "user." + "a" * 300, b"1")]], CONTAINERD),
    "an attribute without a name": Stack([[xattr(file("f"), "user.", b"1")]], CONTAINERD),
    "capabilities that are none": Stack([[xattr(file("f"), "security.capability", b"nonsense")]], CONTAINERD),
    "an ACL that is none": Stack([[xattr(file("f"), "system.posix_acl_access", acl((1, 7, 0), (1, 7, 0)))]], CONTAINERD),
    "a default ACL on a file": Stack([[xattr(file("f"), "system.posix_acl_default", _USER_ACL)]], CONTAINERD),
    "a type nobody knows": Stack([[entry("x", b"Z")]], CONTAINERD),
}
