"""What is plugged into a running VM, and taken out of it: disks, the file share, interfaces, memory.

Each but memory takes one of the slots that the VM was started with; memory has slots of its own, of which QEMU keeps account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from argosy.errors import ArgosyError, DeadlineExceeded, FailedPrecondition

from argosy_shim_kata_v2.shape import SLOTS

_UNPLUG_S: Final = 10.0


class Devices:
    """The devices of one VM. Methods may be called from any thread, and raise what ``Qmp.command`` does."""

    def __init__(self, command: Callable[..., Any]) -> None:
        """Command is ``Qmp.command``, or comes to it."""
        self._command = command
        self._lock = threading.Lock()
        self._free = list(range(SLOTS))
        self._slots: dict[str, int] = {}  # device -> its slot
        self._modules = 0  # of memory
        self._unplugging: dict[str, threading.Event] = {}  # device -> set when QEMU has let go of it

    def _slot(self, device: str) -> str:
        with self._lock:
            if not self._free:
                raise FailedPrecondition(f"a VM has room for {SLOTS} devices, and this one has them")
            self._slots[device] = self._free.pop(0)
            return f"port{self._slots[device]}"

    def unplugged(self, device: object) -> None:
        """QEMU has let go of a device: its event DEVICE_DELETED. The guest can cause one for any device, at any time."""
        if isinstance(device, str) and (waits := self._unplugging.pop(device, None)) is not None:
            waits.set()

    def _give_back(self, device: str) -> None:
        with self._lock:
            self._free.append(self._slots.pop(device))

    def plug_disk(self, path: Path, serial: str, read_only: bool) -> None:
        """Plug in a file as a disk; the guest finds it by serial (20 characters at most). Where that fails nothing is left of it."""
        node, device = f"n-{serial}", f"d-{serial}"
        slot = self._slot(device)
        file = {"driver": "file", "filename": str(path), "read-only": read_only, "locking": "off" if read_only else "auto"}
        disk = {"driver": "raw", "node-name": node, "read-only": read_only, "discard": "unmap", "file": file}
        try:
            self._command("blockdev-add", disk)
            try:
                self._command(
                    "device_add", {"driver": "virtio-blk-pci", "drive": node, "id": device, "serial": serial, "bus": slot}
                )
            except ArgosyError:
                self._command("blockdev-del", {"node-name": node})
                raise
        except ArgosyError:
            self._give_back(device)
            raise

    def unplug_disk(self, serial: str) -> None:
        """Take a disk out; returns when the guest has let go of it. One that is not plugged in is out.

        Raises DeadlineExceeded, Unknown, Unavailable.
        """
        device = f"d-{serial}"
        with self._lock:
            if device not in self._slots:
                return
        gone = self._unplugging[device] = threading.Event()
        self._command("device_del", {"id": device})
        if not gone.wait(_UNPLUG_S):
            raise DeadlineExceeded(f"the guest does not let go of disk {serial}")
        self._command("blockdev-del", {"node-name": f"n-{serial}"})
        self._give_back(device)

    def plug_memory(self, size: int, shared: bool) -> None:
        """Plug in size bytes of memory, a multiple of 128 MiB; the guest takes it in by and by. Shared as the VM's own is: see ``plug_share``."""
        with self._lock:
            number = self._modules = self._modules + 1
        kind = "memory-backend-memfd" if shared else "memory-backend-ram"
        self._command("object-add", {"qom-type": kind, "id": f"m{number}", "size": size, "share": shared})
        try:
            self._command("device_add", {"driver": "pc-dimm", "id": f"dimm{number}", "memdev": f"m{number}"})
        except ArgosyError:
            self._command("object-del", {"id": f"m{number}"})
            raise

    def plug_share(self, socket: Path, tag: str) -> None:
        """Plug in the file system that virtiofsd serves at socket. The VM's memory must be shared."""
        address = {"type": "unix", "data": {"path": str(socket)}}
        backend = {"type": "socket", "data": {"server": False, "addr": address}}
        self._command("chardev-add", {"id": f"c-{tag}", "backend": backend})
        device = f"f-{tag}"
        self._command(
            "device_add",
            {"driver": "vhost-user-fs-pci", "chardev": f"c-{tag}", "tag": tag, "id": device, "bus": self._slot(device)},
        )

    def plug_network(self, tap: int, mac: str) -> None:
        """Plug in an interface that is the descriptor of a tap."""
        name = f"e-{mac.replace(':', '')}"
        self._command("getfd", {"fdname": name}, fds=[tap])
        self._command("netdev_add", {"type": "tap", "id": name, "fd": name})
        self._command(
            "device_add",
            {"driver": "virtio-net-pci", "netdev": name, "id": f"i-{name}", "mac": mac, "bus": self._slot(name)},
        )

    def plug_user_network(self, mac: str) -> None:
        """Plug in an interface to QEMU's own network: out to wherever QEMU can connect, and nothing in."""
        self._command("netdev_add", {"type": "user", "id": "user"})
        self._command(
            "device_add",
            {"driver": "virtio-net-pci", "netdev": "user", "id": "i-user", "mac": mac, "bus": self._slot("user")},
        )
