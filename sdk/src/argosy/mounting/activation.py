"""Making the mounts of a plan in a directory of our own, and taking them down again by what is found there.

The i-th of n mounts is made at ``<n-i>`` in the directory: they are taken down in the order of these numbers. Nothing but empty
directories, symlinks to loop devices and files of one line is ever removed here, so that no mistake reaches what is mounted.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from typing import NamedTuple

from argosy.errors import ArgosyError, FailedPrecondition, NotFound, ResourceExhausted, in_words
from argosy.kernel.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, open_in_root
from argosy.mounting import handlers
from argosy.mounting.files import make_directories, make_file_system
from argosy.mounting.plan import Plan, Step
from argosy.mounting.templates import Made, formatted
from argosy.mounts import Mount, check

_TYPE_SUFFIX = "-type"


class Activated(NamedTuple):
    """The outcome: what was made, in order, and what is left to mount for who asked."""

    made: tuple[Made, ...]
    system: tuple[Mount, ...]


def _nobody(made: Made) -> None:
    """Hear of a mount."""


def _free(mount: Mount) -> AbstractContextManager[None]:
    """Let everything be mounted."""
    return nullcontext()


def activate(
    plan: Plan, directory: str, roots: Sequence[str], told: Callable[[Made], object] = _nobody, held: ExitStack | None = None,
    guard: Callable[[Mount], AbstractContextManager[None]] = _free,
) -> Activated:  # fmt: skip
    """Make a plan's mounts in an empty directory; told hears of each at once. What was made is undone on failure.

    guard is asked for each mount as it will be made, and entered meanwhile; what it raises is a failure.

    held: what is made goes with its maker, as in ``handlers.make``; without it a note of each mount's type lies beside it.

    roots are the directories beneath which ``mkdir`` and ``mkfs`` may make something; in what is mounted here they always may. Blocks.
    Raises FailedPrecondition for what ``mounts.check`` refuses once it is formatted, and for what can't be mounted; otherwise what the
    transformers raise.
    """
    made: list[Made] = []
    width = len(str(len(plan.made)))
    allowed = (*roots, directory)
    try:
        for index, step in enumerate(plan.made):
            spec = _transformed(step, made, allowed, index)
            slot = os.path.join(directory, str(len(plan.made) - index).zfill(width))
            try:
                if held is None:
                    _note_type(slot, spec.type)
                with guard(spec):
                    handlers.make(spec, slot, held)
            except OSError as error:
                raise _failed(error, index, spec) from error
            made.append(Made(spec, slot))
            told(made[-1])
        left = [_transformed(step, made, allowed, len(made) + index) for index, step in enumerate(plan.left)]
    except BaseException:
        take_down(directory)
        raise
    if plan.temporary:
        left.append(Mount("bind", made[-1].point, ("rbind",)))
    return Activated(tuple(made), tuple(left))


def take_down(directory: str) -> None:
    """Unmount what was made in a directory, and remove it all but the directory. Busy mounts are left to their last user (lazily).

    Raises OSError, the first of them, after all was tried: it can be called again.
    """
    failed: OSError | None = None
    names = sorted((name for name in os.listdir(directory) if name.isdecimal()), key=int)
    for name in names:
        try:
            handlers.undo(os.path.join(directory, name))
        except OSError as error:
            failed = failed or error
    for name in os.listdir(directory):
        if name.endswith(_TYPE_SUFFIX):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(directory, name))
    if failed is not None:
        raise failed


def _transformed(step: Step, made: Sequence[Made], roots: Sequence[str], number: int) -> Mount:
    """Return a mount with its transformers done, in their order. Raises what they raise, FailedPrecondition."""
    spec, rest = step.mount, list(step.transformers)
    for name in step.transformers:
        rest.remove(name)
        try:
            if name == "format":
                spec = formatted(spec, made)
                # What a mount's text has become is looked at as what was asked for is: there is no other way in.
                check([spec._replace(type="/".join((*rest, spec.type)))])
            elif name == "mkdir":
                spec = make_directories(spec, roots)
            else:
                spec = make_file_system(spec, roots)
        except OSError as error:
            raise _failed(error, number, spec) from error
    if "format" in step.transformers:
        _check_inside(spec, made, number)
    return spec


def _check_inside(spec: Mount, made: Sequence[Made], number: int) -> None:
    """Refuse a path in what was mounted that a symlink there leads elsewhere: whose disk that is, nobody knows. Raises FailedPrecondition."""
    texts = [spec.source, *(option.partition("=")[2] for option in spec.options)]
    for path in (path for text in texts for path in text.split(":")):
        for one in made:
            inside = path.removeprefix(one.point + "/")
            if inside == path or not inside:
                continue
            top = os.open(one.point, os.O_PATH | os.O_CLOEXEC)
            try:
                os.close(open_in_root(top, inside, os.O_PATH, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS))
            except FileNotFoundError:
                pass  # whoever mounts it says so
            except OSError as error:
                raise FailedPrecondition(
                    f'mount {number} (type "{spec.type}"): "{inside}" in what is mounted before it is behind a symlink, or no '
                    f"plain path ({in_words(error)}); name the directory itself"
                ) from error
            finally:
                os.close(top)


def _note_type(slot: str, kind: str) -> None:
    fd = os.open(slot + _TYPE_SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, kind.encode())
    finally:
        os.close(fd)


def _failed(error: OSError, number: int, spec: Mount) -> ArgosyError:
    """Return what is told of a mount that the system refused."""
    what = f'mount {number} (type "{spec.type}", source "{spec.source}"): {in_words(error)}'
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted(f"{what}; free some space")
    if error.errno == errno.ENODEV:
        return FailedPrecondition(f"{what}: this kernel has no such file system, or its module is not loaded")
    if error.errno == errno.ENOENT:
        return NotFound(f"{what}; make it first")
    return FailedPrecondition(what)
