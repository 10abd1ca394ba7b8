"""Mounts as values: what a snapshotter hands out and a shim, a differ or a client performs."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Self

DETACHED: Final = "X-argosy.detached"
"""An overlay's upper directory whose lower layers are not known yet: for a differ, never to be mounted."""


class Mount(NamedTuple):
    """One mount: a file system type, a source, options as mount(8) takes them, and a path below the target."""

    type: str
    source: str
    options: tuple[str, ...] = ()
    target: str = ""

    @classmethod
    def from_wire(cls, mount: Any) -> Self:
        """Return the mount of a containerd.types.Mount, generated in either flavour."""
        return cls(mount.type, mount.source, tuple(mount.options), mount.target)

    def to_wire(self, cls: Any) -> Any:
        """Return the mount as cls, a generated containerd.types.Mount."""
        return cls(type=self.type, source=self.source, options=list(self.options), target=self.target)

    @property
    def read_only(self) -> bool:
        return "ro" in self.options

    def option(self, name: str) -> str | None:
        """Return the value of ``name=value`` among the options, or None."""
        prefix = name + "="
        for option in self.options:
            if option.startswith(prefix):
                return option[len(prefix) :]
        return None
