"""The directory that a VM sees of its host: one per VM, served by virtiofsd, with a folder for each container.

What is in it are mounts: a container's snapshot and its volumes. So nothing here is ever removed recursively: mounts are
undone, and what is left are empty directories and files that were mount points.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from argosy.errors import Unknown
from argosy.kernel.mount import mount_all
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import Mount

from argosy_shim_kata_v2.config import Config
from argosy_shim_kata_v2.processes import spawn

TAG: Final = "shared"
GUEST: Final = "/run/argosy/shared"
# What a container's folder has its root file system as.
ROOTFS: Final = "rootfs"
_SOCKET_WAIT_S: Final = 10.0
# __SO_ACCEPTCON, in proc(5)'s table of unix sockets.
_ACCEPTS: Final = 0x10000


class Share:
    """The shared directory and its virtiofsd. folder is the VM's own, for sockets and notes."""

    def __init__(
        self, config: Config, folder: Path, root: Path, on_process: Callable[[int], None], on_end: Callable[[], None]
    ) -> None:
        """Start virtiofsd. on_process hears its pid; on_end is called from a thread when it has ended. Raises Unknown."""
        self.root, self.socket = root, folder / "fs"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = f"source={root},cache=auto,sandbox=chroot,xattr,announce_submounts,modcaps=+mknod"
        self._process: subprocess.Popen[bytes] = spawn(
            [config.file_server(), f"--socket-path={self.socket}", "-o", options], folder, "virtiofsd"
        )
        on_process(self._process.pid)
        deadline = time.monotonic() + _SOCKET_WAIT_S
        while not listens(self.socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = " ".join((folder / "virtiofsd.log").read_text(errors="replace").split())
                raise Unknown(f"virtiofsd did not start: {said[-500:]}")
            time.sleep(0.003)
        threading.Thread(target=self._wait, args=(on_end,), daemon=True, name="virtiofsd").start()

    def _wait(self, on_end: Callable[[], None]) -> None:
        self._process.wait()
        on_end()

    def add(self, id: str, name: str, mounts: Sequence[Mount]) -> str:
        """Mount a list below the container's folder; return the mount point's path in the guest."""
        point = self.root / id / name
        source = Path(mounts[0].source) if len(mounts) == 1 and mounts[0].type in ("bind", "rbind", "none", "") else None
        point.parent.mkdir(exist_ok=True)
        if source is not None and not source.is_dir() and source.exists():
            point.touch()
        else:
            point.mkdir()
        mount_all(mounts, str(point))
        return f"{GUEST}/{id}/{name}"

    def remove(self, id: str) -> None:
        """Take a container's folder away."""
        remove_container(self.root / id)

    def close(self) -> None:
        """End virtiofsd and take everything away."""
        self._process.kill()
        self._process.wait(10)
        remove_root(self.root)


def listens(socket: Path) -> bool:
    """Return whether a process listens at socket, without a connection: a file server takes only one.

    A socket that is bound and not listened at yet is there, and refuses.
    """
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            fields = line.rstrip("\n").split(maxsplit=7)
            if fields[7:] == [str(socket)] and int(fields[3], 16) & _ACCEPTS:
                return True
    return False


def remove_container(folder: Path) -> None:
    """Unmount all that is in a container's folder, then remove the mount points and it."""
    unmount_tree(str(folder))
    with contextlib.suppress(FileNotFoundError):
        for point in list(folder.iterdir()):
            # A mount point that is still one is busy, and one that is not is empty: no file of a user can go here.
            with contextlib.suppress(OSError):
                point.rmdir() if point.is_dir() else point.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()


def remove_root(root: Path) -> None:
    """Take a VM's shared directory away with all that was mounted in it."""
    unmount_tree(str(root))
    with contextlib.suppress(FileNotFoundError):
        for folder in list(root.iterdir()):
            remove_container(folder)
        with contextlib.suppress(OSError):
            root.rmdir()
