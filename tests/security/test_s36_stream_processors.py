"""S36, stream processors: they get the descriptors that their protocol names and nothing else, and end with their call."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import anyio
import pytest
from argosy.errors import InvalidArgument, Unknown
from argosy.kernel.process import alive
from argosy.tables import StreamProcessor

from tests.harness.bombs import TAR, Unpacker, archive, mounts_for, with_workers
from tests.harness.mesh import eventually

pytestmark = pytest.mark.root

LAYER = archive(("hello", b"world"))
LOOK = """
import json, os, sys
fds = {}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[name] = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        pass  # the listing's own
status = dict(line.rstrip().split(":", 1) for line in open("/proc/self/status"))
json.dump(
    {"fds": fds, "env": dict(os.environ), "ignored": status["SigIgn"].strip(), "blocked": status["SigBlk"].strip(),
     "payload": os.read(3, 100).decode()},
    open(sys.argv[1], "w"),
)
while data := sys.stdin.buffer.read(65536):
    sys.stdout.buffer.write(data)
"""


def processor(path: str, *args: str, accepts: str = "x/y", returns: str = TAR) -> StreamProcessor:
    return StreamProcessor(accepts=[accepts], returns=returns, path=path, args=list(args))


def shell(base: Path, body: str, name: str = "p") -> StreamProcessor:
    script = base / name
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return processor(str(script))


@pytest.mark.parametrize("payload", [None, b"", b"secret"])
def test_a_processor_has_its_four_descriptors_and_nothing_of_ours(
    tmp_path: Path, payload: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptors 0 to 3, of which the last is /dev/null without a payload; no variable and no ignored signal of ours."""
    monkeypatch.setenv("ARGOSY_SECRET", "1")
    found = tmp_path / "found"
    look = tmp_path / "look.py"
    look.write_text(LOOK)
    mounts, root = mounts_for(tmp_path / "root", "native")

    async def work(unpacker: Unpacker) -> None:
        await unpacker.apply(LAYER, mounts, "x/y", {} if payload is None else {"p": payload})

    with_workers(tmp_path, work, processors={"p": processor(sys.executable, "-IS", str(look), str(found))})
    said = json.loads(found.read_text())
    assert sorted(said["fds"]) == ["0", "1", "2", "3"]
    assert (said["fds"]["3"] == "/dev/null") == (payload is None) and said["payload"] == (payload or b"").decode()
    assert not any("socket" in target for target in said["fds"].values())
    assert set(said["env"]) <= {"PATH", "STREAM_PROCESSOR_MEDIATYPE", "LC_CTYPE"}
    # Python itself ignores a broken pipe (13) and what is above a file's limit (25); 32 and 33 are glibc's, which lets nobody change them.
    assert int(said["ignored"], 16) & ~(1 << 12 | 1 << 24 | 1 << 31 | 1 << 32) == 0 and int(said["blocked"], 16) == 0
    assert (root / "hello").read_bytes() == b"world"


def test_a_processor_that_waits_for_a_payload_finds_its_end(tmp_path: Path) -> None:
    """A decoder that reads descriptor 3 first does not hang where there is none."""
    mounts, root = mounts_for(tmp_path / "root", "native")

    async def work(unpacker: Unpacker) -> None:
        with anyio.fail_after(5):
            await unpacker.apply(LAYER, mounts, "x/y")

    with_workers(tmp_path, work, processors={"p": shell(tmp_path, "cat <&3; exec cat")})
    assert (root / "hello").exists()


def pids(path: Path, count: int) -> list[int]:
    found: list[int] = []

    def there() -> bool:
        found[:] = [int(p) for p in path.read_text().split()] if path.exists() else []
        return len(found) == count

    eventually(there, what=f"{path} does not name {count} processes")
    return found


# One in a session of its own whose parent is gone, one in the foreground.
HANGS = "setsid sh -c 'echo $$ >> {pids}; exec sleep 600' & echo $$ >> {pids}; exec sleep 600"


def chain(base: Path) -> dict[str, StreamProcessor]:
    """Return two processors of which the second hangs, with a child that tries to get away."""
    second = shell(base, HANGS.format(pids=base / "pids"), "second")
    return {
        "first": processor("sh", "-c", f"echo $$ >> {base}/pids; exec cat", accepts="x/y", returns="x/z"),
        "second": StreamProcessor(accepts=["x/z"], returns=TAR, path=second.path),
    }


def test_the_whole_chain_ends_with_a_cancelled_call(tmp_path: Path) -> None:
    """Once the caller has given up there is no processor, and nothing that one of them began, of which each would go on for ten minutes."""
    mounts, _ = mounts_for(tmp_path / "root", "native")

    async def work(unpacker: Unpacker) -> None:
        async with anyio.create_task_group() as tasks:

            async def apply() -> None:
                await unpacker.apply(LAYER, mounts, "x/y")

            tasks.start_soon(apply)
            running = await anyio.to_thread.run_sync(pids, tmp_path / "pids", 3)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(gone, running)

    with_workers(tmp_path, work, processors=chain(tmp_path))


def gone(running: list[int]) -> None:
    eventually(lambda: not any(alive(pid) for pid in running), what="a processor outlives its call")


def test_the_whole_chain_ends_with_its_worker(tmp_path: Path) -> None:
    """A worker that is killed, by the kernel for its memory say, leaves nobody behind."""
    mounts, _ = mounts_for(tmp_path / "root", "native")

    async def work(unpacker: Unpacker) -> None:
        async with anyio.create_task_group() as tasks:

            async def apply() -> None:
                with pytest.raises(Exception, match="the worker of this layer"):
                    await unpacker.apply(LAYER, mounts, "x/y")

            tasks.start_soon(apply)
            running = await anyio.to_thread.run_sync(pids, tmp_path / "pids", 3)
            parents = [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in running]
            worker = next(p for p in parents if Path(f"/proc/{p}/comm").read_text() == "argosy-diff-wor\n")
            os.kill(worker, signal.SIGKILL)
            await anyio.to_thread.run_sync(gone, running)

    with_workers(tmp_path, work, processors=chain(tmp_path))


def test_what_a_processor_leaves_behind_ends_with_its_call(tmp_path: Path) -> None:
    """One that ended well, and left something in the background that holds its standard error, leaves nothing."""
    mounts, root = mounts_for(tmp_path / "root", "native")
    left = tmp_path / "pids"

    async def work(unpacker: Unpacker) -> None:
        began = time.monotonic()
        await unpacker.apply(LAYER, mounts, "x/y")
        assert time.monotonic() - began < 60  # what is left behind would sleep for ten minutes
        assert not any(alive(pid) for pid in pids(left, 1))

    body = f"setsid sh -c 'echo $$ >> {left}; exec sleep 600 <&- >&-' & while ! [ -s {left} ]; do sleep 0.05; done; exec cat"
    with_workers(tmp_path, work, processors={"p": shell(tmp_path, body)})
    assert (root / "hello").exists()


def failing(tmp_path: Path, body: str, data: bytes = LAYER) -> Exception:
    mounts, _ = mounts_for(tmp_path / "root", "native")
    caught: list[Exception] = []

    async def work(unpacker: Unpacker) -> None:
        with pytest.raises((Unknown, InvalidArgument)) as error:
            await unpacker.apply(data, mounts, "x/y")
        caught.append(error.value)

    with_workers(tmp_path, work, processors={"p": shell(tmp_path, body)})
    return caught[0]


def test_what_it_says_is_bounded_and_told(tmp_path: Path) -> None:
    """A megabyte of complaints does not stop it, and the first four kilobytes are the error."""
    body = "cat > /dev/null; echo no key for this layer >&2; head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 3"
    error = failing(tmp_path, body)
    assert isinstance(error, Unknown) and 'stream processor "p" exited 3: no key for this layer' in str(error)
    assert 4000 < len(str(error)) < 4300


@pytest.mark.parametrize(
    ("body", "data", "words"),
    [
        ("cat > /dev/null; echo wrong key >&2; exit 1", LAYER, 'stream processor "p" exited 1: wrong key'),
        ("head -c 700; echo the rest is broken >&2; exit 1", LAYER, 'stream processor "p" exited 1: the rest is broken'),
        ("exec cat", b"no archive" * 1_000_000, "where a number belongs"),
    ],
    ids=["nothing", "half", "a processor that does well with a layer that does not"],
)
def test_the_error_is_that_of_whoever_failed(tmp_path: Path, body: str, data: bytes, words: str) -> None:
    """A processor explains the stream that it broke; a broken layer is not blamed on a processor that we stopped."""
    assert words in str(failing(tmp_path, body, data))


def test_one_that_does_not_start_leaves_none_of_the_others(tmp_path: Path) -> None:
    """The second of a chain is no program: the first one, started already, ends."""
    mounts, _ = mounts_for(tmp_path / "root", "native")
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    processors = chain(tmp_path)
    processors["second"] = StreamProcessor(accepts=["x/z"], returns=TAR, path=str(tmp_path / "text"))

    async def work(unpacker: Unpacker) -> None:
        with pytest.raises(Unknown, match=r'"second" \(.*text\) cannot be started: Exec format error'):
            await unpacker.apply(LAYER, mounts, "x/y")

    with_workers(tmp_path, work, processors=processors)
