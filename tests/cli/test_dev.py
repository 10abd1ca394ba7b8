"""argosy plugin dev: a save is checked and swapped in while the plugin is used, what fails is shown and changes nothing, and nothing is left at the end."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.rpc import Channel
from argosy.timestamps import from_wire
from argosy_cli.dev.files import look, saves
from argosy_cli.new import project
from argosy_cli.plugins import _row
from argosy_protos.argosy.plugins.v1 import ListRequest, PluginsStub
from argosy_protos.google.protobuf import Empty, Timestamp

from tests.harness.examples import EXAMPLES
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually
from tests.harness.processes import ending

CHMOD = "        directory.chmod(0o755)\n"
# What a new version adds: it is told when it is used.
TELLS = CHMOD + '        print("this is", {number}, flush=True)\n'


class Dev:
    """A session, and what it has said."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, file: Path) -> None:
        self.process, self.out, self.file = process, out, file

    @property
    def said(self) -> str:
        return self.out.read_text(errors="replace")

    def says(self, pattern: str, within: float = 20.0) -> re.Match[str]:
        """Wait until it has said something."""
        deadline = time.monotonic() + within
        while (found := re.search(pattern, self.said, re.DOTALL)) is None:
            assert time.monotonic() < deadline, f"it never said {pattern!r}, but\n{self.said}"
            assert self.process.poll() is None or time.monotonic() > deadline - 1, f"it has ended\n{self.said}"
            time.sleep(0.02)
        return found

    def serves(self, number: int) -> int:
        """Wait until a version serves; return its pid."""
        return int(self.says(rf"version {number} serves[^\n]*pid (\d+)").group(1))

    def save(self, text: str) -> None:
        """As an editor does: another file, renamed to its name."""
        scratch = self.file.with_suffix(".tmp")
        scratch.write_text(text)
        os.replace(scratch, self.file)


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def listed(mesh: Mesh) -> dict[str, dict[str, Any]]:
    async def main() -> dict[str, dict[str, Any]]:
        async with Channel(mesh.address) as channel:
            reply = await PluginsStub(channel).list(ListRequest(), timeout=10.0)
        return {row["name"]: row for row in map(_row, reply.plugins)}

    return asyncio.run(main())


def environment(base: Path) -> Mapping[str, str]:
    return {**os.environ, "ARGOSY_DEV_DIR": str(base / "d"), "PYTHONUNBUFFERED": "1"}


@contextmanager
def developing(mesh: Mesh, base: Path, kind: str, name: str, *flags: str, options: tuple[str, ...] = ()) -> Iterator[Dev]:
    """A session with the project of a kind; it ends by SIGTERM, in order, with all that is its."""
    file = base / f"{name}.py"
    if not file.exists():
        file.write_text(project(kind, name)[f"{name}.py"])
    out = base / f"{name}.out"
    command = [str(ARGOSY), "--address", str(mesh.address), "plugin", "dev", *options, str(file), *flags]
    with out.open("wb") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment(base)
        )
    with ending(process):
        dev = Dev(process, out, file)
        yield dev
        if process.poll() is None:
            own = children(process.pid)
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
            # Before it has heard of signals there is nothing of it.
            assert code == 0 or (code == -signal.SIGTERM and not dev.said), (code, dev.said)
            # One that it has killed may take a moment to be gone.
            eventually(lambda: not any(map(runs, own)), what=f"processes are left\n{dev.said}")
            assert name not in listed(mesh), dev.said
            assert not list((base / "d").glob("*")) and not list(Path("/dev/shm").glob(f"argosy-dev-{process.pid}-*")), (
                dev.said
            )


@pytest.fixture
def source() -> str:
    return project("snapshotter", "live")["live.py"]


class TestSaves:
    """Seeing saves, without a mesh."""

    def seen(self, file: Path, *changes: Any) -> int:
        """Return how many saves are seen of changes that come one after the other."""

        async def main() -> int:
            count = 0

            async def count_them() -> None:
                nonlocal count
                async for _ in saves(file, 0.005):
                    count += 1

            task = asyncio.ensure_future(count_them())
            await asyncio.sleep(0.03)
            for change in changes:
                change()
                await asyncio.sleep(0.06)
            task.cancel()
            return count

        return asyncio.run(main())

    def test_a_file_that_is_written_renamed_to_or_made_again_is_saved(self, tmp_path: Path) -> None:
        file, other = tmp_path / "a.py", tmp_path / "a.py~"
        file.write_text("1")

        def renamed() -> None:
            other.write_text("2")
            os.replace(other, file)

        assert self.seen(file, lambda: file.write_text("3"), renamed) == 2
        assert self.seen(file, file.unlink, lambda: file.write_text("3")) == 1

    def test_a_module_beside_it_counts_and_a_test_does_not(self, tmp_path: Path) -> None:
        file = tmp_path / "a.py"
        file.write_text("1")
        (tmp_path / "part.py").write_text("1")
        assert self.seen(file, lambda: (tmp_path / "part.py").write_text("2")) == 1
        assert self.seen(file, (tmp_path / "test_a.py").touch, (tmp_path / "notes.txt").touch) == 0

    def test_a_file_that_is_not_there_is_no_state_to_serve(self, tmp_path: Path) -> None:
        (tmp_path / "b.py").touch()
        assert look(tmp_path / "a.py") == () == look(tmp_path / "none/a.py")


@pytest.mark.root
class TestSnapshotter:
    """In a mesh that runs containers."""

    def test_a_save_is_swapped_in_while_a_container_runs(
        self, mesh: Mesh, short_path: Path, source: str, image_archive: Path
    ) -> None:
        mesh.ctr("images", "import", str(image_archive)).ok()
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            first = dev.serves(1)
            assert listed(mesh)["live"]["state"] == "ready"
            mesh.ctr("run", "-d", "--snapshotter", "live", IMAGE, "stays", "sleep", "100").ok()
            dev.save(source.replace(CHMOD, TELLS.format(number=2)))
            second = dev.serves(2)
            dev.says(r"\| \(\d+ lines that it said while it was checked\)\n")
            assert "| this is 2\n" not in dev.said
            row = listed(mesh)["live"]
            assert row["state"] == "ready" and row["generation"] == 2 and row["failed"] == 0, row
            eventually(lambda: not runs(first), what="the version before runs on")
            assert runs(second) and "RUNNING" in mesh.ctr("tasks", "ls").ok().out
            mesh.ctr("run", "--rm", "--snapshotter", "live", IMAGE, "more", "true").ok()
            dev.says(r"\| this is 2\n")
            mesh.ctr("tasks", "rm", "-f", "stays").ok()
            mesh.ctr("containers", "rm", "stays").ok()
        assert "for the next time that it is served" in dev.said
        # What it had is there again.
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            dev.serves(1)
            mesh.ctr("run", "--rm", "--snapshotter", "live", IMAGE, "again", "true").ok()
            mesh.ctr("images", "rm", "--sync", IMAGE).ok()
        assert "is not registered any more" in dev.said

    def test_what_fails_is_shown_and_the_version_before_serves_on(self, mesh: Mesh, short_path: Path, source: str) -> None:
        """A traceback, a sentence, a check that fails, a file that is cut short; and then it is mended."""
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            pid = dev.serves(1)
            for number, (text, said) in enumerate(
                (
                    (source.replace("class Live(", "raise RuntimeError('not today')\n\n\nclass Live("), r'File "[^"]*live.py", line \d+.*RuntimeError: not today'),
                    (source.replace("class Live", "class"), "SyntaxError: "),
                    (source.replace('"rw" if kind is Kind.ACTIVE else "ro"', '"rw"'), "a-view-cannot-be-written.*rule  .*got  "),
                    (source.replace("        directory.chmod(0o755)", "        raise OSError(28, 'no')"), "FAIL.*prepare-makes"),
                    (source[: len(source) // 2], "SyntaxError|does not say what it is|ended with exit code"),
                )
            ):  # fmt: skip
                before = dev.said
                dev.save(text)
                dev.says(rf"{re.escape(before)}.*live.py is not used, version 1 serves on:\n.*({said})")
                assert "argosy/plugin/ahead.py" not in dev.said and "runpy" not in dev.said, number
                assert runs(pid) and listed(mesh)["live"]["generation"] == 1
            mesh.ctr("snapshots", "--snapshotter", "live", "prepare", "k").ok()
            mesh.ctr("snapshots", "--snapshotter", "live", "rm", "k").ok()
            dev.save(source)
            dev.says(r"version \d+ serves, ")
            eventually(lambda: not runs(pid))
        assert not list((short_path / ".argosy-dev").glob("*.rehearsal"))

    def test_a_file_that_is_broken_at_first_is_served_once_it_is_mended(
        self, mesh: Mesh, short_path: Path, source: str
    ) -> None:
        (short_path / "live.py").write_text("import nothing_of_that_name\n")
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            dev.says("nothing is served yet:.*No module named 'nothing_of_that_name'")
            dev.save(source)
            dev.says(r'version \d+ serves as snapshot plugin "live"')

    def test_what_a_killed_session_left_is_taken_back(self, mesh: Mesh, short_path: Path) -> None:
        """Its processes end with it; its registration goes with the next start."""
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            pid = dev.serves(1)
            own = children(dev.process.pid)
            assert pid in own
            dev.process.kill()
            dev.process.wait()
            eventually(lambda: not any(map(runs, own)), what="a plugin has outlived its session")
            assert "live" in listed(mesh)
        (short_path / "live.out").unlink()
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            dev.says('"live" was still registered by a session that was killed, and is not any more')
            dev.serves(1)

    def test_calls_that_are_made_meanwhile_do_not_fail(self, mesh: Mesh, short_path: Path, source: str) -> None:
        failed: list[str] = []
        ctr = f"ctr -a {mesh.address} snapshots --snapshotter live"

        async def calls(stop: asyncio.Event) -> int:
            count = 0
            while not stop.is_set():
                process = await asyncio.create_subprocess_exec(
                    "sh", "-ec", f"{ctr} prepare k >/dev/null && {ctr} rm k",
                    stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
                )  # fmt: skip
                _, err = await process.communicate()
                count += 1
                if process.returncode:
                    failed.append(err.decode())
            return count

        async def main(dev: Dev) -> int:
            stop = asyncio.Event()
            calling = asyncio.ensure_future(calls(stop))
            for number in (2, 3):
                dev.save(source.replace(CHMOD, TELLS.format(number=number)))
                await asyncio.to_thread(dev.serves, number)
            stop.set()
            return await calling

        with developing(mesh, short_path, "snapshotter", "live") as dev:
            dev.serves(1)
            assert asyncio.run(main(dev)) > 3
        assert failed == []

    def test_of_many_saves_the_last_one_serves(self, mesh: Mesh, short_path: Path, source: str) -> None:
        """Also while the gateway is killed; one process serves in the end, and one is ahead."""
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            dev.serves(1)
            for number in range(12):
                dev.save(source.replace(CHMOD, TELLS.format(number=number)))
                time.sleep(0.12)
                if number == 6:
                    os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
            eventually(lambda: listed(mesh)["live"]["state"] == "ready", 20)

            def last_serves() -> bool:
                ran = mesh.ctr("snapshots", "--snapshotter", "live", "prepare", "k")
                mesh.ctr("snapshots", "--snapshotter", "live", "rm", "k")
                return ran.code == 0 and "| this is 11\n" in dev.said

            dev.save(source.replace(CHMOD, TELLS.format(number=11)))
            eventually(last_serves, 30, f"the last one never served\n{dev.said}")
            eventually(lambda: len(children(dev.process.pid)) == 2, 20, f"processes are left\n{dev.said}")

    @pytest.mark.parametrize("after_s", [0.02, 0.1, 0.3, 0.6])
    def test_a_signal_at_any_time_ends_it_in_order(self, mesh: Mesh, short_path: Path, source: str, after_s: float) -> None:
        """At its beginning, and after a save."""
        with developing(mesh, short_path, "snapshotter", "live"):
            time.sleep(0.5 + after_s)
        with developing(mesh, short_path, "snapshotter", "live") as dev:
            dev.serves(1)
            dev.save(source.replace(CHMOD, TELLS.format(number=2)))
            time.sleep(after_s)

    def test_keys(self, mesh: Mesh, short_path: Path) -> None:
        """On a terminal: each key does what the help says, and q leaves the terminal as it was."""
        file = short_path / "live.py"
        file.write_text(project("snapshotter", "live")["live.py"])
        ours, theirs = pty.openpty()
        with (short_path / "out").open("wb") as said:
            process = subprocess.Popen(
                [str(ARGOSY), "--address", str(mesh.address), "plugin", "dev", str(file)],
                stdin=theirs, stdout=said, stderr=subprocess.STDOUT, env=environment(short_path),
            )  # fmt: skip
        os.close(theirs)
        try:
            with ending(process):
                dev = Dev(process, short_path / "out", file)
                dev.serves(1)
                dev.says("keys: r restart now, v verify all of it, t its calls, f swap in without checks, q quit")
                mesh.ctr("snapshots", "--snapshotter", "live", "prepare", "k").ok()
                mesh.ctr("snapshots", "--snapshotter", "live", "rm", "k").ok()
                os.write(ours, b"t")
                dev.says(r"ready, \d+ calls in flight\n.*/Prepare: 1 calls, 0 failed, ")
                os.write(ours, b"r")
                dev.says(r"version 2 serves, [0-9.]+ s after the restart \(\d+ checks passed in ")
                os.write(ours, b"f")
                dev.says(r"version 3 serves, [0-9.]+ s after the restart \(pid ")
                os.write(ours, b"v")
                dev.says(r"is checked by all checks\n.*[3-9]\d checks passed\n", within=60)
                os.write(ours, b"q")
                assert process.wait(30) == 0, dev.said
                assert "live" not in listed(mesh) and not list(Path("/dev/shm").glob(f"argosy-dev-{process.pid}-*"))
        finally:
            os.close(ours)


@pytest.mark.root
class TestOthers:
    def test_a_stream_of_a_service_goes_on_where_it_began(self, mesh: Mesh, short_path: Path) -> None:
        """New calls are answered by the new version meanwhile, and the old one ends with the stream."""
        name, ticks = "/example.hours.v1.Hours/Now", "/example.hours.v1.Hours/Ticks"
        text = project("service", "hours")["hours.py"]
        later = text.replace("return to_wire(time.time_ns())", "return to_wire(1_000_000_000)")
        assert later != text

        async def now() -> int:
            async with Channel(mesh.address) as channel:
                return from_wire(await channel.unary(name, Empty(), Timestamp, timeout=10)) or 0

        async def main(dev: Dev, first: int) -> None:
            async with Channel(mesh.address) as channel:
                got = 0
                async for _ in channel.server_stream(ticks, Empty(), Timestamp, timeout=60):
                    got += 1
                    if got == 2:
                        dev.save(later)
                        await asyncio.to_thread(dev.serves, 2)
                        assert await now() == 1_000_000_000
                        assert runs(first)
                    if got == 20:
                        break

        with developing(mesh, short_path, "service", "hours", "--every", "0.02") as dev:
            first = dev.serves(1)
            eventually(lambda: asyncio.run(now()) > 1_000_000_000)
            asyncio.run(main(dev, first))
            eventually(lambda: not runs(first), what="the version before runs on after its stream")

    def test_a_store_is_served_and_checked_beside_the_one_that_the_mesh_has(self, mesh: Mesh, short_path: Path) -> None:
        with developing(mesh, short_path, "content", "kept") as dev:
            dev.serves(1)
            dev.says("it is not registered, only served and checked: one content plugin can serve")
            text = project("content", "kept")["kept.py"]
            dev.save(text.replace("super().read(digest, offset, size)", "super().read(digest, 0, size)"))
            dev.says("is not used, version 1 serves on:\n.*FAIL.*a-range-is-read")
            dev.save(text)
            dev.says(r"version \d serves, [0-9.]+ s after the save \(\d+ checks passed")

    def test_what_a_daemon_starts_by_itself_is_told_so(self, mesh: Mesh, short_path: Path) -> None:
        with developing(mesh, short_path, "processor", "packed") as dev:
            dev.says("packed.py is a processor, which no process serves: a daemon starts it each time")

    def test_a_name_that_another_has_is_refused(self, mesh: Mesh, short_path: Path) -> None:
        with developing(mesh, short_path, "snapshotter", "live", options=("--name", "native")) as dev:
            dev.says('nothing is served yet:\n.*plugin "native" is a snapshot plugin at ')
            dev.process.send_signal(signal.SIGTERM)
            assert dev.process.wait(20) == 0
        assert listed(mesh)["native"]["source"] == "configuration"


def test_no_daemon_and_no_file_are_sentences(short_path: Path) -> None:
    command = [str(ARGOSY), "--address", str(short_path / "none.sock"), "plugin", "dev"]
    for words, code, said in (
        ([str(short_path / "no.py")], 4, "no such file"),
        ([sys.modules[__name__].__file__ or ""], 7, "none.sock"),
    ):
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=30, env=environment(short_path))
        assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr, done


@pytest.mark.root
def test_a_depot_a_policy_and_a_verifier_are_developed_while_they_are_asked(
    mesh: Mesh, image_archive: Path, short_path: Path, tmp_path: Path
) -> None:
    """Each is checked, and counts at once: an image goes into the depot and back, and what hook and verifier deny gets no name."""
    mesh.argosy("import", str(image_archive), "--no-unpack").ok()
    with developing(mesh, short_path, "depot", "attic") as dev:
        dev.serves(1)
        assert re.search(r"version 1 serves as depot plugin .* checks passed", dev.said), dev.said
        mesh.argosy("transfer", f"image:{IMAGE}", "attic:box").ok()
        dev.save(dev.file.read_text().replace("await file.seek(offset)", "pass"))
        dev.says("a-blob-comes-from-any-offset-on.*version 2 is not used|is not used.*a-blob-comes-from-any-offset-on")
        mesh.argosy("transfer", "attic:box", f"oci:{tmp_path / 'back'}").ok()
    # One that keeps things in a place that is not the session's gets nothing to keep that could never be removed.
    (short_path / "shelf.py").write_text(
        (EXAMPLES / "shelf.py").read_text().replace('Path(os.environ.get("SHELF", "shelf"))', f'Path("{tmp_path}/shelf")')
    )
    with developing(mesh, short_path, "depot", "shelf") as dev:
        dev.serves(1)
        assert not (tmp_path / "shelf").exists(), dev.said
    with developing(mesh, short_path, "hook", "warden", "--registries", "docker.io") as dev:
        dev.serves(1)
        mesh.argosy("tag", IMAGE, "docker.io/library/fine:1").ok()
        ran = mesh.argosy("tag", IMAGE, "elsewhere.example/box:1")
        assert ran.code != 0 and "there are docker.io" in ran.err, ran
        dev.save(dev.file.read_text().replace("are not used here", "are not wanted here"))
        dev.serves(2)
        assert "are not wanted here" in mesh.argosy("tag", IMAGE, "elsewhere.example/box:1").err
        dev.save(dev.file.read_text().replace("raise Deny(f", "raise Deny() if self else Deny(f"))
        dev.says("a-no-says-why")
    mesh.argosy("tag", IMAGE, "elsewhere.example/box:1").ok()
    (tmp_path / "list").write_text("sha256:" + "a" * 64 + "\n")
    with developing(mesh, short_path, "verifier", "reader", "--list", str(tmp_path / "list")) as dev:
        dev.serves(1)
        assert listed(mesh)["reader"]["type"] == "verifier"
