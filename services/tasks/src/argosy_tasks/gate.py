"""Refuses, or warns of, OCI runtimes that are too old: a version with a known way out of a container is told, or refused where that is wanted.

A distribution may have mended an old version without a new number; only whoever runs it can know that.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from argosy import log
from argosy.errors import FailedPrecondition, InvalidArgument
from argosy_protos._wire import DecodeError
from argosy_protos.containerd.runc.v1 import Options
from argosy_protos.google.protobuf import Any as AnyMessage

logger = log.get("tasks.runtime")

_ASK_S: Final = 10.0
_OPTIONS: Final = "containerd.runc.v1.Options"
_VERSION: Final = re.compile(r"^(runc|crun) version v?(\d+)\.(\d+)(?:\.(\d+))?(-rc\.?\d+|-dev|~rc\d+)?", re.MULTILINE)

# CVE -> the first mended version of each series, oldest first; what is newer than the last has it all. Those that lead out of a
# container, or to what is the host's. A final release is newer than its candidates.
_MENDED: Final[Mapping[str, Mapping[str, tuple[tuple[int, int, int], ...]]]] = {
    "runc": {
        "CVE-2019-5736": ((1, 0, 0),),
        "CVE-2021-30465": ((1, 0, 0),),
        "CVE-2024-21626": ((1, 1, 12), (1, 2, 0)),
        "CVE-2025-31133": ((1, 2, 8), (1, 3, 3), (1, 4, 0)),
        "CVE-2025-52565": ((1, 2, 8), (1, 3, 3), (1, 4, 0)),
        "CVE-2025-52881": ((1, 2, 8), (1, 3, 3), (1, 4, 0)),
        "CVE-2026-41579": ((1, 3, 6), (1, 4, 4), (1, 5, 0)),
    },
    "crun": {"CVE-2022-27650": ((1, 4, 4),), "CVE-2026-30892": ((1, 27, 0),)},
}
_REMEDY: Final = {
    "runc": "install runc 1.3.6, 1.4.4, 1.5.0 or newer, or check that your distribution has mended this one",
    "crun": "install crun 1.27 or newer, or check that your distribution has mended this one",
}


class Version(NamedTuple):
    """The version that a runtime binary prints."""

    name: str
    number: tuple[int, int, int]
    candidate: bool

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.number))}{' (a candidate)' if self.candidate else ''}"


def parse(said: str) -> Version | None:
    """Return what ``--version`` printed; None for a program that is neither runc nor crun."""
    found = _VERSION.search(said)
    if found is None:
        return None
    number = (int(found[2]), int(found[3]), int(found[4] or 0))
    return Version(found[1], number, found[5] is not None)


def open_holes(version: Version) -> list[str]:
    """Return the CVEs that a version has."""
    return [cve for cve, firsts in _MENDED[version.name].items() if not _is_mended(version, firsts)]


def _is_mended(version: Version, firsts: tuple[tuple[int, int, int], ...]) -> bool:
    for first in firsts:
        # Within a series its own first mended one counts; what is newer than the last series has it all.
        if version.number[:2] == first[:2] or (first == firsts[-1] and version.number > first):
            return version.number > first or (version.number == first and not version.candidate)
    return False


class Gate:
    """Asks each runtime binary once for its version, and again when it was replaced."""

    def __init__(self, required: bool, path: str) -> None:
        """required: a runtime that is too old makes no container. path is where binaries without a directory are looked for."""
        self._required, self._path = required, path
        self._known: dict[tuple[str, int, int], str | None] = {}

    async def look(self) -> None:
        """Look at the default runtime, and tell the log. A failure of it ends nothing."""
        try:
            await self._wrong_with("")
        except OSError as error:
            logger.warning("runtime.version_unknown", error=str(error))

    async def check(self, runtime: str, options: AnyMessage | None) -> None:
        """Raise FailedPrecondition for a container whose runtime is too old, where that is wanted; else tell the log once."""
        binary = _binary_of(runtime, options)
        if binary is None:
            return
        if self._required:
            wrong = await self._wrong_with(binary)
            if wrong is not None:
                raise FailedPrecondition(f"{wrong}; containers of it are refused because of require_safe_runc")
        elif binary:
            await self._wrong_with(binary)

    async def _wrong_with(self, binary: str) -> str | None:
        """Return what is wrong with a binary, "" for the default one; told to the log when that is found out."""
        found = shutil.which(binary or "runc", path=self._path)
        if found is None:
            return None  # the shim says that, in its own words
        info = os.stat(found)
        key = (found, info.st_mtime_ns, info.st_ino)
        if key not in self._known:
            self._known[key] = wrong = await asyncio.to_thread(_judge, found, self._required)
            if wrong is not None:
                (logger.error if self._required else logger.warning)("runtime.too_old", reason=wrong)
        return self._known[key]


def _binary_of(runtime: str, options: AnyMessage | None) -> str | None:
    """Return the binary that a container's options name, "" for the default; None for a shim that runs no such binary."""
    if "runc" not in runtime.rpartition("/")[2]:
        return None
    if options is None or options.type_url.rpartition("/")[2] != _OPTIONS:
        return ""
    try:
        return Options.decode(options.value).binary_name
    except (DecodeError, InvalidArgument):
        return ""


def _judge(binary: str, required: bool) -> str | None:
    """Return what is wrong with a binary, or None. Blocks."""
    answer: Any = None
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_ASK_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{binary} does not say its version ({error})" if required else None
    version = parse(answer.stdout)
    if version is None:
        # Others (gVisor, youki, a wrapper) have their own history, which is not known here.
        return f"{binary} is neither runc nor crun, so that nobody can say whether it is safe" if required else None
    holes = open_holes(version)
    return f"{binary} is {version}, which has {', '.join(holes)}: {_REMEDY[version.name]}" if holes else None
