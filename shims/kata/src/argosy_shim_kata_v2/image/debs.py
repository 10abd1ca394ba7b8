"""Debian packages: fetched by apt, opened here. A package is a mapping of paths to entries; nothing is unpacked to disk."""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import zstandard
from argosy.errors import InvalidArgument, NotFound, Unavailable

_MAGIC = b"!<arch>\n"
_HEADER = 60
_DOWNLOAD = ("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download")


class Entry(NamedTuple):
    """A file (link is None) or a symbolic link of a package."""

    data: bytes
    mode: int
    link: str | None = None


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    except FileNotFoundError:
        raise NotFound(
            f"{command[0]} is not installed: the guest image is made of Debian packages; on another system give "
            "kernel= and initrd= of your own in the configuration"
        ) from None
    if done.returncode:
        said = " ".join(line for line in done.stderr.splitlines() if line.startswith("E:")) or done.stderr.strip()
        raise Unavailable(f"{' '.join(command[:2])} failed: {said[-600:]}; is apt-get update due?")
    return done.stdout


def depended(package: str, prefix: str) -> str:
    """Return the dependency of a package with a name that begins with prefix: what a metapackage stands for today."""
    for line in _run(["apt-cache", "depends", "--important", package]).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind.endswith("Depends") and name.startswith(prefix):
            return name
    raise NotFound(f"package {package} depends on nothing that begins with {prefix}")


def _candidates(packages: Sequence[str]) -> dict[str, str]:
    """Return name -> file name of the version that apt would install now. Raises NotFound, Unavailable."""
    found: dict[str, str] = {}
    for line in _run([*_DOWNLOAD, "--print-uris", *packages]).splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].endswith(".deb"):
            found[words[1].partition("_")[0]] = words[1]
    for name in packages:
        if name not in found:
            raise NotFound(f"apt-get knows no package {name}")
    return found


def download(packages: Sequence[str], into: Path) -> dict[str, Path]:
    """Fetch packages, those that into has not yet in this version; other versions of them go. Returns name -> file.

    Needs no root. Raises NotFound, Unavailable.
    """
    into.mkdir(parents=True, exist_ok=True)
    wanted = _candidates(packages)
    missing = [name for name in packages if not (into / wanted[name]).exists()]
    if missing:
        scratch = into / "partial"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        _run([*_DOWNLOAD, *missing], scratch)
        for path in scratch.glob("*.deb"):
            path.rename(into / path.name)
        scratch.rmdir()
    for name in packages:
        if not (into / wanted[name]).exists():
            raise NotFound(f"apt-get download brought no {wanted[name]}")
        for other in into.glob(f"{name}_*.deb"):
            if other.name != wanted[name]:
                other.unlink()
    return {name: into / wanted[name] for name in packages}


def unpacked(name: str, data: bytes) -> bytes:
    """Return a file's data without the compression that its name tells of. Raises InvalidArgument."""
    if name.endswith(".xz"):
        try:
            return lzma.decompress(data)
        except lzma.LZMAError as error:
            raise InvalidArgument(f"{name}: {error}") from None
    return unzstd(name, data) if name.endswith(".zst") else data


def unzstd(name: str, data: bytes) -> bytes:
    """Return the content of a zstd frame; bytes after the frame are ignored. Raises InvalidArgument."""
    try:
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj().decompress(data)
    except zstandard.ZstdError as error:
        raise InvalidArgument(f"{name}: {error}") from None


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    if not data.startswith(_MAGIC):
        raise InvalidArgument("no ar archive")
    at = len(_MAGIC)
    while at + _HEADER <= len(data):
        name = data[at : at + 16].decode("ascii", "replace").strip().rstrip("/")
        size = int(data[at + 48 : at + 58])
        yield name, data[at + _HEADER : at + _HEADER + size]
        at += _HEADER + size + size % 2


def read(path: Path) -> Mapping[str, Entry]:
    """Return a package's files by absolute path. Raises InvalidArgument."""
    try:
        return _read(path)
    except (InvalidArgument, tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise InvalidArgument(
            f"{path} can't be read as a Debian package ({error}); remove it, and it is fetched again"
        ) from None


def _read(path: Path) -> Mapping[str, Entry]:
    for name, data in _members(path.read_bytes()):
        if not name.startswith("data.tar"):
            continue
        if name.endswith(".zst"):
            data = unzstd(name, data)
        found: dict[str, Entry] = {}
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            hard: list[tuple[str, str]] = []
            for member in tar:
                full = "/" + member.name.lstrip("./")
                if member.isreg():
                    reader = tar.extractfile(member)
                    found[full] = Entry(reader.read() if reader is not None else b"", member.mode & 0o7777)
                elif member.issym():
                    found[full] = Entry(b"", 0o777, member.linkname)
                elif member.islnk():
                    hard.append((full, "/" + member.linkname.lstrip("./")))
            for full, target in hard:
                found[full] = found[target]
        return found
    raise InvalidArgument("no data.tar in it")
