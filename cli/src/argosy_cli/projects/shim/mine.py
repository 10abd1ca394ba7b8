"""mine, a shim: a container's process runs in its image's root file system, and shares all the rest with the machine.

It isolates nothing: what the spec says of namespaces, mounts, capabilities and limits is left out, and there are no terminals.
"""

import contextlib
import json
import os
from typing import Any

from argosy.errors import Unimplemented
from argosy.kernel.mount import mount_all
from argosy.kernel.unmount import unmount_tree
from argosy.shim import lifecycle
from argosy.shim.local import Held, LocalContainer, LocalTasks, end_rooted
from argosy.shim.main import main
from argosy.shim.stdio import open_stdio

# `start`, the Task API, states, exits, events and stdio are the SDK's. Yours is what happens at Create, Start and Delete of one container.


class Mine(LocalContainer):
    def create(self) -> None:
        """Make the container up to where it waits for Start. What raises fails the call, and has to leave nothing behind."""
        if self.init.terminal:
            raise Unimplemented("this shim has no terminals; run it without one")
        with open(os.path.join(self.bundle, "config.json")) as file:
            self.spec = json.load(file)["process"]  # of the OCI runtime's specification; the rest is yours to use
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.rootfs, 0o711)
        mount_all(self.mounts, self.rootfs)
        try:
            self.init.ends = open_stdio(self.init.stdin, self.init.stdout, self.init.stderr, self.namespace, self.id)
            self.held = Held(self.init.ends.for_runtime(), self.become, self.spec["args"][0])
            self.init.ends.close_process_ends()
            self.init.adopt(self.held.pid)
        except BaseException:
            self.init.drain_and_close()
            unmount_tree(self.rootfs)
            raise

    def become(self) -> None:
        """In the new process, at Start: become the container's program."""
        # Change this to isolate: os.unshare (Python 3.12), a runtime of your own, a jail, a VM.
        user, env = self.spec["user"], dict(one.split("=", 1) for one in self.spec.get("env", []))
        os.chroot(self.rootfs)
        os.chdir(self.spec.get("cwd") or "/")
        os.setgroups(user.get("additionalGids") or [])
        os.setgid(user["gid"])
        os.setuid(user["uid"])
        os.execvpe(self.spec["args"][0], self.spec["args"], env)

    def start(self) -> None:
        self.start_held(self.held)

    def delete_init(self) -> None:
        """Take everything away that create has made."""
        lifecycle.move(self.init.status, "delete")
        self.held.close()
        end_rooted(self.rootfs)  # what the process has left behind
        self.init.drain_and_close()
        unmount_tree(self.rootfs)


class MineTasks(LocalTasks[Mine]):
    def make(self, request: Any) -> Mine:
        return Mine(self._namespace, request)


if __name__ == "__main__":
    main("io.containerd.mine.v1", MineTasks)
