"""Mounts as values: what a snapshotter hands out and a shim, a differ or a client performs, and which of them are refused.

Whoever performs mounts is root, and whoever names them need not be. ``check`` knows what may be asked for at all; it looks at
words only. ``check_answer`` also looks where the sources lie, for whoever passes a plugin's answer on.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from argosy.errors import FailedPrecondition
from argosy.recent import Recent

DETACHED: Final = "X-argosy.detached"
"""An overlay's upper directory whose lower layers are not known yet: for a differ, never to be mounted."""

# containerd's mount manager keeps at most 255 mounts of a list, and an overlay has at most 500 layers; an option is at most
# one such list of paths.
_MOUNTS: Final = 256
_OPTIONS: Final = 1024
_LAYERS: Final = 512
_BYTES: Final = 1 << 20
_PATH_BYTES: Final = 4095
_TYPE_BYTES: Final = 128

_BINDS: Final = frozenset({"bind", "rbind", "none", ""})
_ON_DISK: Final = frozenset({"btrfs", "erofs", "ext2", "ext3", "ext4", "squashfs", "xfs"})
# A file as a device: nothing but that, for a mount manager.
_LOOP: Final = "loop"
_FUSE: Final = re.compile(r"fuse3?\.[a-z0-9][a-z0-9_.-]*")
# What comes before the type, in the order in which containerd's mount manager is to do it.
_TRANSFORMERS: Final = frozenset({"format", "mkdir", "mkfs"})
_PLACEHOLDER: Final = re.compile(r"\{\{ *(?:mount|source|target|overlay)(?: +\d+){1,2} *\}\}")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:@-]*")
_DATASET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_.:@-]+)*")

# Not among them: remount, which changes what is there, and shared, which lets a container's mounts out.
_FLAGS: Final = frozenset({
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "lazytime", "loop", "mand", "noatime", "nodev",
    "nodiratime", "noexec", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "private", "rbind", "relatime", "ro",
    "rprivate", "rslave", "rw", "slave", "strictatime", "suid", "sync", "unbindable",
})  # fmt: skip
_SECURITY: Final = frozenset({"context", "defcontext", "fscontext", "rootcontext"})
_MAPS: Final = frozenset({"gidmap", "uidmap"})
_OVERLAY: Final = frozenset({
    DETACHED, "datadir+", "fsync", "index", "lowerdir", "lowerdir+", "metacopy", "nfs_export", "redirect_dir", "upperdir",
    "userxattr", "uuid", "verity", "volatile", "workdir", "xino",
})  # fmt: skip
_DISK_OPTIONS: Final = frozenset({
    "acl", "allocsize", "attr2", "autodefrag", "barrier", "block_validity", "cache_strategy", "commit", "compress",
    "compress-force", "data", "data_err", "dax", "degraded", "delalloc", "device", "direct-io", "discard", "domain_id", "errors",
    "fsid", "fsoffset", "gquota", "grpid", "ikeep", "init_itable", "inode64", "largeio", "logbsize", "logbufs", "max_batch_time",
    "noacl", "noattr2", "nobarrier", "nodatacow", "nodatasum", "nodelalloc", "nodiscard", "nogrpid", "noikeep", "noinit_itable",
    "noload", "nologreplay", "noquota", "norecovery", "nossd", "nouser_xattr", "nouuid", "pquota", "prjquota", "quota", "rescue",
    "space_cache", "ssd", "stripe", "subvol", "subvolid", "sunit", "swalloc", "swidth", "threads", "uquota", "user_subvol_rm_allowed",
    "user_xattr", "usrquota",
})  # fmt: skip
_TMPFS: Final = frozenset({"gid", "huge", "inode32", "inode64", "mode", "mpol", "nr_blocks", "nr_inodes", "size", "uid"})
_MANAGED: Final = {
    "mkdir": frozenset({"X-containerd.mkdir.path"}),
    "mkfs": frozenset({"X-containerd.mkfs.fs", "X-containerd.mkfs.size", "X-containerd.mkfs.uuid"}),
    "erofs": frozenset({"X-containerd.dmverity"}),
}
# Values that begin with a slash, and are no path on this machine.
_INSIDE: Final = frozenset({"subvol"})
_LISTS: Final = frozenset({"lowerdir", "lowerdir+", "datadir+"})

# Without declared roots, a source here is never a snapshot, whoever its owner is.
_SYSTEM: Final = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr")


class Mount(NamedTuple):
    """One mount: a file system type, a source, options as mount(8) takes them, and a path below the target."""

    type: str
    source: str
    options: tuple[str, ...] = ()
    target: str = ""

    @classmethod
    def from_wire(cls, mount: Any) -> Self:
        """Return the mount of a containerd.types.Mount, generated in either flavour."""
        return cls(mount.type, mount.source, tuple(mount.options), mount.target)

    def to_wire(self, cls: Any) -> Any:
        """Return the mount as cls, a generated containerd.types.Mount."""
        return cls(type=self.type, source=self.source, options=list(self.options), target=self.target)

    @property
    def read_only(self) -> bool:
        return "ro" in self.options

    @property
    def takes_no_layer(self) -> bool:
        """Whether nobody can write to it, by its words: EROFS, ``ro``, an overlay without an upper directory.

        Clients take a snapshot whose last mount is such a one for a layer that is there already, and fetch none (containerd from 2.4 on).
        """
        options = {option for text in self.options for option in text.split(",")}
        kind = self.type.rsplit("/", 1)[-1]
        if kind == "erofs" or "ro" in options:
            return True
        return kind == "overlay" and not any(option.startswith("upperdir=") for option in options)

    def option(self, name: str) -> str | None:
        """Return the value of ``name=value`` among the options, or None."""
        prefix = name + "="
        for option in self.options:
            if option.startswith(prefix):
                return option[len(prefix) :]
        return None


def needs_manager(mounts: Sequence[Mount]) -> bool:
    """Return whether some of a list have to be prepared, or made, before the rest can be mounted: something stands before a type, or it is a loop device."""
    return any("/" in mount.type or mount.type == _LOOP for mount in mounts)


def check(mounts: Sequence[Mount], more: Collection[str] = ()) -> None:
    """Refuse mounts that nobody may ask for: by type, options, number and size, and by paths that lead elsewhere.

    more are types and names of options that are allowed besides. Looks at words only; that a target stays where it belongs when
    symlinks come in, ``kernel.mount_target`` sees to. Raises FailedPrecondition, which names the mount and the rule.
    """
    for _ in _sources(mounts, more):
        pass


def check_answer(
    mounts: Sequence[Mount], roots: Sequence[Path | Root] | None, server_uid: int, more: Collection[str] = (),
    others: Collection[Path] = (), right: Recent[Any, bool] | None = None,
) -> None:  # fmt: skip
    """Refuse what a plugin may not hand out: what ``check`` refuses, and sources that are not its own.

    With roots, every source lies beneath one of them, symlinks followed. Roots that are not there for this process (a plugin in
    a mount namespace of its own) are compared by name. Without (None), the directory that a source lies in belongs to server_uid,
    who serves the plugin; it is not the source's own owner that counts, because a container may give its root directory to
    anybody. It is none of ``others``, directories of the mesh and of its other plugins, nor in or above one. A disk is a block
    device of server_uid, and not the one that this machine runs from.

    What a plugin does to its own directory after it has answered is seen by nobody: this keeps it to its directories, not from them. So
    sources beneath roots that were found right may be kept in ``right``, and are not looked at again.

    Blocks on the file systems that hold the sources, which may be the plugin's own (FUSE): call it in a thread, with a deadline.
    Raises FailedPrecondition, which names the mount, the rule and what an operator can do.
    """
    sources = list(_sources(mounts, more))
    if roots is None:
        for name, path, made_later in sources:
            _check_owner(name, os.path.dirname(path) if made_later else path, server_uid, others)
        return
    known = [root if isinstance(root, Root) else Root(root) for root in roots]
    for name, path, made_later in sources:
        looked_at = os.path.dirname(path) if made_later else path
        if right is None or right.get(looked_at) is None:
            _check_root(name, looked_at, known)
            if right is not None:
                right.put(looked_at, True)


def _check_root(name: str, path: str, roots: Sequence[Root]) -> None:
    for root in roots:
        if not root.names(path):
            continue
        if real := root.real():
            try:
                why = "" if _below(real, _where(path)) else "a symlink leads out of it"
            except OSError as error:
                why = str(error.strerror)
            if why:
                raise FailedPrecondition(
                    f"{name} does not lie beneath {root.path}, the plugin's root ({why}); "
                    "if a symlink in it is right, add where it leads to `roots`"
                )
        return
    told = ", ".join(root.path for root in roots) or "none at all"
    raise FailedPrecondition(
        f"{name} is outside of the plugin's roots ({told}); if it belongs to the plugin, add its directory to `roots`"
    )


class Root:
    """A directory that a plugin has declared, under both of its names: as it was written, and where it lies."""

    def __init__(self, path: Path) -> None:
        self.path = os.path.normpath(path)
        self._real = ""

    def real(self) -> str:
        """Return where it lies, or "" when it is not there for this process. Where it was found it is taken to stay."""
        if not self._real:
            with suppress(OSError):
                self._real = _where(self.path)
        return self._real

    def names(self, path: str) -> bool:
        """Return whether path is a name in the root. Compares words."""
        if "//" in path or "/." in path or path.endswith("/"):
            path = os.path.normpath(path)
        return _below(self.path, path) or _below(self.real() or os.path.realpath(self.path), path)


def _below(root: str, path: str) -> bool:
    return path.startswith(root) and (len(path) == len(root) or root.endswith("/") or path[len(root)] == "/")


def _where(path: str) -> str:
    """Return where a path leads, all symlinks followed; nothing is opened. Raises OSError."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def _check_owner(name: str, path: str, uid: int, others: Collection[Path]) -> None:
    remedy = "a plugin that serves it declares it with `roots`"
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            real = os.readlink(f"/proc/self/fd/{fd}")
            if real.startswith("/dev/"):
                info = os.fstat(fd)
                if not stat.S_ISBLK(info.st_mode) or info.st_uid != uid:
                    raise FailedPrecondition(f"{name} is no disk of user {uid}, who serves the plugin; {remedy}")
                if info.st_rdev == os.stat("/").st_dev:
                    raise FailedPrecondition(f"{name} is the disk that this machine runs from; {remedy}")
                return
        finally:
            os.close(fd)
        if real.count("/") < 2 or any(real == tree or real.startswith(tree + "/") for tree in _SYSTEM):
            raise FailedPrecondition(f"{name} is a directory of the system; {remedy}")
        for other in map(os.path.realpath, others):
            if os.path.commonpath((real, other)) in (real, other):
                raise FailedPrecondition(f"{name} reaches {other}, which is the mesh's or another plugin's; {remedy}")
        owner = os.stat(os.path.dirname(real)).st_uid
    except OSError as error:
        raise FailedPrecondition(f"{name} can't be looked at ({error.strerror}); {remedy}") from error
    if owner != uid:
        raise FailedPrecondition(
            f"{name} lies in a directory of user {owner}, and the plugin is served by user {uid}; {remedy}"
        )


def _sources(mounts: Sequence[Mount], more: Collection[str]) -> Iterator[tuple[str, str, bool]]:
    """Check the words of mounts; yield each path that is a source: what to call it, the path, whether it need not be there yet."""
    if len(mounts) > _MOUNTS:
        raise FailedPrecondition(f"{len(mounts)} mounts are more than the {_MOUNTS} that a list may have")
    size = sum(len(m.type) + len(m.source) + len(m.target) + sum(map(len, m.options)) + len(m.options) for m in mounts)
    if size > _BYTES:
        raise FailedPrecondition(f"a list of mounts of {size} bytes is larger than the {_BYTES} that it may have")
    for number, mount in enumerate(mounts):
        name = f'mount {number} (type "{mount.type[:_TYPE_BYTES]}")'
        if len(mount.options) > _OPTIONS:
            raise FailedPrecondition(f"{name} has {len(mount.options)} options, more than the {_OPTIONS} that one may have")
        if any("\0" in text for text in (mount.type, mount.source, mount.target, *mount.options)):
            raise FailedPrecondition(f"{name} has a NUL character in it")
        if len(os.fsencode(mount.target)) > _PATH_BYTES or ".." in mount.target.split("/"):
            raise FailedPrecondition(
                f'{name} has the target "{mount.target[:256]}", which leads out of the directory that it is for'
            )
        *transformers, kind = mount.type.split("/")
        formatted = "format" in transformers
        if len(mount.type) > _TYPE_BYTES or not _TRANSFORMERS.issuperset(transformers):
            raise FailedPrecondition(
                f"{name} is of a type that nothing here mounts; use one that stock snapshotters hand out"
            )
        bind = kind in _BINDS and (kind not in ("", "none") or not {"bind", "rbind"}.isdisjoint(mount.options))
        options = _options_of(kind, bind, transformers, more)
        if options is None:
            raise FailedPrecondition(
                f"{name} is of a type that nothing here mounts; use one that stock snapshotters hand out"
            )
        free = _FUSE.fullmatch(kind) is not None
        if bind or kind in _ON_DISK or kind == _LOOP or kind in more:
            if mount.source.startswith("/") or bind or kind in _ON_DISK or kind == _LOOP:
                yield from _path(f'{name}: source "{mount.source[:256]}"', mount.source, formatted, "mkfs" in transformers)
        elif kind == "zfs":
            if not _DATASET.fullmatch(mount.source) or ".." in mount.source.split("/"):
                raise FailedPrecondition(f'{name} has the source "{mount.source[:256]}", which is no name of a dataset')
        elif free and mount.source.startswith("/"):
            yield from _path(f'{name}: source "{mount.source[:256]}"', mount.source, formatted, False)
        elif not _WORD.fullmatch(mount.source):
            raise FailedPrecondition(f'{name} has the source "{mount.source[:256]}", and this type has none')
        for text in mount.options:
            for option in _split(text):
                yield from _option(name, option, options, free, formatted)


def _options_of(kind: str, bind: bool, transformers: Sequence[str], more: Collection[str]) -> frozenset[str] | None:
    """Return the names of options that a type may have, or None for a type that is none."""
    if bind:
        own: frozenset[str] = _MAPS
    elif kind == "overlay":
        own = _OVERLAY | _MAPS
    elif kind in _ON_DISK:
        own = _DISK_OPTIONS | _MAPS
    elif kind == "tmpfs":
        own = _TMPFS
    elif kind == _LOOP:
        own = frozenset({"direct-io"})
    elif kind == "zfs":
        own = frozenset({"zfsutil", "xattr", "noxattr"})
    elif _FUSE.fullmatch(kind):
        own = _OVERLAY | _MAPS
    elif kind in more and kind:
        own = frozenset()
    else:
        return None
    managed = [_MANAGED[word] for word in (*transformers, kind) if word in _MANAGED]
    return _FLAGS.union(own, _SECURITY, frozenset(more), *managed)


def _split(text: str) -> Iterator[str]:
    """Yield what mount(2) makes of one option: a comma parts two, unless it is escaped or within quotes."""
    if '"' not in text and "\\" not in text:
        yield from text.split(",")
        return
    begin, quoted, escaped = 0, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


def _option(
    mount: str, option: str, allowed: Collection[str], free: bool, formatted: bool
) -> Iterator[tuple[str, str, bool]]:
    """Check one option; yield the paths in it."""
    name, given, value = option.partition("=")
    if name not in allowed and not (free and given and re.fullmatch(r"[a-z0-9_.-]+", name)):
        raise FailedPrecondition(f'{mount} has the option "{name[:64]}", which nothing here mounts; take it out')
    if name in _INSIDE:
        return
    if name == "X-containerd.mkdir.path":
        value, made_later = value.split(":", 1)[0], True
    else:
        made_later = False
    if name in _LISTS:
        layers = [layer for layer in (re.split(r"(?<!\\):", value) if "\\" in value else value.split(":")) if layer]
        if len(layers) > _LAYERS:
            raise FailedPrecondition(f"{mount} has {len(layers)} layers, more than the {_LAYERS} that an overlay may have")
        for layer in layers:
            yield from _path(f'{mount}: {name} "{layer[:256]}"', _plain(layer), formatted, False)
    elif name in ("upperdir", "workdir", "device", "X-containerd.dmverity", "X-containerd.mkdir.path") or value.startswith(
        "/"
    ):
        yield from _path(f'{mount}: {name} "{value[:256]}"', _plain(value), formatted, made_later)


def _plain(text: str) -> str:
    """Return text without its escapes."""
    return re.sub(r"\\(.)", r"\1", text) if "\\" in text else text


def _path(name: str, path: str, formatted: bool, made_later: bool) -> Iterator[tuple[str, str, bool]]:
    """Check the words of a path; yield it if it is one of this machine's, and not below a mount that is made before."""
    if len(os.fsencode(path)) > _PATH_BYTES:
        raise FailedPrecondition(f"{name} is longer than a path may be")
    begins = _PLACEHOLDER.match(path) if formatted else None
    rest = path[begins.end() :] if begins else path
    if ".." in rest.split("/"):
        raise FailedPrecondition(f'{name} has ".." in it; name the path itself')
    if begins:
        if rest and not rest.startswith("/"):
            raise FailedPrecondition(f"{name} is not a path below a mount")
        return
    if not path.startswith("/"):
        raise FailedPrecondition(f"{name} is no absolute path")
    yield name, path, made_later
