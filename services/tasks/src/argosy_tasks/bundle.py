"""Bundles: a container's directory while it has a task, laid out as containerd lays it out.

    <state>/<ns>/<id>/       0700   config.json, rootfs/, work ->, log (FIFO), shim-binary-path, bootstrap.json, gateway, mounts
    <root>/<ns>/<id>/        0711   the work directory

``config.json`` is written last: a bundle without it is of a create that did not get far.

The root of a container in a user namespace is nobody on the host, and goes to ``rootfs`` by its path before it is let in there.
Its bundle is 0710 with that root's group, and what is above, the mesh's state directory too, 0711 from then on: it can be passed,
and not listed; every other thing in it is closed by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from argosy import log
from argosy.errors import AlreadyExists, NotFound
from argosy.kernel.unmount import unmount_tree
from argosy.names import check_identifier
from argosy.rpc.sockets import closed_to

BINARY_FILE = "shim-binary-path"
BOOTSTRAP_FILE = "bootstrap.json"
GATEWAY_FILE = "gateway"
MOUNTS_FILE = "mounts"
# 2**32 - 1 means "leave it" to chown.
_NOBODY = 0xFFFFFFFF

logger = log.get("bundle")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The address of a running shim, and the version of the Task API that it speaks."""

    address: str
    version: int = 2
    protocol: str = "ttrpc"


@dataclass(frozen=True, slots=True)
class MappedRoot:
    """The host's user and group that the root of a container in a user namespace is."""

    uid: int
    gid: int


def mapped_root(config: bytes) -> MappedRoot | None:
    """Return who root is on the host, None in a container without a user namespace of its own, or in one whose map has no root."""
    if b"Mappings" not in config:
        return None
    try:
        linux = json.loads(config).get("linux") or {}
        maps = [linux.get(kind) or [] for kind in ("uidMappings", "gidMappings")]
        # Go leaves out what is 0.
        uid, gid = (next(row.get("hostID", 0) for row in rows if not row.get("containerID", 0)) for rows in maps)
    # A StopIteration in a generator arrives as a RuntimeError: no row is for root.
    except (ValueError, AttributeError, TypeError, RuntimeError):
        return None  # the runtime will say what is wrong with it
    fits = all(type(id) is int and 0 < id < _NOBODY for id in (uid, gid))
    return MappedRoot(uid, gid) if fits else None


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle on disk."""

    namespace: str
    id: str
    path: Path
    work: Path

    @classmethod
    def make(cls, state: Path, root: Path, namespace: str, id: str, config: bytes, gateway: str = "") -> Bundle:
        """Make a bundle; what is half made is removed on failure. Raises InvalidArgument, AlreadyExists.

        gateway is the uuid of the one that has the container's record; empty when it does not say.
        """
        check_identifier(id)
        self = cls(namespace, id, state / namespace / id, root / namespace / id)
        for parent in (self.path.parent, self.work.parent):
            parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        mapped = mapped_root(config)
        if mapped is not None:
            for parent in (self.path.parent, state, state.parent):
                parent.chmod(0o711)
        try:
            self.path.mkdir(mode=0o700)
        except FileExistsError:
            raise AlreadyExists(f"task {id}: bundle {self.path}") from None
        try:
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir(mode=0o711)
            (self.path / "rootfs").mkdir(mode=0o711)
            (self.path / "work").symlink_to(self.work)
            (self.path / GATEWAY_FILE).write_text(gateway)
            if mapped is not None:
                os.chown(self.path, -1, mapped.gid)
                self.path.chmod(0o710)
                # Whatever the process's umask, and though it is empty: where nothing is mounted on it, it is the root itself.
                (self.path / "rootfs").chmod(0o711)
                self._warn_of_closed(mapped)
            (self.path / "config.json").write_bytes(config)
        except BaseException:
            self.delete()
            raise
        return self

    def _warn_of_closed(self, mapped: MappedRoot) -> None:
        closed = closed_to(self.path / "rootfs", mapped.uid, mapped.gid)
        if closed is not None:
            logger.warning(
                "bundle.out_of_reach", id=self.id, directory=closed, uid=mapped.uid, gid=mapped.gid,
                remedy="let others pass it (chmod o+x), or use another state directory",
            )  # fmt: skip

    def remember_binary(self, binary: Path) -> None:
        (self.path / BINARY_FILE).write_text(str(binary))

    def remember(self, bootstrap: Bootstrap) -> None:
        """Write where the shim listens, in one piece: the next task manager adopts the shim by it."""
        data = {"version": bootstrap.version, "address": bootstrap.address, "protocol": bootstrap.protocol}
        scratch = self.path / f".{BOOTSTRAP_FILE}"
        scratch.write_text(json.dumps(data))
        scratch.rename(self.path / BOOTSTRAP_FILE)

    def recall(self) -> Bootstrap:
        """Return where the shim listens. Raises NotFound."""
        try:
            data = json.loads((self.path / BOOTSTRAP_FILE).read_text())
            return Bootstrap(str(data["address"]), int(data["version"]), str(data.get("protocol", "ttrpc")))
        except (FileNotFoundError, ValueError, KeyError):
            pass
        try:
            return Bootstrap((self.path / "address").read_text().strip())
        except FileNotFoundError:
            raise NotFound(f"bundle {self.path} does not say where its shim listens") from None

    def binary(self) -> str | None:
        """Return the shim binary this bundle was started with, or None."""
        try:
            return (self.path / BINARY_FILE).read_text().strip() or None
        except FileNotFoundError:
            return None

    def note_mounts(self) -> None:
        """Write that the daemon may have made mounts for this task's root file system, which are to be taken down with it."""
        (self.path / MOUNTS_FILE).touch()

    def has_mounts(self) -> bool:
        return (self.path / MOUNTS_FILE).exists()

    def shim_pid(self) -> str:
        """Return the process that the shim says it is, or nothing: not every shim does."""
        try:
            return (self.path / "shim.pid").read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def gateway(self) -> str:
        """Return the uuid of the gateway that had the container's record, or nothing when nobody said."""
        try:
            return (self.path / GATEWAY_FILE).read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def delete(self) -> None:
        """Unmount what is below and remove both directories. Safe to call twice."""
        remove(self.hide())

    def unmount(self) -> None:
        """Unmount what is below. Raises OSError."""
        unmount_tree(str(self.path / "rootfs"))

    def hide(self) -> list[Path]:
        """Unmount what is below and give the name up; return what is left to ``remove``. Safe to call twice."""
        self.unmount()
        hidden = []
        for path in (self.path, self.work):
            # A name with a dot is nobody's bundle, whatever happens before it is removed; ids have none in front.
            nameless = path.with_name(f".{path.name}.{time.time_ns()}")
            with contextlib.suppress(FileNotFoundError):
                path.rename(nameless)
                hidden.append(nameless)
        return hidden


def remove(hidden: Iterable[Path]) -> None:
    """Remove what ``Bundle.hide`` returned."""
    for path in hidden:
        shutil.rmtree(path, ignore_errors=True)


def bundles(state: Path, root: Path) -> Iterator[Bundle]:
    """Yield every bundle on disk; empty and hidden directories are removed."""
    if not state.exists():
        return
    for namespace in sorted(p for p in state.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in sorted(namespace.iterdir()):
            if path.name.startswith("."):
                unmount_tree(str(path))
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_dir():
                bundle = Bundle(namespace.name, path.name, path, root / namespace.name / path.name)
                if not os.listdir(path):
                    bundle.delete()
                    continue
                yield bundle
