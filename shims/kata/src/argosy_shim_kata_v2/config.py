"""What can be set: a TOML file, then the runtime options of a container."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from argosy.errors import InvalidArgument, NotFound

_ACCELERATORS: Final = ("auto", "kvm", "tcg")
_ROOTFS: Final = ("auto", "virtiofs", "block")
_NETWORKS: Final = ("auto", "tap", "user", "none")
LARGEST_POOL: Final = 64
# QEMU's own in C, up to its version 7, and the one in Rust that came after it: they take the same options.
_FILE_SERVERS: Final = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd", "virtiofsd")
_SMALLEST_MB: Final = 128
_SMALLEST_DISK_MB: Final = 64


def data_directory() -> Path:
    """Return where images and templates are kept: ARGOSY_KATA_DIR, else /var/lib/argosy/kata, or XDG's data directory without root."""
    named = os.environ.get("ARGOSY_KATA_DIR")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/lib/argosy/kata")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "argosy/kata"


def run_directory() -> Path:
    """Return where running VMs have their sockets; a short path, for a socket's may have 107 bytes."""
    named = os.environ.get("ARGOSY_KATA_RUN")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/run/argosy/kata")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/argosy-{os.geteuid()}") / "kata"


@dataclass(frozen=True)
class Config:
    """One VM's settings. Names are those of the TOML file."""

    hypervisor: str = "qemu-system-x86_64"
    virtiofsd: str = "auto"
    kernel: str = ""
    initrd: str = ""
    kernel_params: str = ""
    memory_mb: int = 256
    vcpus: int = 1
    accel: str = "auto"
    template: bool = True
    pool: int = 0
    pool_idle_s: float = 600.0
    rootfs: str = "auto"
    disk_mb: int = 10240
    network: str = "auto"
    tb_size_mb: int = 64
    boot_timeout_s: float = 60.0
    hang_timeout_s: float = 30.0
    kvm_first_byte_s: float = 2.0

    def file_server(self) -> str:
        """Return the path of virtiofsd, "" where there is none."""
        programs = _FILE_SERVERS if self.virtiofsd == "auto" else (self.virtiofsd,)
        return next((found for found in map(shutil.which, programs) if found), "")

    def shares(self) -> bool:
        """Return whether the guest sees its containers' files through virtiofsd, and not as disks. Raises NotFound."""
        there = bool(self.file_server())
        if self.rootfs == "virtiofs" and not there:
            raise NotFound(
                f'virtiofsd = "{self.virtiofsd}" is not installed; type: apt-get install -y qemu-system-common (Debian 12) or '
                'virtiofsd (later ones), or set rootfs = "block"'
            )
        return self.rootfs != "block" and there

    def image(self) -> tuple[Path, Path]:
        """Return (kernel, initrd). Raises NotFound with what to type."""
        built = data_directory() / "image"
        kernel, initrd = Path(self.kernel or built / "vmlinux"), Path(self.initrd or built / "initrd")
        for path in (kernel, initrd):
            if not path.is_file():
                raise NotFound(f"guest image {path} does not exist; type: argosy kata build-image")
        return kernel, initrd


def _check(config: Config, source: str) -> Config:
    for name, allowed in (("accel", _ACCELERATORS), ("rootfs", _ROOTFS), ("network", _NETWORKS)):
        if getattr(config, name) not in allowed:
            raise InvalidArgument(f'{source}: {name} = "{getattr(config, name)}" is not known; use {" or ".join(allowed)}')
    if config.memory_mb < _SMALLEST_MB:
        raise InvalidArgument(
            f"{source}: memory_mb = {config.memory_mb} is too little for a guest; {_SMALLEST_MB} is the least"
        )
    if config.disk_mb < _SMALLEST_DISK_MB:
        raise InvalidArgument(f"{source}: disk_mb = {config.disk_mb} is too little; {_SMALLEST_DISK_MB} is the least")
    if not 0 <= config.pool <= LARGEST_POOL:
        raise InvalidArgument(f"{source}: pool = {config.pool} is out of range; use 0 to {LARGEST_POOL}")
    if config.pool and not config.template:
        raise InvalidArgument(f"{source}: a pool is made of clones; set template = true, or pool = 0")
    if not 1 <= config.vcpus <= 64:
        raise InvalidArgument(f"{source}: vcpus = {config.vcpus} is out of range; use 1 to 64")
    return config


def merge(config: Config, values: Mapping[str, Any], source: str) -> Config:
    """Return config with values over it. Raises InvalidArgument that names source and the key."""
    import difflib  # slow to import, and most configurations are right

    known = {field.name: field for field in fields(Config)}
    chosen: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f'; did you mean "{close[0]}"?' if close else f"; known keys: {', '.join(sorted(known))}"
            raise InvalidArgument(f'{source}: unknown key "{key}"{hint}')
        wanted = type(known[key].default)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted:
            raise InvalidArgument(f"{source}: {key} must be {wanted.__name__}, not {type(value).__name__}")
        chosen[key] = value
    return _check(replace(config, **chosen), source)


def parse(config: Config, text: bytes, source: str) -> Config:
    """Return config with a TOML text's values over it. Raises InvalidArgument that names source."""
    try:
        values = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{source} is not TOML: {error}") from None
    return merge(config, values, source)


def load(path: str = "") -> Config:
    """Return the settings of a TOML file: the one named, ARGOSY_KATA_CONFIG's, or /etc/argosy/kata.toml where there is one.

    Raises NotFound for a named file that is missing, InvalidArgument.
    """
    named = path or os.environ.get("ARGOSY_KATA_CONFIG", "")
    file = Path(named or "/etc/argosy/kata.toml")
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        if named:
            raise NotFound(f"config file {file} does not exist") from None
        return Config()
    return parse(Config(), text, f"config file {file}")
