"""Every way in which a container's VM comes to be: booted, cloned from a template, or a spare of the pool that goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import Any

from argosy.errors import ArgosyError

from argosy_shim_kata_v2.config import Config, run_directory
from argosy_shim_kata_v2.processes import Process, new_folder
from argosy_shim_kata_v2.qemu import Qemu
from argosy_shim_kata_v2.shape import Shape
from argosy_shim_kata_v2.template import shape_of, template


def start(
    config: Config,
    name: str,
    shared: bool,
    on_event: Callable[[Mapping[str, Any]], None],
    on_lost: Callable[[str], None],
    on_process: Callable[[int], None] = lambda _: None,
    spare: Process | None = None,
) -> Qemu:
    """Start a VM whose agent has been greeted. name is its directory's; shared memory is needed for a file share.

    on_process hears the pid of QEMU before QEMU does anything. With spare the VM is the one of that process, which ``make_spare`` has made in
    that directory. Raises NotFound, FailedPrecondition, DeadlineExceeded, Unavailable, Unknown; nothing is left then.
    """
    shape = shape_of(config)
    source = template(shape) if config.template and spare is None else None
    folder = run_directory() / name if spare is not None else new_folder(name)
    machine = Qemu(shape, folder, on_event, on_lost, on_process)
    try:
        if spare is not None:
            machine.adopt(spare)
            machine.go_on()
        elif source is not None:
            machine.restore(source, shared)
            machine.go_on()
        else:
            machine.boot(config.boot_timeout_s)
        machine.hello()
    except BaseException as error:
        if source is not None and isinstance(error, ArgosyError) and not machine.was_killed():
            # A template that restores to nothing is worse than none.
            shutil.rmtree(source, ignore_errors=True)
        machine.cleanup()
        raise
    return machine


def make_spare(shape: Shape, name: str, shared: bool) -> Qemu:
    """Return a clone that has been warmed up, stands still, and is connected to no process. Raises what ``start`` does."""
    machine = Qemu(shape, new_folder(name))
    try:
        machine.restore(template(shape), shared)
        machine.warm_up()
        machine.disconnect()
    except BaseException:
        machine.cleanup()
        raise
    return machine
