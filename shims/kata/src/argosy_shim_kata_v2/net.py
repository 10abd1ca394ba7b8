"""A pod's network: every interface of its namespace is mirrored to a tap, whose other end is the VM.

The guest's interface has the mirrored one's hardware address, addresses and routes, so that the maker of the namespace (CNI) sees
the pod where it put it. Both directions are ``tc`` filters (u32: not every kernel has matchall). The tap goes with the VM.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from argosy.errors import FailedPrecondition, NotFound, Unknown
from argosy.kernel.process import enter_network

_TUNSETIFF: Final = 0x400454CA
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_COMMAND_S: Final = 10.0
USER_MAC: Final = "52:54:00:12:34:56"
T = TypeVar("T")


@dataclass(frozen=True)
class Link:
    """An interface of the pod, and what the guest is to make of it. routes are the words of ``ip route add``."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    routes: tuple[tuple[str, ...], ...]


# What QEMU's own network gives its guest.
USER: Final = Link("eth0", USER_MAC, 1500, ("10.0.2.15/24",), (("default", "via", "10.0.2.2"),))


def within(namespace: str, work: Callable[[], T]) -> T:
    """Return what work returns, called in a thread that is in another network namespace. Raises NotFound, what work raises."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            enter_network(namespace)
            results.append(work())
        except BaseException as error:
            errors.append(error)

    # The thread ends in there; nothing else ever runs on it.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        if isinstance(errors[0], FileNotFoundError):
            raise NotFound(f"network namespace {namespace} does not exist") from None
        raise errors[0]
    return results[0]


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S)
    except FileNotFoundError:
        raise NotFound(f"{command[0]} is not installed; type: apt-get install -y iproute2") from None
    if done.returncode:
        raise Unknown(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _routes(rows: Sequence[dict[str, Any]], name: str) -> tuple[tuple[str, ...], ...]:
    """Return an interface's routes; those to a gateway come after those that lead to it."""
    found: list[tuple[str, ...]] = []
    for row in rows:
        if row.get("dev") != name or row.get("protocol") == "kernel" or row.get("type", "unicast") != "unicast":
            continue
        words = [str(row.get("dst", "default"))]
        if row.get("gateway"):
            words += ["via", str(row["gateway"])]
        found.append(tuple(words))
    return tuple(sorted(found, key=lambda words: "via" in words))


def _look() -> list[Link]:
    addresses = json.loads(_run("ip", "-j", "addr") or "[]")
    routes = json.loads(_run("ip", "-j", "route") or "[]") + json.loads(_run("ip", "-j", "-6", "route") or "[]")
    found = []
    for row in addresses:
        if row.get("link_type") != "ether" or "UP" not in row.get("flags", []):
            continue
        mine = tuple(
            f"{a['local']}/{a['prefixlen']}"
            for a in row.get("addr_info", [])
            if a.get("family") == "inet" or a.get("scope") == "global"
        )
        found.append(Link(row["ifname"], row["address"], row["mtu"], mine, _routes(routes, row["ifname"])))
    return found


def _tap(name: str) -> int:
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise FailedPrecondition(f"/dev/net/tun can't be opened: {error.strerror}; a pod's network needs it") from None
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _redirect(source: str, target: str) -> None:
    subprocess.run(["tc", "qdisc", "del", "dev", source, "ingress"], capture_output=True, timeout=_COMMAND_S)
    _run("tc", "qdisc", "add", "dev", source, "ingress")
    _run(
        *f"tc filter add dev {source} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev {target}".split()
    )


def join(namespace: str) -> list[tuple[Link, int]]:
    """Mirror every interface of a namespace to a tap of ours; return them with the taps' descriptors, ours to close.

    Raises NotFound, FailedPrecondition, Unknown; nothing is left then.
    """

    def work() -> list[tuple[Link, int]]:
        made: list[tuple[Link, int]] = []
        try:
            for number, link in enumerate(_look()):
                tap = f"argosy{number}"
                made.append((link, _tap(tap)))
                _run("ip", "link", "set", tap, "mtu", str(link.mtu), "up")
                _redirect(link.name, tap)
                _redirect(tap, link.name)
        except BaseException:
            for _, fd in made:
                os.close(fd)
            _unmirror()
            raise
        return made

    return within(namespace, work)


def _unmirror() -> None:
    for link in _look():
        subprocess.run(["tc", "qdisc", "del", "dev", link.name, "ingress"], capture_output=True, timeout=_COMMAND_S)


def leave(namespace: str) -> None:
    """Undo ``join``; the taps are gone with their descriptors. A namespace that is no longer there needs nothing."""
    try:
        within(namespace, _unmirror)
    except (NotFound, OSError, Unknown):
        pass  # its maker has taken it away
