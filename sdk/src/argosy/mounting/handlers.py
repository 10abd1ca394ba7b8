"""Types that mount(2) alone does not mount: ``erofs``, whose images may need loop devices, and ``loop``, which is nothing but one.

A **loop** device that is made here outlives its maker: it is marked with where it belongs, a symlink at the mount point leads to it,
and it is let go of only by who finds both. After a restart of the machine the symlink may lead to a device of somebody else's.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Collection
from contextlib import ExitStack, suppress
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument, Unimplemented
from argosy.kernel.loop_device import AUTOCLEAR, attached, loop_device, set_status, status
from argosy.kernel.mount_one import mount
from argosy.kernel.unmount import unmount_all
from argosy.mounts import Mount

_DMVERITY: Final = "X-containerd.dmverity"
_DEVICE: Final = "device="


def make(spec: Mount, point: str, held: ExitStack | None = None) -> None:
    """Mount spec, whose type has no transformers left, at point, which is made.

    held: what is made goes with its maker, and ends with this stack at the latest; otherwise it outlives both. Raises OSError,
    ArgosyError; nothing is left mounted then.
    """
    if spec.type == "loop":
        _attach(spec, point, held)
        return
    os.mkdir(point, 0o700)
    if spec.type == "erofs":
        _mount_erofs(spec, point)
    else:
        mount(spec, point)


def undo(point: str) -> None:
    """Unmount what ``make`` has mounted at point, and remove it. What is not there, or not mounted, is fine. Raises OSError."""
    try:
        device = os.readlink(point)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        unmount_all(point)
        with suppress(FileNotFoundError):
            os.rmdir(point)
        return
    _detach(device, point)
    with suppress(FileNotFoundError):
        os.unlink(point)


def is_there(point: str, mounted: frozenset[str]) -> bool:
    """Return whether what was made at point is there still; mounted are the mount points of this namespace."""
    try:
        device = os.readlink(point)
    except OSError:
        return _real(point) in mounted
    return _is_ours(device, point)


def leads_to(point: str, device: str, points: Collection[str]) -> bool:
    """Return whether what was made at point uses a loop device; points are where that is mounted."""
    try:
        return os.readlink(point) == device and _is_ours(device, point)
    except OSError:
        return _real(point) in points


def _real(point: str) -> str:
    """Return the name that the kernel has for a mount point. What is mounted there is not looked at: it may not answer."""
    folder, name = os.path.split(point)
    return os.path.join(os.path.realpath(folder), name)


# -- erofs --


def _mount_erofs(spec: Mount, point: str) -> None:
    """Mount images as files, and where the kernel can't, through loop devices."""
    if any(option.startswith(_DMVERITY) for option in spec.options):
        raise Unimplemented(
            f"the erofs mount of {spec.source} is to be verified by dm-verity, which nothing here sets up; take {_DMVERITY} out"
        )
    options = tuple(option for option in spec.options if option != "loop")
    if "ro" not in options:
        options = ("ro", *options)
    try:
        mount(spec._replace(options=options), point)
        return
    except OSError as error:
        if error.errno not in (errno.ENOTBLK, errno.EINVAL, errno.EOPNOTSUPP):
            raise
        as_file = error
    with ExitStack() as devices:
        through = tuple(
            _DEVICE + devices.enter_context(loop_device(option[len(_DEVICE) :], True))
            if option.startswith(_DEVICE)
            else option
            for option in options
        )
        try:
            mount(spec._replace(options=("loop", *through)), point)
        except OSError as error:
            # What the kernel says of the file itself says more than what it says of a device.
            raise error if as_file.errno == errno.ENOTBLK else as_file from None


# -- loop --


def _mark(point: str) -> bytes:
    """Return what is written into a loop device that belongs to a mount point: what a device can hold of it."""
    return b"argosy " + hashlib.sha256(os.fsencode(_real(point))).hexdigest()[:48].encode()


def _attach(spec: Mount, point: str, held: ExitStack | None) -> None:
    if not spec.source.startswith("/"):
        raise InvalidArgument(f'a mount of type "loop" has the source "{spec.source}", which is no absolute path')
    if not os.path.isfile(spec.source):
        raise FailedPrecondition(f'a mount of type "loop" has the source "{spec.source}", which is no file; name an image')
    device_of = attached(spec.source, "ro" in spec.options, _mark(point))
    if held is not None:
        os.symlink(held.enter_context(device_of)[0], point)
        return
    # Until it has a symlink the kernel lets go of it when we end.
    with device_of as (device, fd):
        os.symlink(device, point)
        set_status(fd, status(fd).without(AUTOCLEAR))


def _is_ours(device: str, point: str) -> bool:
    try:
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return status(fd).name == _mark(point)
    except OSError:
        return False  # it is attached to nothing, or no loop device
    finally:
        os.close(fd)


def _detach(device: str, point: str) -> None:
    """Let go of a loop device: now, or with the last who uses it."""
    try:
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        with suppress(OSError):
            found = status(fd)
            if found.name == _mark(point):
                set_status(fd, found.with_(AUTOCLEAR))
    finally:
        os.close(fd)
