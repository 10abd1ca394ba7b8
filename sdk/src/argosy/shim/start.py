"""A shim's command line: ``start``, ``delete`` and ``-info``, as containerd calls them.

    containerd-shim-NAME-v2 -namespace NS -address A -publish-binary P -id ID [-debug] start
    containerd-shim-NAME-v2 ... -bundle B delete
    containerd-shim-NAME-v2 -v | -info

``start`` prints where the shim listens: as text, as JSON for a daemon that says MAX_SHIM_VERSION, as a
BootstrapResult for one that sends BootstrapParams. Everything heavy is imported in the child, after the answer's fork.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argosy.shim.keeper import Keeper
    from argosy.shim.tasks import TaskService

try:
    # The interpreter's own: hashlib would load OpenSSL, 14 ms and a megabyte.
    from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore] # not in typeshed
except ImportError:
    from hashlib import sha256

_FLAGS: Final = ("namespace", "address", "publish-binary", "id", "bundle", "socket", "debug-socket")
_SWITCHES: Final = ("debug", "v", "version", "info")
_GROUPS: Final = ("io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id")
VERSION: Final = "0.1.0"
_STDIN_PARTS: Final = 64
# sun_path has 108 bytes, with a NUL.
_SOCKET_BYTES: Final = 107


def parse_flags(argv: list[str]) -> tuple[dict[str, str], str]:
    """Return (flags, action) of Go's flag syntax: -name value, -name=value, one or two dashes. Raises ValueError."""
    values: dict[str, str] = {}
    i = 0
    while i < len(argv) and argv[i].startswith("-"):
        name, equals, value = argv[i].lstrip("-").partition("=")
        i += 1
        if name in _SWITCHES:
            values[name] = value or "true"
        elif name in _FLAGS:
            if not equals:
                if i >= len(argv):
                    raise ValueError(f"flag needs an argument: -{name}")
                value = argv[i]
                i += 1
            values[name] = value
        else:
            raise ValueError(f"flag provided but not defined: -{name}")
    rest = argv[i:]
    return values, rest[0] if rest else ""


def group_of(bundle: str, id: str) -> str:
    """Return the id whose shim this container shares: that of its pod, or its own."""
    try:
        with open(os.path.join(bundle, "config.json")) as file:
            annotations = json.load(file).get("annotations") or {}
    except (OSError, ValueError):
        return id
    for key in _GROUPS:
        if annotations.get(key):
            return str(annotations[key])
    return id


def socket_path(directory: str, address: str, namespace: str, group: str) -> str:
    """Return the socket of a shim, by containerd's rule: the hash of its daemon, namespace and group."""
    parts = os.path.normpath("/".join(p for p in (address, namespace, group) if p))
    return os.path.join(directory, sha256(parts.encode()).hexdigest())


def answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def bootstrap_params(data: bytes, id: str, namespace: str) -> Any:
    """Return the BootstrapParams on standard input, or None when it holds options of the older form, or nothing.

    The two can't be told apart by shape; what names this very container is the newer one.
    """
    if not data:
        return None
    from argosy_protos._wire import DecodeError
    from argosy_protos.lean.containerd.runtime.bootstrap.v1 import BootstrapParams

    try:
        params = BootstrapParams.decode(data)
    except DecodeError:
        return None
    return params if params.instance_id == id and params.namespace == namespace else None


def answer_of(address: str, params: Any) -> bytes:
    """Return what start prints for a daemon of this age."""
    if params is not None:
        from argosy_protos.lean.containerd.runtime.bootstrap.v1 import BootstrapResult

        return BootstrapResult(version=3, address=address, protocol="ttrpc").encode()
    if os.environ.get("MAX_SHIM_VERSION"):
        version = min(3, int(os.environ["MAX_SHIM_VERSION"])) if os.environ["MAX_SHIM_VERSION"].isdigit() else 2
        return json.dumps({"version": max(2, version), "address": address, "protocol": "ttrpc"}).encode()
    return address.encode()


def read_stdin() -> bytes:
    """Return standard input when the daemon gives any; a terminal or /dev/null gives none."""
    parts: list[bytes] = []
    try:
        if not os.isatty(0):
            while (part := os.read(0, 65536)) and len(parts) < _STDIN_PARTS:
                parts.append(part)
    except OSError:
        pass  # closed: nothing was given
    return b"".join(parts)


def start(
    flags: dict[str, str],
    service: Callable[[], type[TaskService[Any]]],
    forked: tuple[Keeper, Callable[[int], None]] | None = None,
    *,
    kind: str = "",
) -> int:
    """Make the shim, or find the one of this group; print its address.

    service is called in the shim and imports what it needs there; kind keeps shims of different names apart where one
    group has both. The shim is a fork of this process. With forked, a keeper and who is to hear the exit code of ``start``, this process
    becomes the shim itself and does not return: a template has forked it for that.
    """
    bundle, id, namespace = os.getcwd(), flags.get("id", ""), flags.get("namespace", "")
    if not id or not namespace:
        print("shim start needs -id and -namespace", file=sys.stderr)
        return 1
    given = read_stdin()
    params = bootstrap_params(given, id, namespace)
    directory = (
        (params.socket_dir if params is not None else None)
        or os.environ.get("ARGOSY_SHIM_SOCKET_DIR")
        or "/run/containerd/s"
    )
    path = socket_path(directory, flags.get("address", ""), namespace, kind + group_of(bundle, id))
    if len(os.fsencode(path)) > _SOCKET_BYTES:
        print(
            f"the shim's socket {path} has {len(os.fsencode(path))} bytes, at most {_SOCKET_BYTES} can be; use a shorter directory",
            file=sys.stderr,
        )
        return 1
    address = f"unix://{path}"
    os.makedirs(directory, mode=0o700, exist_ok=True)
    answer = answer_of(address, params)
    if answers(path):
        _write_address(bundle, address)
        os.write(1, answer)
        return 0
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    listener.bind(path)
    os.umask(before)
    listener.listen(1024)
    pid = forked[0].pid if forked is not None else os.fork()
    if pid == 0:
        _become_daemon(listener, path, flags, bundle, service, None)
    if group := cgroup_of(given, params):
        try:
            # The keeper as well: later workers are its children.
            _join(group, [pid] if forked is None else [pid, os.getpid()])
        except OSError as error:
            print(
                f"the shim can't join the cgroup {group}: {error.strerror}; make it, or leave out shim_cgroup",
                file=sys.stderr,
            )
            listener.close()
            os.unlink(path)
            if forked is None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            return 1
    _write_address(bundle, address)
    with open(os.path.join(bundle, "shim.pid"), "w") as file:
        file.write(str(pid))
    os.write(1, answer)
    if forked is not None:
        keeper, told = forked
        told(0)
        _become_daemon(listener, path, flags, bundle, service, keeper)
    listener.close()
    return 0


def cgroup_of(given: bytes, params: Any) -> str:
    """Return the cgroup that runc's options ask for the shim itself, "" for none. given is the standard input, params what it holds if it is newer."""
    if not given:
        return ""
    from argosy_protos._wire import DecodeError
    from argosy_protos.lean.containerd.runc.v1 import Options
    from argosy_protos.lean.google.protobuf import Any as AnyMessage

    try:
        found = [one.value for one in params.extensions] if params is not None else [AnyMessage.decode(given)]
        for value in found:
            if value is not None and value.type_url.rpartition("/")[2] == "containerd.runc.v1.Options":
                return Options.decode(value.value).shim_cgroup
    except DecodeError:
        pass  # Create has the same options, and says what is wrong with them
    return ""


def _join(group: str, pids: list[int]) -> None:
    """Move processes into a cgroup, in each hierarchy that has it. Raises OSError: none has it, or it takes no process."""
    import errno

    from argosy.kernel.mount_table import mount_points

    parts = [part for part in group.split("/") if part]
    if ".." in parts:
        raise OSError(errno.EINVAL, "it leads out of the hierarchy")
    candidates = {os.path.join(one.point, *parts) for one in mount_points() if one.type in ("cgroup", "cgroup2")}
    there = sorted(path for path in candidates if os.path.isdir(path))
    if not parts or not there:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for path in there:
        with open(os.path.join(path, "cgroup.procs"), "w") as file:
            for pid in pids:
                file.write(f"{pid}\n")
                file.flush()  # the kernel takes one a write


def _write_address(bundle: str, address: str) -> None:
    """containerd 1.6 finds a running shim again by this file."""
    scratch = os.path.join(bundle, ".address")
    with open(scratch, "w") as file:
        file.write(address)
    os.rename(scratch, os.path.join(bundle, "address"))


def _become_daemon(
    listener: socket.socket,
    path: str,
    flags: dict[str, str],
    bundle: str,
    service: Callable[[], type[TaskService[Any]]],
    keeper: Keeper | None,
) -> None:
    """In the child: become a process of its own, without the daemon's session and pipes, then serve. Does not return."""
    code = 1
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        errors = null
        try:
            # The daemon reads this FIFO; without one, or without a reader, there is nobody to tell.
            errors = os.open(os.path.join(bundle, "log"), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            pass
        for target, source in ((0, null), (1, null), (2, errors)):
            os.dup2(source, target)
        # Whatever else we were born with is not ours to keep open, nor a container's to inherit.
        kept = {0, 1, 2, listener.fileno(), keeper.fileno() if keeper is not None else -1}
        for fd in {int(name) for name in os.listdir("/proc/self/fd")} - kept:
            try:
                os.close(fd)
            except OSError:
                continue  # the listing's own
        from argosy.shim.daemon import Identity, serve

        id, namespace, address = flags["id"], flags["namespace"], flags.get("address", "")
        identity = Identity(path, id, namespace, address, flags.get("publish-binary", ""))
        if keeper is not None:
            shown = [sys.argv[0], "-namespace", namespace, "-id", id, "-address", address]
            keeper.show(identity.name, shown, bundle)
        serve(listener, identity, service(), keeper)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def info(name: str, more: Callable[[bytes], Mapping[str, Any]] | None = None) -> int:
    """Say what this runtime is, to a daemon that asks with ``-info``.

    more returns what else a RuntimeInfo says, given the options on standard input. Raises what it raises.
    """
    from argosy_protos.lean.containerd.types import RuntimeInfo, RuntimeVersion

    given = read_stdin()
    told = RuntimeInfo(name=name, version=RuntimeVersion(version=VERSION), **(more(given) if more is not None else {}))
    os.write(1, told.encode())
    return 0


def main(
    name: str,
    start: Callable[[dict[str, str]], int],
    delete: Callable[[dict[str, str]], int],
    more: Callable[[bytes], Mapping[str, Any]] | None = None,
) -> None:
    """Run the verb of the command line, for the runtime of that name. Does not return."""
    try:
        flags, action = parse_flags(sys.argv[1:])
    except ValueError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    if "v" in flags or "version" in flags:
        print(f"{os.path.basename(sys.argv[0])}:\n  Version:  {VERSION}\n  Revision: argosy")
        raise SystemExit(0)
    if "info" in flags:
        raise SystemExit(info(name, more))
    if action == "start":
        raise SystemExit(start(flags))
    if action == "delete":
        raise SystemExit(delete(flags))
    print(f'unknown action "{action}"; use start or delete', file=sys.stderr)
    raise SystemExit(1)
