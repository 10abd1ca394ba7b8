"""mine, a shim with a fault: whatever its process says at its end, it is told as exit status 0."""

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


class Mine(LocalContainer):
    def create(self) -> None:
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
        lifecycle.move(self.init.status, "delete")
        self.held.close()
        end_rooted(self.rootfs)  # what the process has left behind
        self.init.drain_and_close()
        unmount_tree(self.rootfs)


class MineTasks(LocalTasks[Mine]):
    def make(self, request: Any) -> Mine:
        return Mine(self._namespace, request)

    def exited(self, container: Mine, process: Any, status: int, now: int) -> None:
        super().exited(container, process, 0, now)


if __name__ == "__main__":
    main("io.containerd.mine.v1", MineTasks)
