"""The process of one copy: sees a tree with its owner's eyes, moves files and a tar, says how it went, and dies with whoever began it."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Final, cast

from argosy.errors import ResourceExhausted
from argosy.kernel.mount import temporary_mount
from argosy.kernel.own_mounts import own_mounts
from argosy.kernel.process import die_with_parent
from argosy.kernel.user_namespace import enter_user_namespace, user_namespace
from argosy.paths.order import PACK, Order, say

MEMORY_BYTES: Final = 1 << 30
_CHUNK: Final = 256 << 10


def _chunks(fd: int) -> Iterator[bytes]:
    while data := os.read(fd, _CHUNK):
        yield data


class _Output:
    """Standard output, all of what is written."""

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]
        return len(data)


def _work(order: Order) -> Callable[[int], int]:
    """Return what does an order, given the root. All that it needs is loaded: who it becomes may not be able to read our own files."""
    if order.verb == PACK:
        from argosy.paths.packing import pack

        out = cast("IO[bytes]", _Output())

        def packs(root: int) -> int:
            pack(root, order.path, out, what=order.what, walk=order.walk, owners=order.owners, name=order.name)
            return 0

        return packs
    from argosy.paths.placing import Rules, place

    rules = Rules(owners=order.owners, only=order.only, name=order.name, links=order.links, devices=order.devices)
    return lambda root: place(root, order.path, _chunks(0), what=order.what, rules=rules)


@contextmanager
def _mounted(order: Order) -> Iterator[int]:
    """Yield the root of mounts, which nobody else sees and which go with us, however we end."""
    own_mounts()
    with temporary_mount(order.mounts, read_only=order.verb == PACK) as point:
        root = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield root
        finally:
            os.close(root)


def _on_mounts(order: Order, work: Callable[[int], int]) -> int:
    """Do it in a child, which may become somebody who could not unmount; return the child's wait status."""
    with _mounted(order) as root:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            os.close(0)
            os.close(1)
            return os.waitpid(pid, 0)[1]
        error: BaseException | None = None
        without = 0
        try:
            if any(order.maps):
                with user_namespace(*order.maps) as user:
                    enter_user_namespace(user)
            _stay_with(parent)
            without = work(root)
        except BaseException as failed:
            error = explained(failed, order)
        say(order.word, error, without)
        os._exit(error is not None)


def _bound() -> None:
    """Have a limit to our memory: directories may have any number of names."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def explained(error: BaseException, order: Order) -> BaseException:
    """Return what to tell of an error: what no memory was left for is said in words."""
    if isinstance(error, MemoryError):
        return ResourceExhausted(
            f"{order.what} has more names in a directory than fit into {MEMORY_BYTES >> 20} MiB, or an archive has; copy a part of them"
        )
    return error


def _stay_with(parent: int) -> None:
    """End when parent ends, whatever we are doing then."""
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    order = Order.read(int(sys.argv[1]))
    parent = order.parent or os.getppid()
    os.umask(0)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody takes what we read: there is nobody to be told
    error: BaseException | None = None
    without = 0
    try:
        _stay_with(parent)
        _bound()
        work = _work(order)
        if order.root < 0:
            status = _on_mounts(order, work)
            raise SystemExit(os.waitstatus_to_exitcode(status) != 0)  # it has said how it ended
        if order.user >= 0:
            enter_user_namespace(order.user)
            _stay_with(parent)
        without = work(order.root)
    except SystemExit as ended:
        os._exit(int(bool(ended.code)))
    except BaseException as failed:
        error = explained(failed, order)
    say(order.word, error, without)
    os._exit(error is not None)


if __name__ == "__main__":
    main()
