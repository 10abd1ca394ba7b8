"""What a VM is from its start: settings, accelerator, files; and the command line that makes QEMU that VM."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.errors import NotFound

from argosy_shim_kata_v2.config import Config
from argosy_shim_kata_v2.guest import frames

# Slots for what is plugged in while the VM runs: disks, a file share, interfaces. They must be there from the start.
SLOTS: Final = 16
# And for memory: how often, and how much in all. What is not plugged in costs nothing.
_MEMORY_SLOTS: Final = 16
_MOST_MEMORY_MB: Final = 256 << 10
# A guest whose kernel has failed in one process ends as a whole: that process would neither run nor end, and whoever waits for it would for ever.
_KERNEL_LINE: Final = "console=ttyS0 panic=-1 oops=panic random.trust_cpu=on cryptomgr.notests rcupdate.rcu_expedited=1"
# A guest that may be given memory above 4 GiB would set 64 MiB aside for devices that can't reach it. It has none.
_MEMORY_LINE: Final = "swiotlb=noforce memhp_default_state=online"
# A guest under KVM is judged by its first byte, so its kernel must say something from its first moment on.
_KVM_LINE: Final = "earlyprintk=ttyS0"
# Only where nothing but emulation runs the guest's instructions.
_TCG_LINE: Final = "quiet loglevel=3 tsc=reliable no_timer_check mitigations=off nokaslr"


@dataclass(frozen=True)
class Shape:
    """All that the state of a booted guest depends on. hypervisor is a path, accel is "kvm" or "tcg"."""

    config: Config
    accel: str
    hypervisor: str
    kernel: Path
    initrd: Path

    def key(self) -> str:
        """Return the name of its template: another QEMU, kernel, agent or size is another template. Raises OSError."""
        files = [
            (p, os.stat(p).st_size, os.stat(p).st_mtime_ns) for p in (self.hypervisor, str(self.kernel), str(self.initrd))
        ]
        parts = (files, self.accel, self.config.memory_mb, self.config.vcpus, self.config.tb_size_mb, self.config.kernel_params,
                 SLOTS, _MEMORY_SLOTS, _MOST_MEMORY_MB, _KERNEL_LINE, _MEMORY_LINE, _TCG_LINE, _KVM_LINE, frames.VERSION)  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def hypervisor(config: Config) -> str:
    """Return the path of QEMU. Raises NotFound with what to type."""
    found = shutil.which(config.hypervisor)
    if found is None:
        raise NotFound(f'hypervisor "{config.hypervisor}" is not installed; type: apt-get install -y qemu-system-x86')
    return os.path.realpath(found)


def arguments(shape: Shape, folder: Path, memory: Path, shared: bool, incoming: bool) -> list[str]:
    """Return QEMU's command line.

    Its sockets and its console's log are below folder. memory is the file that the guest's memory is in, shared or copied on write. An
    incoming one waits for a template's state, and stands still.
    """
    config = shape.config
    size = f"{config.memory_mb}M"
    accelerator = f"tcg,tb-size={config.tb_size_mb}" if shape.accel == "tcg" else "kvm"
    line = f"{_KERNEL_LINE} {_MEMORY_LINE} {_TCG_LINE if shape.accel == 'tcg' else _KVM_LINE}"
    if config.kernel_params:
        line += f" {config.kernel_params}"
    command = [
        shape.hypervisor, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "argosy-kata,debug-threads=off",
        "-M", "q35,memory-backend=m0", "-accel", accelerator, "-cpu", "max", "-smp", str(config.vcpus),
        "-m", f"{size},slots={_MEMORY_SLOTS},maxmem={config.memory_mb + _MOST_MEMORY_MB}M",
        "-object", f"memory-backend-file,id=m0,size={size},mem-path={memory},share={'on' if shared else 'off'}",
        "-device", "pvpanic-pci",
        "-chardev", f"file,id=serial,path={folder}/console.log", "-serial", "chardev:serial",
        "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
        "-device", "virtio-serial-pci,id=ports",
    ]  # fmt: skip
    for name in ("ctl", "io"):
        command += ["-chardev", f"socket,id={name},path={folder}/{name},server=on,wait=off"]
        command += ["-device", f"virtserialport,chardev={name},name=argosy.{name}"]
    for n in range(SLOTS):
        command += ["-device", f"pcie-root-port,id=port{n},chassis={n},slot={n}"]
    command += ["-kernel", str(shape.kernel), "-initrd", str(shape.initrd), "-append", line]
    if incoming:
        command += ["-S", "-incoming", "defer"]
    return command
