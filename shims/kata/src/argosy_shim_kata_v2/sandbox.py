"""A pod's VM: started with its first container, ended with its last, watched in between."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argosy.errors import ArgosyError, DeadlineExceeded, Unavailable
from argosy.kernel.process import lives, start_time

from argosy_shim_kata_v2 import cgroup, launch, net, processes, spares, template
from argosy_shim_kata_v2.block import carry_back_all
from argosy_shim_kata_v2.config import Config, run_directory
from argosy_shim_kata_v2.machine import Machine
from argosy_shim_kata_v2.share import GUEST, TAG, Share, remove_container, remove_root

if TYPE_CHECKING:
    from argosy_shim_kata_v2.sockets import Sockets

NOTE: Final = "kata.json"
_PING_S: Final = 10.0
_SHARED_END_S: Final = 0.2
# What a guest can be given memory in: the block size of a Linux of less than 64 GiB.
_BLOCK_BYTES: Final = 128 << 20
# How long a guest may take to use memory that was plugged in; and when it has been waited for once.
_TAKES_S: Final = 20.0
_LATE_S: Final = 1.0


class Sandbox:
    """The VM of a pod, and the containers that are in it. There is at most one VM at a time.

    on_event and on_lost are called in threads of the VM: with what the agent tells, and with the reason when the VM has gone.
    """

    def __init__(self, on_event: Callable[[Mapping[str, Any]], None], on_lost: Callable[[str], None]) -> None:
        self._on_event, self._on_lost = on_event, on_lost
        self._lock = threading.Lock()
        self._limits: dict[str, int] = {}  # container, or the pod itself -> its memory limit in bytes; 0 for none
        self._plugged = 0  # bytes of memory that the VM was given for them
        self._taken = 0  # what of it the guest uses
        self._stop = threading.Event()
        self._why = ""
        self.machine: Machine | None = None
        self.share: Share | None = None
        self._sockets: Sockets | None = None
        self.config = Config()
        self._namespace = ""
        self._cgroup = ""
        self._name = ""

    def enter(self, id: str, bundle: str, config: Config, namespace: str, group: str = "", limit: int = 0) -> Machine:
        """Return the VM for one more container; it is started for the first.

        namespace is that of its network, group the path of its cgroup on the host; "" for none of either. limit is the most
        memory that the container may use, in bytes, 0 for no limit: the VM is given it in addition to what it has.

        What is noted in bundle is what ``clean`` needs.

        Raises what ``launch.start`` does, Unavailable when the pod's VM has been lost.
        """
        with self._lock:
            if self.machine is not None and self.machine.lost:
                if self._limits:
                    raise Unavailable(f"the pod's VM is gone: {self._why}")
                self._end()
            if self.machine is None:
                self._begin(bundle, config, namespace, group)
            else:
                self._note(bundle, self.machine.folder)
            self._limits[id] = limit
            assert self.machine is not None
            self._make_room(self.machine)
            return self.machine

    def set_limit(self, id: str, limit: int) -> None:
        """The memory limit of a container changes."""
        with self._lock:
            if id in self._limits and self.machine is not None:
                self._limits[id] = limit
                self._make_room(self.machine)

    def _make_room(self, machine: Machine) -> None:
        """Give the VM memory for the limits of its containers. What it has been given it keeps, for those that come later."""
        wanted = -(-sum(self._limits.values()) // _BLOCK_BYTES) * _BLOCK_BYTES
        # A limit of more than the host has is none.
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _BLOCK_BYTES * _BLOCK_BYTES
        more = min(wanted, most) - self._plugged
        try:
            if self._taken < self._plugged:
                self._take_in(machine, _LATE_S)
            if more > 0:
                machine.devices.plug_memory(more, self.share is not None)
                self._plugged += more
                self._take_in(machine, _TAKES_S)
        except ArgosyError as error:
            # The container's limit holds, and so does the guest's for all: it may be killed by the second before it comes to the first.
            missing = min(wanted, most) - self._taken
            print(f"the VM has no {missing >> 20} MiB more for memory limits: {error}", file=sys.stderr, flush=True)

    def _take_in(self, machine: Machine, wait_s: float) -> None:
        machine.control.call("grow", self.config.hang_timeout_s, size=self._plugged, wait_s=wait_s)
        self._taken = self._plugged

    def leave(self, id: str) -> None:
        """A container has gone. The last one takes the VM with it, so that its mounts can be undone."""
        with self._lock:
            self._limits.pop(id, None)
            if self._sockets is not None:
                self._sockets.remove(id)
            if not self._limits:
                self._end()
            elif self.share is not None:
                machine = self.machine
                if machine is not None and not machine.lost:
                    # The guest keeps what it has looked at open; asked to let go, it does.
                    with contextlib.suppress(ArgosyError):
                        machine.control.call("drop", self.config.hang_timeout_s)
                self.share.remove(id)

    def sockets(self) -> Sockets:
        """Return the sockets of the host that containers have. Raises Unavailable where there is no VM."""
        with self._lock:
            if self._sockets is None:
                from argosy_shim_kata_v2.sockets import Sockets  # few containers have any

                if self.machine is None:
                    raise Unavailable(f"the pod's VM is gone: {self._why}")
                self._sockets = Sockets(self.machine)
            return self._sockets

    def connect(self, id: str, number: object) -> None:
        """In the VM's thread: something in it has connected to a socket. Raises ValueError for what no agent of ours tells."""
        sockets = self._sockets  # whoever holds the lock may be waiting for this very thread
        if sockets is None:
            raise ValueError("a connection to a socket, of which there are none")
        sockets.connect(id, number)

    def drain_sockets(self, id: str) -> None:
        """Wait for what a container that has ended has sent to sockets of the host."""
        sockets = self._sockets
        if sockets is not None:
            sockets.drain(id)

    def _note(self, bundle: str, folder: Path) -> None:
        """Write into a bundle where its VM is and which shim has it: what ``clean`` needs."""
        scratch = os.path.join(bundle, f".{NOTE}")
        told = {
            "folder": str(folder),
            "shared": str(self._root),
            "network": self._namespace,
            "cgroup": self._cgroup,
            "shim": os.getpid(),
            "started": start_time(os.getpid()),
        }
        with open(scratch, "w") as file:
            json.dump(told, file)
        os.rename(scratch, os.path.join(bundle, NOTE))

    def _announce(self, bundle: str, name: str) -> None:
        """Name the VM that comes next. Before anything is there: a crash from here on leaves nothing that delete would not find."""
        self._name = name
        self._root = run_directory() / f"{name}.shared"
        self._note(bundle, run_directory() / name)

    def _admit(self, pid: int) -> None:
        if not self._cgroup:
            return
        try:
            cgroup.join(self._cgroup, pid)
        except OSError as error:
            print(f"process {pid} of the VM is not in the cgroup {self._cgroup}: {error}", file=sys.stderr, flush=True)

    def _start(self, bundle: str, config: Config, shares: bool) -> Machine:
        _sweep()
        spare = self._take_spare(bundle, config) if config.pool else None
        while True:
            if spare is None:
                self._announce(bundle, os.urandom(6).hex())
            name = self._name
            try:
                return launch.start(config, name, shares, self._on_event, partial(self._lost, name), self._admit, spare)
            except ArgosyError as error:
                if spare is None:
                    raise
                print(f"the spare VM {name} does not go on ({error}); another is made", file=sys.stderr, flush=True)
                spare = None

    def _take_spare(self, bundle: str, config: Config) -> processes.Adopted | None:
        """Take a spare VM out of the pool, if it has one; the process is its QEMU."""
        offer = spares.ask(config)
        if offer is None:
            return None
        spare = offer.spare
        try:
            self._announce(bundle, spare.folder.name)
            if not offer.claim():
                return None
        finally:
            offer.close()
        try:
            return processes.Adopted(spare.pid, spare.started)
        except ArgosyError:
            processes.discard(spare.folder)
            return None

    def _begin(self, bundle: str, config: Config, namespace: str, group: str) -> None:
        self._namespace = namespace if config.network in ("auto", "tap") else ""
        self._cgroup = group
        self._why = ""
        self._plugged = self._taken = 0
        self.config = config
        shares = config.shares()
        try:
            machine = self._start(bundle, config, shares)
        except BaseException:
            if self._cgroup:
                cgroup.leave(self._cgroup)
            raise
        try:
            if shares:
                self.share = Share(config, machine.folder, self._root, self._admit, lambda: self._share_lost(machine))
                machine.devices.plug_share(self.share.socket, TAG)
            links = self._plug_network(machine)
            if shares:
                storage = {"source": TAG, "fstype": "virtiofs", "target": GUEST, "options": []}
                machine.control.call("mounts", config.hang_timeout_s, storages=[storage])
            for link in links:
                machine.control.call(
                    "net",
                    config.hang_timeout_s,
                    mac=link.mac,
                    name=link.name,
                    addresses=list(link.addresses),
                    routes=[list(r) for r in link.routes],
                    mtu=link.mtu,
                )
        except BaseException:
            if self.share is not None:
                self.share.close()
                self.share = None
            machine.cleanup()
            self._leave_host()
            raise
        self.machine = machine
        self._stop = threading.Event()
        threading.Thread(target=self._watch, args=(machine, self._stop), daemon=True, name="watch").start()
        if config.pool:
            spares.start_pool(config)

    def _leave_host(self) -> None:
        """Give back what the VM was joined to on the host."""
        if self._namespace:
            net.leave(self._namespace)
        if self._cgroup:
            cgroup.leave(self._cgroup)

    def _plug_network(self, machine: Machine) -> list[net.Link]:
        if self.config.network == "user":
            machine.devices.plug_user_network(net.USER.mac)
            return [net.USER]
        if not self._namespace:
            return []
        joined = net.join(self._namespace)
        try:
            for link, tap in joined:
                machine.devices.plug_network(tap, link.mac)
        finally:
            # QEMU has its own by now.
            for _, tap in joined:
                os.close(tap)
        return [link for link, _ in joined]

    def _watch(self, machine: Machine, stop: threading.Event) -> None:
        """Ask the agent now and then whether it is there: a guest that hangs is as good as gone."""
        while not stop.wait(min(_PING_S, self.config.hang_timeout_s)) and not machine.lost:
            try:
                machine.control.call("hello", self.config.hang_timeout_s, version=0)
            except DeadlineExceeded:
                self._why = f"the guest did not answer for {self.config.hang_timeout_s:g} s"
                machine.kill()
                return
            except ArgosyError:
                return

    def _share_lost(self, machine: Machine) -> None:
        """Without its files no process of the guest goes on; better an exit than one that hangs."""
        # It ends with its VM too, and then the VM says why.
        if self.machine is machine and not machine.lost_within(_SHARED_END_S):
            self._why = "virtiofsd has ended"
        machine.kill()

    def _lost(self, name: str, why: str) -> None:
        if name != self._name:
            return  # an earlier VM's end, heard of late
        self._why = self._why or why
        machine = self.machine
        if machine is not None:
            machine.kill()
        self._on_lost(self._why)

    def _end(self) -> None:
        self._stop.set()
        machine, self.machine = self.machine, None
        share, self.share = self.share, None
        self._sockets = None
        if machine is not None:
            machine.end()
        if share is not None:
            share.close()
        if machine is not None:
            # Of containers that are still there; with the VM's directory go their disks.
            _carry_back(machine.folder)
            machine.cleanup()
            self._leave_host()

    def close(self) -> None:
        """End the VM and all containers in it."""
        with self._lock:
            self._limits.clear()
            self._end()


def _sweep() -> None:
    """End VMs that belong to no container and no living process: spares, and those that were booting for a template."""
    spares.sweep()
    template.sweep()


def _carry_back(folder: Path) -> None:
    try:
        carry_back_all(folder)
    except (ArgosyError, OSError) as error:
        print(f"what containers of the VM {folder.name} wrote is lost: {error}", file=sys.stderr, flush=True)


def clean(bundle: str, id: str) -> None:
    """Take away what a container of a dead shim has left: with the shim goes its VM. A living shim keeps its VM."""
    try:
        with open(os.path.join(bundle, NOTE)) as file:
            told = json.load(file)
        folder, root = Path(told["folder"]), Path(told["shared"])
        shim, started, namespace = int(told["shim"]), int(told["started"]), str(told["network"])
        group = str(told.get("cgroup", ""))  # a shim of before did not say
    except (OSError, ValueError, KeyError, TypeError):
        return  # it never came to a VM
    if lives(shim, started):
        remove_container(root / id)
        return
    processes.end_processes(folder)
    remove_root(root)
    if namespace:
        net.leave(namespace)
    if group:
        cgroup.leave(group)
    _carry_back(folder)
    processes.remove(folder)
    _sweep()
