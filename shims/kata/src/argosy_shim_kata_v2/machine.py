"""A VM as sandboxes and containers need it, whatever runs it. QEMU is the one there is; docs/kata.md says what others would take."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from argosy_shim_kata_v2.channel import Control, Streams


class Devices(Protocol):
    """What is plugged into a running VM. Methods raise Unknown in the VMM's words, Unavailable once it is gone."""

    def plug_disk(self, path: Path, serial: str, read_only: bool) -> None:
        """Plug in a file as a disk; the guest finds it by serial, of 20 characters at most. FailedPrecondition: no more room. Nothing is left of one that can't be."""

    def unplug_disk(self, serial: str) -> None:
        """Take a disk out; returns when the guest has let go of it. One that is not in is out. Raises DeadlineExceeded."""

    def plug_memory(self, size: int, shared: bool) -> None:
        """Plug in size bytes of memory, a multiple of 128 MiB; shared where files are."""

    def plug_share(self, socket: Path, tag: str) -> None:
        """Plug in the file system that virtiofsd serves at socket. The VM's memory must be shared."""

    def plug_network(self, tap: int, mac: str) -> None:
        """Plug in an interface that is the descriptor of a tap."""

    def plug_user_network(self, mac: str) -> None:
        """Plug in an interface to the VMM's own network: out to wherever its process can connect, and nothing in."""


class Machine(Protocol):
    """A running VM whose agent has been greeted."""

    control: Control
    streams: Streams
    pid: int
    folder: Path
    """Its own directory, which goes with it: sockets, and the disks of its containers."""
    kernel: str
    """The guest's release."""

    @property
    def devices(self) -> Devices: ...

    @property
    def lost(self) -> bool:
        """Whether it is gone, or as good as gone."""

    def facts(self) -> dict[str, str]:
        """What runs it: for people."""

    def lost_within(self, seconds: float) -> bool:
        """Wait for it to be lost; return whether it was."""

    def kill(self) -> None:
        """End it at once."""

    def end(self) -> None:
        """End it, and wait until it has gone: nothing of its files is in use any more."""

    def cleanup(self) -> None:
        """``end`` it, and take away its directory."""
