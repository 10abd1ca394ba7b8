"""argosy cp, by the rules that docker's documentation has for docker cp: what goes where, what is refused, who owns it."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.errors import ArgosyError
from argosy_cli.copying import Goal, Place, goal

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Ran

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def copied(mesh: Mesh) -> Iterator[str]:
    """A container that runs."""
    mesh.argosy("run", "-d", "--name", "copied", IMAGE, "sleep", "1000").ok()
    try:
        yield "copied"
    finally:
        mesh.argosy("rm", "--force", "copied").ok()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with some files."""
    (tmp_path / "dir" / "sub").mkdir(parents=True)
    (tmp_path / "file").write_text("a file\n")
    (tmp_path / "dir" / "sub" / "x").write_text("x\n")
    (tmp_path / "dir" / "link").symlink_to("sub/x")
    (tmp_path / "to-dir").symlink_to("dir")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def place(mesh: Mesh, copied: str, request: pytest.FixtureRequest) -> str:
    """A directory of the test's own in the container."""
    path = f"/home/{abs(hash(request.node.name))}"
    mesh.argosy("exec", copied, "mkdir", "-p", path).ok()
    return path


def cp(mesh: Mesh, *words: str) -> Ran:
    return mesh.argosy("cp", *words)


def listed(mesh: Mesh, path: str) -> list[str]:
    out = mesh.argosy("exec", "copied", "find", path).ok().out
    return sorted(line.removeprefix(path) for line in out.splitlines() if line != path)


D = ["/dir", "/dir/link", "/dir/sub", "/dir/sub/x"]
C = ["/link", "/sub", "/sub/x"]


@pytest.mark.parametrize(
    ("source", "to", "expected"),
    [
        ("file", "", ["/file"]),
        ("file", "/other", ["/other"]),
        ("dir/", "/", D),
        ("dir/.", "", C),
        ("dir", "/new", ["/new", *(f"/new{one}" for one in C)]),
        ("to-dir/.", "", C),
    ],
)
def test_what_goes_in_is_where_docker_would_put_it(
    mesh: Mesh, place: str, here: Path, source: str, to: str, expected: list[str]
) -> None:
    said = cp(mesh, source, f"copied:{place}{to}").ok()
    assert listed(mesh, place) == expected
    assert said.out == "" and said.err.startswith("Successfully copied ")


@pytest.mark.parametrize(
    ("source", "to", "expected"),
    [
        ("/file", "out", ["out"]),
        ("/dir", "out", ["out", "out/link", "out/sub", "out/sub/x"]),
        ("/dir/.", ".", ["link", "sub", "sub/x"]),
        ("/dir/.", "out", ["out", "out/link", "out/sub", "out/sub/x"]),
    ],
)
def test_what_comes_out_is_where_docker_would_put_it(
    mesh: Mesh,
    place: str,
    here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    to: str,
    expected: list[str],
) -> None:
    cp(mesh, "-q", ".", f"copied:{place}").ok()
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert cp(mesh, "-q", f"copied:{place}{source}", to).ok().err == ""
    assert sorted(str(one.relative_to(empty)) for one in empty.rglob("*")) == expected


def test_a_file_is_overwritten_and_a_directory_merged(mesh: Mesh, place: str, here: Path) -> None:
    cp(mesh, "dir", f"copied:{place}").ok()
    (here / "dir" / "sub" / "x").write_text("newer\n")
    (here / "dir" / "sub" / "y").write_text("y\n")
    mesh.argosy("exec", "copied", "touch", f"{place}/dir/sub/stays").ok()
    cp(mesh, "dir", f"copied:{place}").ok()
    assert listed(mesh, place) == sorted([*D, "/dir/sub/stays", "/dir/sub/y"])
    assert mesh.argosy("exec", "copied", "cat", f"{place}/dir/sub/x").ok().out == "newer\n"
    cp(mesh, f"copied:{place}/dir/sub/x", "file").ok()
    assert (here / "file").read_text() == "newer\n"


def test_what_is_no_file_here_is_not_replaced_by_one(mesh: Mesh, place: str, here: Path) -> None:
    """``argosy cp copied:x /dev/null`` by root would leave a machine without it."""
    cp(mesh, "file", f"copied:{place}").ok()
    os.mknod("full", stat.S_IFCHR | 0o666, os.makedev(1, 7))
    os.mkfifo("pipe")
    (here / "to-full").symlink_to("full")
    for name in ("full", "pipe", "to-full"):
        kind = stat.S_IFMT(os.stat(name).st_mode)
        refused = cp(mesh, f"copied:{place}/file", name)
        assert refused.code == 6 and f'"{name}" is neither a file nor a directory' in refused.err
        assert stat.S_IFMT(os.stat(name).st_mode) == kind
    (here / "to-file").symlink_to("file")
    (here / "to-new").symlink_to("new")
    mesh.argosy("exec", "copied", "sh", "-c", f"echo newer > {place}/file").ok()
    for name, target in (("to-file", "file"), ("to-new", "new")):
        cp(mesh, f"copied:{place}/file", name).ok()
        assert os.readlink(name) == target and (here / target).read_text() == "newer\n"


def test_a_link_is_copied_or_what_it_leads_to(mesh: Mesh, place: str, here: Path) -> None:
    cp(mesh, "dir", f"copied:{place}").ok()
    cp(mesh, f"copied:{place}/dir/link", "as-link").ok()
    cp(mesh, "-L", f"copied:{place}/dir/link", "as-file").ok()
    assert os.readlink("as-link") == "sub/x" and Path("as-file").read_text() == "x\n" and not Path("as-file").is_symlink()
    cp(mesh, "dir/link", f"copied:{place}/as-link").ok()
    cp(mesh, "--follow-link", "dir/link", f"copied:{place}/as-file").ok()
    kinds = mesh.argosy("exec", "copied", "stat", "-c", "%F", f"{place}/as-link", f"{place}/as-file").ok().out.splitlines()
    assert kinds == ["symbolic link", "regular file"]


def test_a_destination_that_is_a_link_is_followed(mesh: Mesh, place: str, here: Path) -> None:
    mesh.argosy(
        "exec", "copied", "sh", "-c", f"mkdir {place}/real && ln -s real {place}/to && ln -s {place}/to {place}/abs"
    ).ok()
    cp(mesh, "file", f"copied:{place}/abs").ok()
    mesh.argosy("exec", "copied", "ln", "-s", "real/file", f"{place}/to-file").ok()
    Path("file").write_text("changed\n")
    cp(mesh, "file", f"copied:{place}/to-file").ok()
    assert listed(mesh, place) == ["/abs", "/real", "/real/file", "/to", "/to-file"]
    assert mesh.argosy("exec", "copied", "cat", f"{place}/real/file").ok().out == "changed\n"


def test_a_tar_goes_through_a_pipe_both_ways(mesh: Mesh, place: str, here: Path) -> None:
    packed = subprocess.run(["tar", "cf", "-", "dir"], capture_output=True, check=True).stdout
    command = [str(ARGOSY), "--address", str(mesh.address), "cp"]
    subprocess.run([*command, "-", f"copied:{place}"], input=packed, check=True, capture_output=True)
    assert listed(mesh, place) == D
    out = subprocess.run([*command, f"copied:{place}/dir", "-"], check=True, capture_output=True)
    assert out.stderr == b""
    Path("back").mkdir()
    subprocess.run(["tar", "xf", "-", "-C", "back"], input=out.stdout, check=True)
    assert subprocess.run(["diff", "-r", "dir", "back/dir"]).returncode == 0


def test_owners_are_kept_with_archive_only(mesh: Mesh, place: str, here: Path) -> None:
    os.chown("file", 1234, 4321)
    Path("file").chmod(0o4755)
    seen = []
    for flags in ((), ("-a",)):
        cp(mesh, *flags, "file", f"copied:{place}/f").ok()
        seen.append(mesh.argosy("exec", "copied", "stat", "-c", "%u:%g %a", f"{place}/f").ok().out.strip())
    assert seen == ["0:0 755", "1234:4321 4755"]
    for flags, expected in (((), (0, 0, 0o755)), (("-a",), (1234, 4321, 0o4755))):
        cp(mesh, *flags, f"copied:{place}/f", "out").ok()
        info = os.stat("out")
        assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == expected, (
            "a file of a container gives nobody rights here"
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a", "b"), 'neither "a" nor "b" is in a container; write CONTAINER:PATH for one of them'),
        (("nope:/x", "y"), 'container "nope" in namespace "default": not found'),
        (("copied:/nope", "y"), '"/nope" in container "copied": not found'),
        (("nope", "copied:/tmp"), '"nope": not found'),
        (("file", "copied:/nope/x"), '"/nope" in container "copied": not found'),
        (("dir", "copied:/etc/passwd"), 'cannot copy directory "dir" to the file "/etc/passwd"'),
        (("copied:/etc/passwd", "none/x"), 'directory "none": not found'),
        (("-", "copied:/etc/passwd"), 'destination "copied:/etc/passwd" must be a directory'),
        (("copied:/etc/passwd", "copied:/home/other"), "from container to container a copy keeps its name"),
        (("copied:/proc/self/status", "x"), '"/proc/self/status" in container "copied"'),
    ],
)
def test_what_can_not_be_is_said_and_nothing_is_done(
    mesh: Mesh, copied: str, here: Path, words: tuple[str, str], said: str
) -> None:
    before = sorted(str(one) for one in here.rglob("*"))
    ran = cp(mesh, *words)
    assert ran.code not in (0, 141) and ran.err.startswith(f"argosy: {said}") and ran.err.count("\n") == 1
    assert sorted(str(one) for one in here.rglob("*")) == before


def test_a_directory_does_not_replace_a_file_nor_a_file_a_directory(mesh: Mesh, place: str, here: Path) -> None:
    mesh.argosy("exec", "copied", "sh", "-c", f"mkdir {place}/file {place}/dir; echo stays > {place}/dir/sub").ok()
    ran = cp(mesh, "file", f"copied:{place}")
    assert ran.code == 6 and 'cannot overwrite directory "file" with non-directory' in ran.err
    ran = cp(mesh, "dir", f"copied:{place}")
    assert ran.code == 6 and "with directory" in ran.err and "cannot overwrite non-directory" in ran.err
    assert mesh.argosy("exec", "copied", "cat", f"{place}/dir/sub").ok().out == "stays\n"


def test_a_symlink_here_is_not_written_through(mesh: Mesh, place: str, here: Path) -> None:
    """A container's process chooses the names: none of them leads out of the directory that files go to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("t/evil", "t/evil/x"):
            info = tarfile.TarInfo(name)
            tar.addfile(info)
    mesh.argosy("exec", "copied", "sh", "-c", f"mkdir -p {place}/t/evil; echo bad > {place}/t/evil/x").ok()
    target = here / "target"
    target.mkdir()
    (here / "into" / "t").mkdir(parents=True)
    (here / "into" / "t" / "evil").symlink_to(target)
    ran = cp(mesh, f"copied:{place}/t", "into")
    assert ran.code == 6 and "cannot overwrite non-directory" in ran.err and list(target.iterdir()) == []


def test_all_of_a_container_comes_out_without_devices(mesh: Mesh, copied: str, here: Path) -> None:
    ran = cp(mesh, "copied:/", "all").ok()
    assert "argosy: devices that were left out: " in ran.err
    assert (here / "all" / "etc" / "passwd").is_file() and list((here / "all" / "proc").iterdir()) == []


def test_a_container_that_does_not_run(mesh: Mesh, here: Path) -> None:
    mesh.ctr("containers", "create", IMAGE, "still", "true").ok()
    try:
        cp(mesh, "dir", "still:/home").ok()
        cp(mesh, "still:/home/dir", "out").ok()
        assert subprocess.run(["diff", "-r", "dir", "out"]).returncode == 0
    finally:
        mesh.argosy("rm", "still").ok()


@pytest.mark.parametrize(
    ("text", "container", "path"),
    [
        ("c:/a", "c", "/a"), ("c:a", "c", "/a"), ("c:", "c", "/"), ("/a:b", "", "/a:b"), ("./a:b", "", "./a:b"),
        ("a", "", "a"), ("-", "", "-"), (":a", "", ":a"), ("c:/a:b", "c", "/a:b"),
    ],
)  # fmt: skip
def test_a_word_is_a_container_and_a_path_or_a_path_here(text: str, container: str, path: str) -> None:
    assert Place.parse(text) == (container, path)


def test_every_row_of_the_rules() -> None:
    """SRC a file or a directory, with or without /., to a DEST that is not there, a file, a directory, with or without a slash."""

    def row(source: str, is_directory: bool, destination: str, there: bool | None) -> Goal | str:
        try:
            return goal(Place("", source), is_directory, destination, there)
        except ArgosyError as error:
            return type(error).__name__

    rows = [
        (row(source, source != "f", destination, there))
        for source in ("f", "d", "d/.")
        for destination in ("/x/y", "/x/y/")
        for there in (None, False, True)
    ]
    new, into, contents, no = Goal("/x", "y"), Goal, Goal, "FailedPrecondition"
    assert rows == [
        new, new, into("/x/y", "f"), "NotFound", no, into("/x/y/", "f"),
        new, no, into("/x/y", "d"), new, no, into("/x/y/", "d"),
        new, no, contents("/x/y", "."), new, no, contents("/x/y/", "."),
    ]  # fmt: skip
