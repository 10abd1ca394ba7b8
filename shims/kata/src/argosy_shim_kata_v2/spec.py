"""From the host's OCI spec to the guest's: what means something only on the host is left out, mounts are translated."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from argosy.errors import InvalidArgument, Unimplemented
from argosy.mounts import Mount

_BIND: Final = frozenset(("bind", "rbind"))
# The guest's kernel has its own; the host's must not be seen through them.
_GUESTS_OWN: Final = ("/proc", "/sys", "/dev")
_NOT_FOR_GUEST: Final = ("apparmorProfile", "selinuxLabel")
# What every crun takes: one that is older than the daemon refuses the daemon's version (1.2, 1.3) unread. A later version only adds
# fields, and crun reads fields by name, whatever the version says.
_GUEST_VERSION: Final = "1.0.2"


def network_namespace(spec: dict[str, Any]) -> str:
    """Return the path of the network namespace that a container is to have; "" for a new and empty one."""
    for namespace in (spec.get("linux") or {}).get("namespaces") or []:
        if namespace.get("type") == "network":
            return str(namespace.get("path") or "")
    return ""


def memory_limit(resources: object) -> int:
    """Return how much memory a container with these resources may use, in bytes; 0 where that is not limited."""
    memory = resources.get("memory") if isinstance(resources, dict) else None
    limit = memory.get("limit") if isinstance(memory, dict) else None
    return limit if isinstance(limit, int) and limit > 0 else 0


def _is_bind(mount: dict[str, Any]) -> bool:
    return mount.get("type") in _BIND or bool(_BIND.intersection(mount.get("options") or []))


def translate(
    spec: dict[str, Any], id: str, rootfs: str, share: Callable[[str, Mount], str], listen: Callable[[str, str], str]
) -> dict[str, Any]:
    """Return the spec for the runtime in the guest.

    rootfs is a path there; share makes a host file or directory visible and returns its path in the guest. Raises
    InvalidArgument, Unimplemented for what a VM can't be given.
    """
    if not isinstance(spec.get("process"), dict):
        raise InvalidArgument("the spec has no process")
    guest = {key: value for key, value in spec.items() if key not in ("hooks", "vm", "windows", "solaris")}
    guest["ociVersion"] = _GUEST_VERSION
    guest["root"] = {"path": rootfs, "readonly": bool((spec.get("root") or {}).get("readonly"))}
    guest["process"] = process(spec["process"])
    guest["mounts"] = []
    for number, mount in enumerate(spec.get("mounts") or []):
        if mount.get("type") == "uds":
            # Clients write rbind beside it: that is not what decides.
            path = listen(str(mount.get("destination") or ""), str(mount.get("source") or ""))
            options = _guest_options([str(o) for o in mount.get("options") or []])
            guest["mounts"].append({**mount, "type": "bind", "source": path, "options": options})
            continue
        if not _is_bind(mount):
            guest["mounts"].append(mount)
            continue
        source, options = str(mount.get("source", "")), [str(o) for o in mount.get("options") or []]
        if mount.get("destination") == "/dev/shm" or any(source == p or source.startswith(p + "/") for p in _GUESTS_OWN):
            guest["mounts"].append(_own(mount))
            continue
        if not os.path.isabs(source) or not os.path.exists(source):
            raise InvalidArgument(f'mount {mount.get("destination")}: its source "{source}" does not exist')
        kept = tuple(o for o in options if o in ("ro", "rbind", "bind", "nosuid", "nodev", "noexec"))
        path = share(f"m{number}", Mount("bind", os.path.realpath(source), kept or ("rbind",)))
        guest["mounts"].append({**mount, "type": "bind", "source": path, "options": _guest_options(options)})
    linux = dict(spec.get("linux") or {})
    for key in ("cgroupsPath", "intelRdt", "mountLabel", "uidMappings", "gidMappings"):
        linux.pop(key, None)
    # A VM is the pod's network already; a namespace with a path is one of the host's, and stands for sharing within the pod.
    linux["namespaces"] = [
        {"type": n["type"]}
        for n in linux.get("namespaces") or []
        if n.get("type") not in ("network", "user") and not n.get("path")
    ]
    devices = linux.pop("devices", None) or []
    # A privileged container is given all that the host has, which here is all that the guest has. One that names a device
    # wants that very one.
    if devices and not _all_devices(linux):
        raise Unimplemented(f"a VM can't be given the host's devices: {devices[0].get('path')}")
    interfaces = linux.pop("netDevices", None) or {}
    if interfaces:
        # The guest's crun is older than this field and would leave it out without a word.
        raise Unimplemented(f"a VM can't be given the host's network devices: {', '.join(sorted(interfaces))}")
    guest["linux"] = linux
    return guest


def _all_devices(linux: dict[str, Any]) -> bool:
    rules = (linux.get("resources") or {}).get("devices") or []
    return any(r.get("allow") and r.get("type", "a") in ("a", "") and r.get("major", -1) in (None, -1) for r in rules)


def process(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a process for the guest."""
    return {key: value for key, value in spec.items() if key not in _NOT_FOR_GUEST}


def _guest_options(options: list[str]) -> list[str]:
    """Return what still matters of a bind's options once the host has applied its own."""
    kept = [o for o in options if o in ("ro", "rw", "nosuid", "nodev", "noexec", "rprivate", "private", "rslave", "slave")]
    return ["rbind", *kept]


def _own(mount: dict[str, Any]) -> dict[str, Any]:
    destination = mount.get("destination")
    if destination == "/dev/shm":
        options = ["nosuid", "noexec", "nodev", "mode=1777"]
        return {"destination": destination, "type": "tmpfs", "source": "shm", "options": options}
    return {**mount, "type": "bind"}
