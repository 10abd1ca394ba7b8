"""Mounts of FUSE file systems by mount.fuse3 and mount.fuse, which run a program that then serves the mount."""

from __future__ import annotations

import errno
import os
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.kernel.mount_table import mount_points
from argosy.mounts import Mount

# The helper of a type's prefix.
_HELPERS: Final = {"fuse3": "mount.fuse3", "fuse": "mount.fuse"}
# A helper runs what it is given as root. A plugin may be another user's, so its word is good for programs that are file systems only.
_PROGRAMS: Final = frozenset({"fuse-overlayfs", "nydus-overlayfs"})
# fuse-overlayfs loads these as code.
_CODE: Final = "plugins"
_HELPER_S: Final = 60.0
_SAID_BYTES: Final = 4096


def helper_of(kind: str) -> tuple[str, str] | None:
    """Return (helper, program) of a mount's type ``fuse3.PROGRAM`` or ``fuse.PROGRAM``; None for every other type."""
    prefix, _, program = kind.partition(".")
    return (_HELPERS[prefix], program) if program and prefix in _HELPERS else None


def mount_by_helper(helper: str, program: str, spec: Mount, target: str) -> None:
    """Have mount.fuse3 or mount.fuse mount spec; what it starts serves the mount until that is gone.

    Raises FailedPrecondition: the helper or the program is not there, it is none that may run, or it says no.
    """
    import subprocess  # slow to import, and shims seldom need these
    import tempfile
    from shutil import which

    if program not in _PROGRAMS:
        known = ", ".join(sorted(_PROGRAMS))
        raise FailedPrecondition(
            f'a mount of type "{spec.type}" would run {program} as root; of such programs only {known} may'
        )
    if spec.target.strip("/"):
        raise FailedPrecondition(f'a mount of type "{spec.type}" can\'t have a target of its own, "{spec.target}"')
    if any(part.partition("=")[0].strip() == _CODE for option in spec.options for part in option.split(",")):
        raise FailedPrecondition(f'a mount of type "{spec.type}" may not load code with the option "{_CODE}"')
    for name, package in ((helper, "fuse3" if helper == "mount.fuse3" else "fuse"), (program, program)):
        if which(name) is None:
            raise FailedPrecondition(f'a mount of type "{spec.type}" needs {name}, which is not on PATH; install {package}')
    options = [word for option in spec.options for word in ("-o", option)]
    before = _mounts_on(target)
    # No pipe: what goes on to serve the mount may keep it open.
    with tempfile.TemporaryFile() as said:
        try:
            code = subprocess.run(
                [helper, spec.source, target, *options, "-t", program],
                cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=_HELPER_S, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = errno.ETIMEDOUT
        # Its exit status may have been taken by who reaps orphans here, so the mount table has the last word.
        if _mounts_on(target) > before:
            return
        said.seek(0)
        words = said.read(_SAID_BYTES).decode("utf-8", "replace").strip()
    raise FailedPrecondition(f"{helper} could not mount {program} on {target} (code {code}): {words or 'without a word'}")


def _mounts_on(target: str) -> int:
    real = os.path.realpath(target)
    return sum(mounted.point == real for mounted in mount_points())
