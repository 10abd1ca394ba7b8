"""Devices that are being plugged in: waited for until the guest's kernel has them."""

from __future__ import annotations

import errno
import os
import time

from argosy_shim_kata_v2.guest.system import Failure, attribute, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

DEVICE_WAIT_S = 20.0


def disk(serial: str) -> Generator[None, int | None, str]:
    """Wait for the disk of that serial; return its device. The order of letters is not that of plugging in."""
    deadline = time.monotonic() + DEVICE_WAIT_S
    while True:
        for name in os.listdir("/sys/block"):
            try:
                if attribute(f"/sys/block/{name}/serial") == serial:
                    # A node may still be that of the disk before, or its disk not be ready.
                    os.close(os.open("/dev/" + name, os.O_RDONLY | os.O_CLOEXEC))
                    return "/dev/" + name
            except OSError:
                continue
        if time.monotonic() > deadline:
            raise Failure("failed", f"no disk {serial} appeared")
        yield None


def mount_share(tag: str, target: str, options: Sequence[str]) -> Generator[None, int | None, None]:
    """Mount the file share of that tag as soon as it is there; until then the kernel calls its name invalid."""
    deadline = time.monotonic() + DEVICE_WAIT_S
    while True:
        try:
            mount(tag, target, "virtiofs", options)
            return
        except OSError as error:
            if error.errno != errno.EINVAL or time.monotonic() > deadline:
                raise
        yield None


def reach(paths: Iterable[str]) -> None:
    """Have the kernel mount what the host has mounted at directories of the file share, in our mount namespace.

    Each is a file system of its own, which is mounted for who comes to it first and goes with the last mount of it. Were that a
    container's, its end would take the file system away while the kernel still reads ahead in it, which Linux 6.1 answers with a BUG.
    """
    for path in paths:
        if os.path.isdir(path):
            os.close(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))


def port(name: str) -> str:
    """Wait for the serial port of that name; return its device."""
    root = "/sys/class/virtio-ports"
    while True:
        for entry in os.listdir(root) if os.path.isdir(root) else ():
            if attribute(f"{root}/{entry}/name") == name and os.path.exists("/dev/" + entry):
                return "/dev/" + entry
        time.sleep(0.005)
