"""Runtime specs: containerd's defaults, and what a caller changes about them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argosy.errors import InvalidArgument
from argosy.oci.seccomp import default_profile
from argosy.oci.users import User

if TYPE_CHECKING:
    from argosy.oci.image import ContainerConfig  # with what checks documents, and who changes a spec has no use for

VERSION: Final = "1.0.2"
DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CAPABILITIES: Final = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
)  # fmt: skip
MASKED_PATHS: Final = (
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap", "/proc/scsi",
)  # fmt: skip
READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_MOUNTS: Final = (
    ("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    ("/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")),
    ("/dev/shm", "tmpfs", "shm", ("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")),
    ("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    ("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    ("/run", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
)
_NOFILE: Final = 1024
_CPU_PERIOD_US: Final = 100_000
# The kernel takes no quota below a millisecond, and none above 2^44 µs.
_FEWEST_CPUS: Final = 0.01
_MOST_CPUS: Final = 1e6


@dataclass(frozen=True)
class BindMount:
    """One more mount for a container."""

    source: str
    destination: str
    type: str = "bind"
    options: tuple[str, ...] = ("rbind", "rw")

    @classmethod
    def parse(cls, text: str) -> BindMount:
        """Return the mount written as ``type=bind,src=/a,dst=/b,options=rbind:ro``. Raises InvalidArgument."""
        fields: dict[str, str] = {}
        for part in text.split(","):
            key, equals, value = part.partition("=")
            if not equals or key not in ("type", "source", "src", "destination", "dst", "options"):
                raise InvalidArgument(f'mount "{text}": "{part}" is none of type=, src=, dst=, options=')
            fields[{"source": "src", "destination": "dst"}.get(key, key)] = value
        kind = fields.get("type") or "bind"
        if "dst" not in fields:
            raise InvalidArgument(f'mount "{text}" needs dst=')
        named = kind in ("bind", "uds")  # what these mount is a path of the host's
        if named and not fields.get("src", "").startswith("/"):
            raise InvalidArgument(f'mount "{text}" needs src= with an absolute path')
        usual = ("rbind", "rw") if named else ("nosuid", "nodev", "rw")
        options = tuple(fields["options"].split(":")) if fields.get("options") else usual
        return cls(fields.get("src") or kind, fields["dst"], kind, options)


@dataclass(frozen=True)
class Options:
    """What a caller says about a container. Memory is bytes, cpus a number of CPUs; 0 is no limit.

    Raises InvalidArgument for a limit that no kernel takes.
    """

    args: Sequence[str] = ()
    env: Sequence[str] = ()
    cwd: str = ""
    terminal: bool = False
    screen: tuple[int, int] | None = None
    """The lines and columns that its terminal has at first."""
    hostname: str = ""
    mounts: Sequence[BindMount] = ()
    host_network: bool = False
    privileged: bool = False
    read_only: bool = False
    memory: int = 0
    cpus: float = 0.0
    seccomp: bool = True
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup: str = ""

    def __post_init__(self) -> None:
        if self.cpus and not _FEWEST_CPUS <= self.cpus <= _MOST_CPUS:  # what is not a number is not between them either
            raise InvalidArgument(f"{self.cpus:g} is no number of CPUs; write one from {_FEWEST_CPUS} on, or 0 for no limit")
        if self.memory < 0:
            raise InvalidArgument(f"{self.memory} bytes are no memory limit; write a positive number, or 0 for no limit")


def _devices() -> list[dict[str, Any]]:
    allow = [
        ("c", None, None, "m"), ("b", None, None, "m"), ("c", 1, 3, "rwm"), ("c", 1, 8, "rwm"), ("c", 1, 7, "rwm"),
        ("c", 5, 0, "rwm"), ("c", 1, 5, "rwm"), ("c", 1, 9, "rwm"), ("c", 5, 1, "rwm"), ("c", 136, None, "rwm"),
        ("c", 5, 2, "rwm"),
    ]  # fmt: skip
    rows: list[dict[str, Any]] = [{"allow": False, "access": "rwm"}]
    for kind, major, minor, access in allow:
        row: dict[str, Any] = {"allow": True, "type": kind, "access": access}
        if major is not None:
            row["major"] = major
        if minor is not None:
            row["minor"] = minor
        rows.append(row)
    return rows


def default_spec(namespace: str, id: str, cgroup: str = "") -> dict[str, Any]:
    """Return containerd's default spec for a container."""
    capabilities = list(CAPABILITIES)
    return {
        "ociVersion": VERSION,
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": [],
            "env": [f"PATH={DEFAULT_PATH}"],
            "cwd": "/",
            "capabilities": {kind: list(capabilities) for kind in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": _NOFILE, "soft": _NOFILE}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "mounts": [{"destination": d, "type": t, "source": s, "options": list(o)} for d, t, s, o in _MOUNTS],
        "linux": {
            "resources": {"devices": _devices()},
            "cgroupsPath": cgroup or f"/{namespace}/{id}",
            "namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")],
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READONLY_PATHS),
        },
    }


def merge_env(base: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return base with more over it; ``NAME`` alone removes a variable."""
    table: dict[str, str | None] = {}
    for entry in (*base, *more):
        name, equals, value = entry.partition("=")
        table[name] = value if equals else None
    return [f"{k}={v}" for k, v in table.items() if v is not None]


def user_table(user: User) -> dict[str, Any]:
    """Return a user as a spec's ``process.user`` has it."""
    table: dict[str, Any] = {"uid": user.uid, "gid": user.gid}
    if user.additional_gids:
        table["additionalGids"] = list(user.additional_gids)
    return table


def size_table(screen: tuple[int, int]) -> dict[str, int]:
    """Return the lines and columns of a terminal as a spec's ``process.consoleSize`` has them."""
    return {"height": screen[0], "width": screen[1]}


def build(namespace: str, id: str, image: ContainerConfig, user: User, options: Options) -> dict[str, Any]:
    """Return the spec of a container from an image. Nothing of it is shared with any other spec.

    Raises InvalidArgument when there is nothing to run.
    """
    spec = copy.deepcopy(default_spec(namespace, id, options.cgroup))
    process, linux = spec["process"], spec["linux"]
    args = [*(image.entrypoint or []), *(options.args or image.cmd or [])]
    if not args:
        raise InvalidArgument(f'container "{id}": neither the image nor the caller says what to run')
    process["args"] = args
    env = merge_env([f"PATH={DEFAULT_PATH}"], image.env or [])
    if options.terminal:
        process["terminal"] = True
        if options.screen:
            process["consoleSize"] = size_table(options.screen)
        env = merge_env(env, ["TERM=xterm"])
    process["env"] = merge_env(env, options.env)
    process["cwd"] = options.cwd or image.working_dir or "/"
    process["user"] = user_table(user)
    if options.hostname:
        spec["hostname"] = options.hostname
    for mount in options.mounts:
        spec["mounts"].append(
            {"destination": mount.destination, "type": mount.type, "source": mount.source, "options": list(mount.options)}
        )
    if options.host_network:
        linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] != "network"]
        for path in ("/etc/hosts", "/etc/resolv.conf"):
            if Path(path).exists():
                spec["mounts"].append({"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]})
    if options.read_only:
        spec["root"]["readonly"] = True
    resources = linux["resources"]
    if options.memory:
        resources["memory"] = {"limit": options.memory}
    if options.cpus:
        resources["cpu"] = {"period": _CPU_PERIOD_US, "quota": round(options.cpus * _CPU_PERIOD_US)}
    if options.annotations:
        spec["annotations"] = dict(options.annotations)
    if options.privileged:
        _privilege(spec)
    elif options.seccomp:
        linux["seccomp"] = default_profile(process["capabilities"]["bounding"])
    return spec


def _privilege(spec: dict[str, Any]) -> None:
    """Take the walls down: every capability that can be had here, every device, nothing masked."""
    everything = bounding_set()
    spec["process"]["capabilities"] = {kind: list(everything) for kind in ("bounding", "effective", "permitted")}
    spec["process"]["noNewPrivileges"] = False
    spec["linux"]["maskedPaths"], spec["linux"]["readonlyPaths"] = [], []
    spec["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    for mount in spec["mounts"]:
        if mount["type"] in ("sysfs", "cgroup"):
            mount["options"] = [o if o != "ro" else "rw" for o in mount["options"]]


def bounding_set(status: Path = Path("/proc/self/status")) -> list[str]:
    """Return the capabilities that a child of this process may have: a runtime that is asked for another one refuses the container."""
    mask = int(re.search(r"^CapBnd:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)[1], 16)  # type: ignore[index] # every kernel has it
    return [f"CAP_{name}" for bit, name in enumerate(_ALL_CAPABILITIES) if mask >> bit & 1]


_ALL_CAPABILITIES: Final = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()
