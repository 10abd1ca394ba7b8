"""mount(2) and its younger siblings: performs the mounts that snapshotters hand out.

Options are those of mount(8). Besides flags and file system data these have a meaning here:

* ``loop``: the source is a file; a loop device is made for it, which goes with the mount
* ``uidmap=c:h:n`` / ``gidmap=c:h:n``: the source (or an overlay's lower layers) is mounted id-mapped
* an overlay whose options are longer than a page is mounted through the new mount API
* a type ``fuse3.NAME`` or ``fuse.NAME`` is mounted by ``mount.fuse3`` or ``mount.fuse``, which runs the program NAME

A mount's own target is a name in a tree that somebody else has written: it is looked up inside of that tree (openat2), and what
was found is mounted on by its descriptor. ``mount_all`` refuses what ``mounts.check`` does.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.kernel.libc import call, syscall
from argosy.kernel.path import open_in_root
from argosy.mounts import Mount, check

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_REMOUNT = 1, 2, 4, 8, 16, 32
MS_MANDLOCK, MS_DIRSYNC, MS_NOATIME, MS_NODIRATIME, MS_BIND = 64, 128, 1024, 2048, 4096
MS_REC, MS_SILENT, MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 16384, 32768, 1 << 17, 1 << 18, 1 << 19, 1 << 20
MS_RELATIME, MS_STRICTATIME = 1 << 21, 1 << 24
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8

_PROPAGATION: Final = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE
_FLAGS: Final[dict[str, tuple[bool, int]]] = {
    "async": (True, MS_SYNCHRONOUS), "atime": (True, MS_NOATIME), "bind": (False, MS_BIND), "defaults": (False, 0),
    "dev": (True, MS_NODEV), "diratime": (True, MS_NODIRATIME), "dirsync": (False, MS_DIRSYNC), "exec": (True, MS_NOEXEC),
    "mand": (False, MS_MANDLOCK), "noatime": (False, MS_NOATIME), "nodev": (False, MS_NODEV),
    "nodiratime": (False, MS_NODIRATIME), "noexec": (False, MS_NOEXEC), "nomand": (True, MS_MANDLOCK),
    "norelatime": (True, MS_RELATIME), "nostrictatime": (True, MS_STRICTATIME), "nosuid": (False, MS_NOSUID),
    "private": (False, MS_PRIVATE), "rbind": (False, MS_BIND | MS_REC), "relatime": (False, MS_RELATIME),
    "remount": (False, MS_REMOUNT), "ro": (False, MS_RDONLY), "rprivate": (False, MS_PRIVATE | MS_REC),
    "rshared": (False, MS_SHARED | MS_REC), "rslave": (False, MS_SLAVE | MS_REC), "rw": (True, MS_RDONLY),
    "shared": (False, MS_SHARED), "slave": (False, MS_SLAVE), "strictatime": (False, MS_STRICTATIME),
    "suid": (True, MS_NOSUID), "sync": (False, MS_SYNCHRONOUS),
}  # fmt: skip

_OPEN_TREE_CLONE, _AT_RECURSIVE, _AT_EMPTY_PATH, _MOVE_MOUNT_F_EMPTY_PATH = 1, 0x8000, 0x1000, 4
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6
_MOUNT_ATTR = {MS_RDONLY: 1, MS_NOSUID: 2, MS_NODEV: 4, MS_NOEXEC: 8}
_MOUNT_ATTR_IDMAP: Final = 0x00100000
_PAGE: Final = 4096
_LOOP_SET_FD, _LOOP_SET_STATUS64, _LOOP_CTL_GET_FREE, _LO_FLAGS_AUTOCLEAR = 0x4C00, 0x4C04, 0x4C82, 4
_CLONE_NEWUSER: Final = 0x10000000


# The helper of a type's prefix.
_HELPERS: Final = {"fuse3": "mount.fuse3", "fuse": "mount.fuse"}
# A helper runs what it is given as root. A plugin may be another user's, so its word is good for programs that are file systems only.
_PROGRAMS: Final = frozenset({"fuse-overlayfs", "nydus-overlayfs"})
# fuse-overlayfs loads these as code.
_CODE: Final = "plugins"
_HELPER_S: Final = 60.0
_SAID_BYTES: Final = 4096


class ParsedOptions(NamedTuple):
    """Options of one mount, taken apart."""

    flags: int = 0
    propagation: tuple[int, ...] = ()
    data: tuple[str, ...] = ()
    loop: bool = False
    uidmap: str = ""
    gidmap: str = ""


def parse_options(options: Sequence[str]) -> ParsedOptions:
    """Take mount(8) options apart: flags, propagation changes, file system data, and ours."""
    flags = 0
    propagation: list[int] = []
    data: list[str] = []
    loop = False
    maps = {"uidmap": "", "gidmap": ""}
    for option in options:
        name, _, value = option.partition("=")
        if option in _FLAGS:
            clear, bits = _FLAGS[option]
            if bits & _PROPAGATION:
                propagation.append(bits)
            elif clear:
                flags &= ~bits
            else:
                flags |= bits
        elif option == "loop":
            loop = True
        elif name in maps and value:
            maps[name] = value
        elif name.startswith("X-containerd."):
            continue
        else:
            data.append(option)
    return ParsedOptions(flags, tuple(propagation), tuple(data), loop, maps["uidmap"], maps["gidmap"])


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    call(
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        os.fsencode(data) or None,
        path=target,
    )


class _Place:
    """Where a mount goes: a path that is ours, and a name below it that is not."""

    def __init__(self, path: str, below: str) -> None:
        self.path, self._below = path, below.strip("/")

    @contextmanager
    def found(self) -> Iterator[str]:
        """Yield the place as a path for one system call, with what has been mounted on it. Raises OSError, InvalidArgument."""
        if not self._below:
            yield self.path
            return
        if ".." in self._below.split("/"):
            raise InvalidArgument(f'the mount target "{self._below}" leads out of {self.path}')
        root = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = open_in_root(root, self._below, os.O_PATH)
        finally:
            os.close(root)
        try:
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)

    def do(self, source: str, kind: str, flags: int, data: str) -> None:
        """Call mount(2)."""
        with self.found() as target:
            _mount(source, target, kind, flags, data)

    def undo(self) -> None:
        """Take the top mount away again. Raises OSError."""
        with self.found() as target:
            call("umount2", os.fsencode(target), ctypes.c_int(MNT_DETACH), path=self.path)


class Kernel:
    """The real thing."""

    def mount(self, spec: Mount, target: str) -> None:
        """Mount spec on target (a directory, or a file for a bind of a file), which is followed if it is a symlink.

        The target of spec is a name below it, and never anywhere else. Raises OSError, InvalidArgument, FailedPrecondition.
        """
        if "/" in spec.type:
            raise FailedPrecondition(f'a mount of type "{spec.type}" has to be prepared by a mount manager first')
        prefix, _, program = spec.type.partition(".")
        if program and prefix in _HELPERS:
            _mount_by_helper(_HELPERS[prefix], program, spec, target)
            return
        place = _Place(target, spec.target)
        parsed = parse_options(spec.options)
        kind = spec.type
        bind = kind in ("bind", "rbind") or bool(parsed.flags & MS_BIND)
        if parsed.uidmap or parsed.gidmap:
            self._mount_idmapped(spec, parsed, place)
        elif bind:
            place.do(spec.source, "bind", MS_BIND | parsed.flags & MS_REC, "")
        elif parsed.loop:
            self._mount_loop(spec, parsed, place)
        else:
            data = ",".join(parsed.data)
            if kind == "overlay" and len(data) >= _PAGE - 1:
                self._mount_overlay_by_parts(parsed, place)
            else:
                place.do(spec.source, kind, parsed.flags, data)
        try:
            # A bind ignores every other flag the first time.
            rest = parsed.flags & ~(MS_BIND | MS_REC)
            if bind and rest:
                place.do("", "", MS_BIND | MS_REMOUNT | rest, "")
            for change in parsed.propagation:
                place.do("", "", change, "")
        except BaseException:
            place.undo()
            raise

    def unmount(self, target: str, flags: int = 0) -> None:
        """Unmount the top mount on target; symlinks are not followed. Raises OSError (EINVAL: not a mount point)."""
        call("umount2", os.fsencode(target), ctypes.c_int(flags | UMOUNT_NOFOLLOW), path=target)

    def _mount_loop(self, spec: Mount, parsed: ParsedOptions, place: _Place) -> None:
        with loop_device(spec.source, bool(parsed.flags & MS_RDONLY)) as device:
            place.do(device, spec.type, parsed.flags, ",".join(parsed.data))

    def _mount_overlay_by_parts(self, parsed: ParsedOptions, place: _Place) -> None:
        """Mount an overlay layer by layer: its options as one string would not fit a page."""
        context = syscall("fsopen", b"overlay", ctypes.c_uint(1))
        try:
            self._configure(context, "source", "overlay")
            for option in parsed.data:
                name, _, value = option.partition("=")
                if name == "lowerdir":
                    for layer in value.split(":"):
                        self._configure(context, "lowerdir+", layer)
                elif value:
                    self._configure(context, name, value)
                else:
                    syscall(
                        "fsconfig",
                        ctypes.c_int(context),
                        ctypes.c_uint(_FSCONFIG_SET_FLAG),
                        name.encode(),
                        None,
                        ctypes.c_int(0),
                    )
            syscall(
                "fsconfig",
                ctypes.c_int(context),
                ctypes.c_uint(_FSCONFIG_CMD_CREATE),
                None,
                None,
                ctypes.c_int(0),
                path=place.path,
            )
            attributes = sum(bit for flag, bit in _MOUNT_ATTR.items() if parsed.flags & flag)
            tree = syscall("fsmount", ctypes.c_int(context), ctypes.c_uint(1), ctypes.c_uint(attributes), path=place.path)
        finally:
            os.close(context)
        try:
            with place.found() as target:
                self._attach(tree, target)
        finally:
            os.close(tree)

    @staticmethod
    def _configure(context: int, key: str, value: str) -> None:
        syscall(
            "fsconfig", ctypes.c_int(context), ctypes.c_uint(_FSCONFIG_SET_STRING), key.encode(), os.fsencode(value),
            ctypes.c_int(0), path=value,
        )  # fmt: skip

    @staticmethod
    def _attach(tree: int, target: str) -> None:
        syscall(
            "move_mount", ctypes.c_int(tree), b"", ctypes.c_int(-100), os.fsencode(target),
            ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH), path=target,
        )  # fmt: skip

    def _mount_idmapped(self, spec: Mount, parsed: ParsedOptions, place: _Place) -> None:
        import tempfile  # slow to import, and shims seldom need it

        with user_namespace(parsed.uidmap, parsed.gidmap) as userns:
            if spec.type == "overlay":
                with tempfile.TemporaryDirectory(prefix="argosy-idmap-") as scratch:
                    self._overlay_on_mapped(parsed, place, scratch, userns)
                return
            tree = self._mapped_tree(spec.source, userns, bool(parsed.flags & MS_REC))
        try:
            with place.found() as target:
                self._attach(tree, target)
        finally:
            os.close(tree)

    def _overlay_on_mapped(self, parsed: ParsedOptions, place: _Place, scratch: str, userns: int) -> None:
        """Lower layers are mounted id-mapped beside the target for as long as mount(2) looks at them."""
        made: list[str] = []
        data: list[str] = []
        try:
            for option in parsed.data:
                name, _, value = option.partition("=")
                if name != "lowerdir":
                    data.append(option)
                    continue
                for n, layer in enumerate(value.split(":")):
                    layered = os.path.join(scratch, str(n))
                    os.mkdir(layered)
                    tree = self._mapped_tree(layer, userns, False)
                    try:
                        self._attach(tree, layered)
                    finally:
                        os.close(tree)
                    made.append(layered)
                data.append("lowerdir=" + ":".join(made))
            place.do("overlay", "overlay", parsed.flags, ",".join(data))
        finally:
            for layered in made:
                self.unmount(layered, MNT_DETACH)

    @staticmethod
    def _mapped_tree(source: str, userns: int, recursive: bool) -> int:
        flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
        tree = syscall("open_tree", ctypes.c_int(-100), os.fsencode(source), ctypes.c_uint(flags), path=source)
        attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_IDMAP, 0, 0, userns)
        try:
            how = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
            syscall(
                "mount_setattr", ctypes.c_int(tree), b"", ctypes.c_uint(how), ctypes.byref(attributes),
                ctypes.c_size_t(32), path=source,
            )  # fmt: skip
        except OSError:
            os.close(tree)
            raise
        return tree


def _mount_by_helper(helper: str, program: str, spec: Mount, target: str) -> None:
    """Have mount.fuse3 or mount.fuse mount spec; what it starts serves the mount until that is gone.

    Raises FailedPrecondition: the helper or the program is not there, it is none that may run, or it says no.
    """
    import subprocess  # slow to import, and shims seldom need these
    import tempfile
    from shutil import which

    if program not in _PROGRAMS:
        known = ", ".join(sorted(_PROGRAMS))
        raise FailedPrecondition(
            f'a mount of type "{spec.type}" would run {program} as root; of such programs only {known} may'
        )
    if spec.target.strip("/"):
        raise FailedPrecondition(f'a mount of type "{spec.type}" can\'t have a target of its own, "{spec.target}"')
    if any(part.partition("=")[0].strip() == _CODE for option in spec.options for part in option.split(",")):
        raise FailedPrecondition(f'a mount of type "{spec.type}" may not load code with the option "{_CODE}"')
    for name, package in ((helper, "fuse3" if helper == "mount.fuse3" else "fuse"), (program, program)):
        if which(name) is None:
            raise FailedPrecondition(f'a mount of type "{spec.type}" needs {name}, which is not on PATH; install {package}')
    options = [word for option in spec.options for word in ("-o", option)]
    before = _mounts_on(target)
    # No pipe: what goes on to serve the mount may keep it open.
    with tempfile.TemporaryFile() as said:
        try:
            code = subprocess.run(
                [helper, spec.source, target, *options, "-t", program],
                cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=_HELPER_S, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = errno.ETIMEDOUT
        # Its exit status may have been taken by who reaps orphans here, so the mount table has the last word.
        if _mounts_on(target) > before:
            return
        said.seek(0)
        words = said.read(_SAID_BYTES).decode("utf-8", "replace").strip()
    raise FailedPrecondition(f"{helper} could not mount {program} on {target} (code {code}): {words or 'without a word'}")


def _mounts_on(target: str) -> int:
    real = os.path.realpath(target)
    return sum(mounted.point == real for mounted in mount_points())


@contextmanager
def user_namespace(uidmap: str, gidmap: str) -> Iterator[int]:
    """Yield a descriptor of a user namespace with these maps (``container:host:size[,...]``).

    A forked child holds the namespace open while its maps are written. Raises InvalidArgument for a bad map.
    """
    uids, gids = _rows(uidmap or gidmap), _rows(gidmap or uidmap)
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # The child must not hold its own wake-up call open.
            os.close(go[1])
            call("unshare", ctypes.c_int(_CLONE_NEWUSER))
            os.write(ready[1], b"1")
            os.read(go[0], 1)
        finally:
            os._exit(0)
    try:
        os.close(go[0])
        os.close(ready[1])
        if os.read(ready[0], 1) != b"1":
            raise FailedPrecondition(
                "cannot make a user namespace for an id-mapped mount: they are forbidden here "
                "(sysctl user.max_user_namespaces), or this is a chroot"
            )
        for name, rows in (("uid_map", uids), ("gid_map", gids)):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write("".join(f"{c} {h} {n}\n" for c, h, n in rows))
        fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(go[1])
        os.close(ready[0])
        os.waitpid(pid, 0)
    try:
        yield fd
    finally:
        os.close(fd)


def maps_ids(path: str | os.PathLike[str]) -> bool:
    """Return whether directories there can be mounted id-mapped, beneath overlays, too (Linux 5.19). Takes some milliseconds.

    A path that is not there yet is taken for what is above it.
    """
    there = os.path.abspath(path)
    while not os.path.exists(there):
        there = os.path.dirname(there)
    version = [int(part) for part in re.findall(r"\d+", os.uname().release)[:2]]
    if os.geteuid() != 0 or version < [5, 19]:
        return False
    try:
        with user_namespace("0:100000:1000", "") as userns:
            os.close(Kernel._mapped_tree(there, userns, False))
    except (OSError, FailedPrecondition):
        return False  # no such mounts of this file system, or no user namespaces: in a chroot, or where they are forbidden
    return True


def _rows(text: str) -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = []
    for part in text.split(","):
        numbers = part.split(":")
        if len(numbers) != 3 or not all(n.isdigit() for n in numbers):
            raise InvalidArgument(f'id mapping "{text}" is not container:host:size[,...]')
        rows.append((int(numbers[0]), int(numbers[1]), int(numbers[2])))
    return rows


@contextmanager
def loop_device(path: str, read_only: bool) -> Iterator[str]:
    """Yield a loop device for path; the kernel frees it when the last mount of it goes."""
    backing = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
    try:
        while True:
            control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
            try:
                number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            finally:
                os.close(control)
            device = f"/dev/loop{number}"
            fd = os.open(device, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
            try:
                fcntl.ioctl(fd, _LOOP_SET_FD, backing)
            except OSError as error:
                os.close(fd)
                if error.errno == errno.EBUSY:
                    continue  # somebody took the free one first
                raise
            break
    finally:
        os.close(backing)
    try:
        info = bytearray(232)
        info[52:56] = (_LO_FLAGS_AUTOCLEAR | (1 if read_only else 0)).to_bytes(4, "little")
        fcntl.ioctl(fd, _LOOP_SET_STATUS64, bytes(info))
        yield device
    finally:
        os.close(fd)


KERNEL: Final = Kernel()


def mount_all(mounts: Sequence[Mount], target: str) -> None:
    """Perform mounts in order on target; those already made are undone when one fails.

    Raises FailedPrecondition for a list that ``mounts.check`` refuses, before anything is mounted.
    """
    check(mounts)
    done: list[Mount] = []
    try:
        for spec in mounts:
            KERNEL.mount(spec, target)
            done.append(spec)
    except BaseException:
        if any(spec.target for spec in done):
            unmount_list(done, target)
        else:
            for _ in done:
                KERNEL.unmount(target, MNT_DETACH)
        raise


def unmount_list(mounts: Sequence[Mount], target: str, flags: int = 0) -> None:
    """Undo ``mount_all``, and what else came to be mounted on target. Raises OSError."""
    if any(spec.target for spec in mounts):
        unmount_tree(target)
    else:
        unmount_all(target, flags)


def unmount_all(target: str, flags: int = 0) -> None:
    """Unmount everything stacked on target. A target that is no mount point, or missing, is fine."""
    while True:
        try:
            KERNEL.unmount(target, flags)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return
            if error.errno == errno.EBUSY and not flags & MNT_DETACH:
                flags |= MNT_DETACH
                continue
            raise


class Mounted(NamedTuple):
    """A row of mountinfo(5): where, which part of the file system, its type and source, options."""

    point: str
    root: str
    type: str
    source: str
    options: tuple[str, ...]
    super_options: tuple[str, ...]
    """Those of the file system; of a cgroup hierarchy, its controllers are among them."""


def _unescaped(field: str) -> str:
    if "\\" not in field:
        return field
    first, *rest = os.fsencode(field).split(b"\\")
    return os.fsdecode(first + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in rest))


def mount_points() -> Iterator[Mounted]:
    """Yield this namespace's mounts, the earliest first."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            before, _, after = line.rstrip("\n").partition(" - ")
            fields, (kind, source, options) = before.split(" "), after.split(" ", 2)
            yield Mounted(
                _unescaped(fields[4]),
                _unescaped(fields[3]),
                kind,
                _unescaped(source),
                tuple(fields[5].split(",")),
                tuple(options.split(",")),
            )


def answers_at_once(path: str) -> bool:
    """Return whether a path's file system is the kernel's own: no process and no network answers for it.

    By the mount table alone, so that nothing is asked that may not answer; symlinks are not followed.
    """
    path = os.path.abspath(path)
    nearest, kind = "", ""
    for mounted in mount_points():
        point = mounted.point.rstrip("/")
        if len(point) >= len(nearest) and (path == point or path.startswith(point + "/")):
            nearest, kind = point, mounted.type
    return not kind.startswith(("fuse", "nfs", "cifs", "smb", "9p", "virtiofs", "ceph", "afs"))


def mounts_below(prefix: str) -> list[str]:
    """Return the mount points at or below prefix, deepest last."""
    inside = prefix.rstrip("/") + "/"
    return [m.point for m in mount_points() if m.point == prefix or m.point.startswith(inside)]


def unmount_tree(prefix: str) -> None:
    """Unmount everything at or below prefix, deepest first, lazily where it is busy.

    The kernel's table has a place's own name: symlinks on the way to prefix are followed, prefix itself is not.
    """
    folder, name = os.path.split(prefix.rstrip("/"))
    prefix = os.path.join(os.path.realpath(folder), name)
    for point in sorted(set(mounts_below(prefix)), key=len, reverse=True):
        unmount_all(point)


@contextmanager
def temporary_mount(mounts: Sequence[Mount], read_only: bool = False) -> Iterator[str]:
    """Yield a directory on which mounts are performed; everything is gone afterwards.

    ``volatile`` is left out: the next mount of a volatile overlay is refused while its mark exists.
    """
    import tempfile  # the same

    place = tempfile.mkdtemp(prefix="argosy-mount-")
    cleaned = [_for_a_while(m, read_only and i == len(mounts) - 1) for i, m in enumerate(mounts)]
    try:
        mount_all(cleaned, place)
        try:
            yield place
        finally:
            unmount_list(cleaned, place)
    finally:
        os.rmdir(place)


def _for_a_while(spec: Mount, read_only: bool) -> Mount:
    options = [o for o in spec.options if o not in ("volatile", "fsync=volatile")]
    if read_only:
        if spec.type == "overlay":
            # A second overlay on the same upper directory is undefined; read it as the topmost lower layer.
            upper = spec.option("upperdir")
            lower = spec.option("lowerdir")
            options = [o for o in options if not o.startswith(("upperdir=", "workdir=", "lowerdir="))]
            layers = ":".join(x for x in (upper, lower) if x)
            options.append(f"lowerdir={layers}")
        else:
            options = ["ro" if o == "rw" else o for o in options]
            if "ro" not in options:
                options.append("ro")
    return Mount(spec.type, spec.source, tuple(options), spec.target)
