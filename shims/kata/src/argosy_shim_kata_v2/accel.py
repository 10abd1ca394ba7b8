"""Which accelerator to use: KVM where it really runs a guest, else TCG.

That /dev/kvm answers its ioctls says little: there are hosts where it makes VMs that never print a byte. Only a boot
tells, and the verdict is kept for as long as host kernel, QEMU and guest kernel are the same.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from argosy.errors import ArgosyError, FailedPrecondition

_KVM: Final = Path("/dev/kvm")
# A paravirtual KVM for nested hosts: its guests need a kernel made for it.
_PVM: Final = Path("/sys/module/kvm_pvm")


def usable() -> str:
    """Return "" when KVM may work here, or why it can't."""
    if not _KVM.exists():
        return "there is no /dev/kvm"
    if _PVM.exists():
        return "this host's KVM is kvm_pvm, which runs no stock kernel"
    try:
        os.close(os.open(_KVM, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/kvm can't be opened: {error.strerror}"
    return ""


def choose(wanted: str, key: str, cache: Path, probe: Callable[[], None]) -> str:
    """Return "kvm" or "tcg". With "auto", probe is called once for a key: it boots a guest under KVM or raises ArgosyError.

    Raises FailedPrecondition when KVM is demanded where it can't be had.
    """
    if wanted == "tcg":
        return "tcg"
    why = usable()
    if wanted == "kvm":
        if why:
            raise FailedPrecondition(f'accel = "kvm": {why}; use "tcg" or "auto"')
        return "kvm"
    if why:
        return "tcg"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    full = f"{boot} {os.uname().release} {key}"
    try:
        verdicts = json.loads(cache.read_text())
    except (OSError, ValueError):
        verdicts = {}
    if not isinstance(verdicts, dict):
        verdicts = {}
    if full not in verdicts:
        try:
            probe()
            verdicts = {full: "kvm"}
        except ArgosyError as error:
            print(f"KVM does not run the guest ({error}); TCG from now on", file=sys.stderr, flush=True)
            verdicts = {full: "tcg"}
        cache.parent.mkdir(parents=True, exist_ok=True)
        scratch = cache.with_name(f"{cache.name}.{os.getpid()}")
        scratch.write_text(json.dumps(verdicts))
        scratch.rename(cache)
    return "kvm" if verdicts[full] == "kvm" else "tcg"
