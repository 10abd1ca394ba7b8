"""Templates: the memory and state of a guest that has booted, kept on disk, of which every VM is a clone.

    templates/KEY/memory, state, template.json     a whole one: renamed to this when it is, and never written again
    templates/KEY.lock                             held by the process that makes it; others wait
    templates/.KEY.new                             what it makes it in
    RUN/t-KEY-PID-STARTED                          the directory of the VM that boots for it

A process that is killed while it makes one leaves the last two and a VM. The next that makes the same one removes the first, ``sweep`` the others.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from argosy.kernel.process import lives, start_time

from argosy_shim_kata_v2 import accel
from argosy_shim_kata_v2.config import Config, data_directory, run_directory
from argosy_shim_kata_v2.guest import frames
from argosy_shim_kata_v2.processes import discard, new_folder
from argosy_shim_kata_v2.qemu import Qemu
from argosy_shim_kata_v2.shape import Shape, hypervisor

_NAME: Final = re.compile(r"t-[0-9a-f]{12}-([0-9]+)-([0-9]+)")


def shape_of(config: Config) -> Shape:
    """Return the shape that a configuration comes to on this host. Raises NotFound, FailedPrecondition.

    Whether KVM works is found out by making a template with it, once.
    """
    program = hypervisor(config)
    kernel, initrd = config.image()

    def with_accel(name: str) -> Shape:
        return Shape(config, name, program, kernel, initrd)

    def probe() -> None:
        template(with_accel("kvm"))

    key = f"{os.stat(program).st_mtime_ns} {os.stat(kernel).st_mtime_ns}"
    return with_accel(accel.choose(config.accel, key, run_directory() / "accel.json", probe))


def template(shape: Shape) -> Path:
    """Return the directory of a shape's template; the first who asks makes it, while others wait. Raises what ``Qemu.boot`` does."""
    home = data_directory() / "templates"
    key = shape.key()
    found = home / key
    if _whole(found, shape):
        return found
    with _alone(home / f"{key}.lock"):
        if not _whole(found, shape):
            shutil.rmtree(found, ignore_errors=True)
            made = home / f".{key}.new"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir(mode=0o700)
            try:
                _make(shape, made)
                made.rename(found)
            except BaseException:
                shutil.rmtree(made, ignore_errors=True)
                raise
    return found


def _make(shape: Shape, made: Path) -> None:
    """Boot a guest and keep it in a directory. Nothing of the VM is left."""
    machine = Qemu(shape, new_folder(f"t-{shape.key()[:12]}-{os.getpid()}-{start_time(os.getpid())}"))
    began = time.monotonic()
    try:
        machine.boot(shape.config.boot_timeout_s, made / "memory")
        machine.control.call("hello", shape.config.hang_timeout_s, version=frames.VERSION)
        machine.control.call("sync", shape.config.hang_timeout_s)
        machine.save(made / "state")
    finally:
        machine.cleanup()
    facts = {"seconds": round(time.monotonic() - began, 3), "accel": shape.accel, "memory_mb": shape.config.memory_mb,
             "state_bytes": os.stat(made / "state").st_size, "memory_bytes": os.stat(made / "memory").st_blocks * 512}  # fmt: skip
    (made / "template.json").write_text(json.dumps(facts) + "\n")


def _whole(found: Path, shape: Shape) -> bool:
    """Return whether a template is all there. One that a crash or a person has cut short is made again."""
    try:
        facts = json.loads((found / "template.json").read_text())
        return bool(
            os.stat(found / "state").st_size == facts["state_bytes"]
            and os.stat(found / "memory").st_size == shape.config.memory_mb << 20
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def sweep() -> None:
    """End the VMs that were booting for a template when the process that made it was killed."""
    for folder in run_directory().glob("t-*"):
        named = _NAME.fullmatch(folder.name)
        if named is not None and not lives(int(named[1]), int(named[2])):
            discard(folder)
