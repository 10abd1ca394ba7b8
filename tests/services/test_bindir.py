"""Programs that verify images, as containerd's plugin runs them: their order, limits, time and output, and what each of their ends means."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from argosy.errors import Unknown
from argosy.kernel.process import alive
from argosy.tables import ImageVerifiers
from argosy_protos.argosy.verifier.v1 import VerifyRequest, VerifyResponse
from argosy_protos.containerd.types import Descriptor
from argosy_transfer.bindir import OUTPUT_BYTES, Bindir

from tests.harness.mesh import eventually

T = TypeVar("T")
DIGEST = "sha256:" + "a" * 64
TARGET = Descriptor(media_type="m", digest=DIGEST, size=7)
# A busy machine may take long to start a shell.
PATIENT_S = 30.0
# What is given up is given little time first, and more where the machine is too busy for that.
HASTES = (0.5, 3.0, 15.0)


def program(folder: Path, name: str, body: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
    return path


def on_uvloop(main: Callable[[], Awaitable[T]]) -> T:
    """Run it on the loop that the service has."""
    return anyio.run(main, backend="asyncio", backend_options={"use_uvloop": True})


def verified(folder: Path, target: Descriptor = TARGET, within_s: float = PATIENT_S, most: int = 10) -> VerifyResponse:
    settings = ImageVerifiers(bin_dir=str(folder), max_verifiers=most, per_verifier_timeout_s=within_s)

    async def main() -> VerifyResponse:
        return await Bindir(settings).verify(VerifyRequest(namespace="n", name="docker.io/library/box:1", target=target))

    return on_uvloop(main)


def test_each_gets_the_image_by_arguments_and_standard_input(tmp_path: Path) -> None:
    program(tmp_path, "a", 'echo "$@"; cat; env | grep ^OF_THE_TEST=')
    os.environ["OF_THE_TEST"] = "seen"
    try:
        said = verified(tmp_path, Descriptor(media_type="m/é", digest=DIGEST, size=7, annotations={"b": "1", "a": "2"}))
    finally:
        del os.environ["OF_THE_TEST"]
    assert said.ok and said.reason == (
        f"a => -name docker.io/library/box:1 -digest {DIGEST} -stdin-media-type application/vnd.oci.descriptor.v1+json\n"
        f'{{"mediaType":"m/é","digest":"{DIGEST}","size":7,"annotations":{{"a":"2","b":"1"}}}}\nOF_THE_TEST=seen'
    )


def test_they_are_run_in_the_order_of_their_names_and_all_reasons_are_told(tmp_path: Path) -> None:
    for name in ("b", "B", "10", "9"):
        program(tmp_path, name, f"echo '  fine, says {name}  '")
    assert verified(tmp_path).reason == ", ".join(f"{name} => fine, says {name}" for name in ("10", "9", "B", "b"))


def test_the_first_that_rejects_it_decides(tmp_path: Path) -> None:
    program(tmp_path, "a", "exit 0")
    program(tmp_path, "b", "echo looks bad; echo ignored >&2; exit 3")
    program(tmp_path, "c", f"touch {tmp_path}/was-run")
    said = verified(tmp_path)
    assert (said.ok, said.reason) == (False, "verifier b rejected image (exit code 3): looks bad")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("most", "ran"), [(0, []), (1, ["a"]), (2, ["a", "b"]), (3, ["a", "b", "c"]), (-1, ["a", "b", "c"])]
)
def test_so_many_are_run_and_no_more(tmp_path: Path, most: int, ran: list[str]) -> None:
    for name in "abc":
        program(tmp_path, name, "true")
    said = verified(tmp_path, most=most)
    assert said.ok and said.reason == ", ".join(f"{name} => " for name in ran)


def test_without_programs_everything_is_accepted(tmp_path: Path) -> None:
    assert verified(tmp_path / "none") == VerifyResponse(ok=True)
    (tmp_path / "empty").mkdir()
    assert verified(tmp_path / "empty") == VerifyResponse(ok=True)


def test_a_directory_that_can_not_be_read_keeps_images_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unknown, match="failed to list directory contents: .*not a directory"):
        verified(tmp_path / "file")


def test_what_is_no_program_keeps_images_out(tmp_path: Path) -> None:
    for name in ("sub", "text"):
        folder = tmp_path / f"with-{name}"
        folder.mkdir()
        if name == "sub":
            (folder / name).mkdir()
        else:
            (folder / name).write_text("x")
        with pytest.raises(
            Unknown,
            match=rf"failed to call verifier {name} \(runtime .*s\): starting process: fork/exec {folder}/{name}: permission denied",
        ):
            verified(folder)


def test_one_that_takes_too_long_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    program(tmp_path, "slow", f"sleep 1000 & echo $! > {tmp_path}/child.pid; echo $$ > {tmp_path}/own.pid; sleep 1000")
    (tmp_path / "bin").mkdir()
    (tmp_path / "slow").rename(tmp_path / "bin/slow")
    for within_s in HASTES:
        with pytest.raises(
            Unknown, match=r"failed to call verifier slow \(runtime .*s\): waiting on command to exit: signal: killed"
        ):
            verified(tmp_path / "bin", within_s=within_s)
        if (tmp_path / "own.pid").exists() and (tmp_path / "own.pid").read_text():
            break
    for file in ("child.pid", "own.pid"):
        pid = int((tmp_path / file).read_text())
        eventually(lambda pid=pid: not alive(pid), what=f"{file} lives")  # type: ignore[misc] # mypy infers no type for a default


def test_one_that_is_killed_is_no_verdict(tmp_path: Path) -> None:
    program(tmp_path, "a", "kill -SEGV $$")
    with pytest.raises(Unknown, match="signal: segmentation fault"):
        verified(tmp_path)


def test_one_that_has_ended_counts_though_what_it_has_started_has_its_output(tmp_path: Path) -> None:
    program(tmp_path, "a", f"echo fine; sleep 1000 & echo $! > {tmp_path}.pid")
    for within_s in HASTES:
        try:
            assert verified(tmp_path, within_s=within_s).reason == "a => fine"
            break
        except Unknown:
            if within_s == HASTES[-1]:
                raise  # it was given time enough to end
    pid = int(Path(f"{tmp_path}.pid").read_text())
    eventually(lambda: not alive(pid))


def test_output_is_bounded_and_read_to_its_end(tmp_path: Path) -> None:
    program(
        tmp_path,
        "a",
        f"yes | tr -d '\\n' | head -c {10 * OUTPUT_BYTES}; yes | head -c {10 * OUTPUT_BYTES} >&2; touch {tmp_path}.end",
    )
    reason = verified(tmp_path).reason
    assert reason == "a => " + "y" * OUTPUT_BYTES + "(stdout truncated)"
    assert Path(f"{tmp_path}.end").exists()


def test_one_that_does_not_read_its_input_may_end(tmp_path: Path) -> None:
    program(tmp_path, "a", "exec <&-; echo fine")
    large = Descriptor(media_type="m", digest=DIGEST, size=7, annotations={str(n): "x" * 1000 for n in range(1000)})
    assert verified(tmp_path, large).reason == "a => fine"


def test_a_caller_that_leaves_ends_it(tmp_path: Path) -> None:
    program(tmp_path, "a", f"echo $$ > {tmp_path}.pid; exec sleep 1000")

    async def main() -> None:
        settings = ImageVerifiers(bin_dir=str(tmp_path), per_verifier_timeout_s=PATIENT_S)
        asking = asyncio.create_task(Bindir(settings).verify(VerifyRequest(name="n", target=TARGET)))
        while not Path(f"{tmp_path}.pid").exists() or not Path(f"{tmp_path}.pid").read_text():
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    on_uvloop(main)
    assert not alive(int(Path(f"{tmp_path}.pid").read_text()))


def test_a_name_with_a_zero_byte_is_an_error_and_no_argument_that_is_cut(tmp_path: Path) -> None:
    program(tmp_path, "a", "true")
    with pytest.raises(Unknown, match="a zero byte in an argument"):
        verified(tmp_path, Descriptor(media_type="m", digest=f"{DIGEST}\0x", size=1))


def test_a_caller_that_leaves_at_any_time_leaves_no_program(tmp_path: Path) -> None:
    """Also while one is being started, which nobody knows then."""
    program(tmp_path, "a", "exec sleep 1000")

    def running() -> set[int]:
        return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}

    async def main() -> None:
        before = running()
        settings = ImageVerifiers(bin_dir=str(tmp_path), per_verifier_timeout_s=PATIENT_S)
        for turns in range(12):
            asking = asyncio.create_task(Bindir(settings).verify(VerifyRequest(name="n", target=TARGET)))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert running() == before, turns

    on_uvloop(main)
