"""Mounts that are prepared: what of a list a manager makes, templates, and what is made beneath roots."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, ResourceExhausted, Unimplemented, Unknown
from argosy.kernel.loop_device import status
from argosy.kernel.mount import mount_all, temporary_mount
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_all
from argosy.mounting.activation import activate, take_down
from argosy.mounting.files import make_directories, make_file_system, size_of
from argosy.mounting.plan import plan
from argosy.mounting.templates import Made, expand
from argosy.mounts import Mount, check, needs_manager
from hypothesis import given
from hypothesis import strategies as st

S = "X-containerd."


def inode_behind(device: str) -> int:
    """Return the inode of the file that a loop device is attached to, 0 where it is to none any more."""
    try:
        fd = os.open(device, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int.from_bytes(status(fd).raw[8:16], "little")
    except OSError:
        return 0
    finally:
        os.close(fd)


def of_types(*types: str) -> list[Mount]:
    return [Mount(kind, f"/s{n}") for n, kind in enumerate(types)]


class TestPlan:
    """Which mounts are made, and which are left."""

    @pytest.mark.parametrize(
        ("types", "made", "left"),
        [
            (["bind", "format/overlay"], ["bind"], ["overlay"]),
            (["format/overlay"], [], ["overlay"]),
            (["erofs", "erofs", "format/mkdir/overlay"], ["erofs", "erofs"], ["overlay"]),
            (["erofs"], ["erofs"], []),
            (["bind", "erofs", "bind", "tmpfs"], ["bind", "erofs"], ["bind", "tmpfs"]),
            (["mkfs/ext4", "format/mkdir/bind"], ["ext4"], ["bind"]),
            (["format/erofs"], ["erofs"], []),
            (["loop", "bind"], ["loop"], ["bind"]),
            (["format/bind", "bind", "mkdir/bind", "ext4"], ["bind", "bind"], ["bind", "ext4"]),
        ],
    )
    def test_all_that_stands_before_a_transformed_mount_is_made(
        self, types: Sequence[str], made: Sequence[str], left: Sequence[str]
    ) -> None:
        found = plan(of_types(*types))
        assert [step.mount.type for step in found.made] == made
        assert [step.mount.type for step in found.left] == left
        assert not any(step.transformers for step in found.left[1:]), "only the first one that is left can need it"

    def test_transformers_are_done_from_left_to_right(self) -> None:
        assert plan(of_types("format/mkdir/mkfs/ext4")).left[0].transformers == ("format", "mkdir", "mkfs")

    def test_a_temporary_one_makes_all(self) -> None:
        found = plan(of_types("bind", "overlay"), temporary=True)
        assert len(found.made) == 2 and not found.left and found.temporary

    @pytest.mark.parametrize("types", [[], ["overlay"], ["bind", "ext4"], ["strange/format/overlay"]])
    def test_what_anybody_mounts_is_not_for_a_manager(self, types: list[str]) -> None:
        with pytest.raises(Unimplemented):
            plan(of_types(*types))
        if types != ["strange/format/overlay"]:
            assert not needs_manager(of_types(*types))


MADE = [Made(Mount("ext4", "/img", (), "sub"), "/t/2"), Made(Mount("bind", "/b"), "/t/1")]


class TestTemplates:
    """Texts that refer to mounts made before."""

    @pytest.mark.parametrize(
        ("text", "expanded"),
        [
            ("{{ mount 0 }}/upper", "/t/2/upper"),
            ("lowerdir={{ overlay 0 1 }}", "lowerdir=/t/2:/t/1"),
            ("lowerdir={{ overlay 1 0 }}:/x", "lowerdir=/t/1:/t/2:/x"),
            ("{{overlay 1 1}}", "/t/1"),
            ("{{ source 1 }} and {{ target 0 }}", "/b and sub"),
            ("nothing } here {", "nothing } here {"),
        ],
    )
    def test_what_they_say(self, text: str, expanded: str) -> None:
        assert expand(text, MADE) == expanded

    @pytest.mark.parametrize(
        "text",
        [
            "{{ mount }}", "{{ mount 0 1 }}", "{{ overlay 1 }}", "{{ env 0 }}", "{{ mount 0 | print }}", "{{ . }}", "{{ mount x }}",
            "{{ mount 0", "{{ mount {{ mount 0 }} }}", "{{- mount 0 }}", "{{ mount 99999999999 }}", '{{ printf "%s" "/etc" }}',
        ],
    )  # fmt: skip
    def test_nothing_else_is_an_action(self, text: str) -> None:
        with pytest.raises(InvalidArgument, match=r"\{\{"):
            expand(text, MADE)

    @pytest.mark.parametrize(
        ("text", "at", "number"), [("a={{ mount 7 }}", 5, 7), ("é{{overlay 0 2}}", 4, 2), ("{{ mount -1 }}", 3, -1)]
    )
    def test_a_mount_that_was_not_made_is_told_in_containerds_words(self, text: str, at: int, number: int) -> None:
        with pytest.raises(Unknown) as caught:
            expand(text, MADE)
        assert caught.value.message.startswith(f'template: :1:{at}: executing "" at <')
        assert caught.value.message.endswith(f"index out of bounds: {number}, has 2 active mounts")

    def test_a_short_text_does_not_become_a_long_one(self) -> None:
        long = [Made(Mount("bind", "/" + "x" * 4000), "/t/1")]
        with pytest.raises(ResourceExhausted):
            expand("{{ source 0 }}" * 300, long)

    @given(st.text(max_size=60))
    def test_no_text_breaks_them(self, text: str) -> None:
        for one in (text, "{{" + text + "}}", "{{ mount " + text + " }}"):
            try:
                expand(one, MADE)
            except ArgosyError:
                pass


class TestDirectories:
    """``mkdir``."""

    def test_modes_and_what_is_there(self, tmp_path: Path) -> None:
        roots = [str(tmp_path)]
        spec = Mount(
            "overlay",
            "overlay",
            (f"{S}mkdir.path={tmp_path}/a", f"{S}mkdir.path={tmp_path}/b:0755:{os.geteuid()}:{os.getegid()}", "ro"),
        )
        for _ in range(2):
            assert make_directories(spec, roots).options == ("ro",)
        assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o700, 0o755]
        with pytest.raises(Unimplemented, match="is there with the mode 0755, not 0700"):
            make_directories(Mount("bind", "/x", (f"{S}mkdir.path={tmp_path}/b",)), roots)

    @pytest.mark.parametrize(
        ("value", "error"),
        [
            ("{root}/a:0755:0", InvalidArgument), ("{root}/a:1777", InvalidArgument), ("{root}/a:rwx", InvalidArgument),
            ("{root}/a:0755:x:0", InvalidArgument), ("{root}/a:0755:4242:0", Unimplemented), ("{root}/..", InvalidArgument),
            ("{root}/a/../b", InvalidArgument), ("{root}/", InvalidArgument), ("{root}", Unimplemented), ("a", InvalidArgument),
            ("{root}2/a", Unimplemented), ("/etc/argosy-test", Unimplemented), ("{root}/link/a", OSError), ("{root}/out/a", OSError),
            ("{root}/no/a", FileNotFoundError), ("{root}/file", NotADirectoryError), ("{root}/link", OSError),
        ],
    )  # fmt: skip
    def test_nothing_is_made_elsewhere(self, tmp_path: Path, value: str, error: type[Exception]) -> None:
        """As for ``..`` and symlinks, so for a root whose name is the beginning of another's."""
        root = tmp_path / "root"
        for path in (root / "dir", tmp_path / "root2", tmp_path / "outside"):
            path.mkdir(parents=True)
        (root / "link").symlink_to("dir")
        (root / "out").symlink_to("../outside")
        (root / "file").touch()
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(error):
            make_directories(Mount("bind", "/x", (f"{S}mkdir.path={value.format(root=root)}",)), [str(root)])
        assert sorted(tmp_path.rglob("*")) == before

    def test_an_option_that_nobody_knows(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match=r"X-containerd\.mkdir\.owner"):
            make_directories(Mount("bind", "/x", (f"{S}mkdir.owner=0",)), [str(tmp_path)])


class TestFileSystems:
    """``mkfs``."""

    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("16MiB", 16 << 20),
            ("1g", 1 << 30),
            ("64k", 1 << 16),
            ("1.5 MB", 3 << 19),
            ("4096", 4096),
            ("2TB", 2 << 40),
            ("10b", 10),
        ],
    )
    def test_sizes(self, text: str, size: int) -> None:
        assert size_of(text) == size

    @pytest.mark.parametrize("text", ["", "x", "-1", "0", "1e6", "1 2", "999999999999999P", "0x10", "1mm"])
    def test_what_is_no_size(self, text: str) -> None:
        with pytest.raises(InvalidArgument):
            size_of(text)

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ((), InvalidArgument), (("size=x",), InvalidArgument), (("size=1m", "fs=vfat"), InvalidArgument),
            (("size=1m", "uuid=clear"), InvalidArgument), (("size=1m", "label=x"), InvalidArgument),
        ],
    )  # fmt: skip
    def test_options_that_cannot_be(self, tmp_path: Path, options: Sequence[str], error: type[Exception]) -> None:
        spec = Mount("ext4", f"{tmp_path}/img", tuple(f"{S}mkfs.{one}" for one in options))
        with pytest.raises(error):
            make_file_system(spec, [str(tmp_path)])
        assert os.listdir(tmp_path) == []

    def test_only_what_it_makes_is_formatted_and_only_beneath_roots(self, tmp_path: Path) -> None:
        root, options = tmp_path / "root", (f"{S}mkfs.size=256KiB", f"{S}mkfs.fs=ext2", "loop")
        (root / "dir").mkdir(parents=True)
        victim = tmp_path / "victim"
        victim.write_bytes(b"mine" * 1000)
        (root / "there").write_bytes(b"mine" * 1000)
        (root / "link").symlink_to(victim)
        assert make_file_system(Mount("ext2", f"{root}/there", options), [str(root)]).options == ("loop",)
        for name, error in (("link", FailedPrecondition), ("dir", FailedPrecondition), ("../new", InvalidArgument)):
            with pytest.raises(error):
                make_file_system(Mount("ext2", f"{root}/{name}", options), [str(root)])
        with pytest.raises(Unimplemented, match=r'^no root ".*" configured for mkfs$'):
            make_file_system(Mount("ext2", f"{tmp_path}/new", options), [str(root)])
        assert victim.read_bytes() == (root / "there").read_bytes() == b"mine" * 1000
        make_file_system(Mount("ext2", f"{root}/new", options), [str(root)])
        assert (root / "new").stat().st_size == 256 << 10 and sorted(os.listdir(root)) == ["dir", "link", "new", "there"]

    def test_a_file_system_that_cannot_be_made_leaves_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(FailedPrecondition, match=r"mkfs\.ext4 could not make img"):
            make_file_system(Mount("ext4", f"{tmp_path}/img", (f"{S}mkfs.size=1k",)), [str(tmp_path)])
        assert os.listdir(tmp_path) == []


@pytest.mark.root
class TestActivation:
    """Mounts in a directory."""

    def test_slots_have_the_width_that_the_number_of_mounts_needs(self, tmp_path: Path) -> None:
        for name in ("low", "t"):
            (tmp_path / name).mkdir()
        many = [
            *(Mount("bind", f"{tmp_path}/low", ("ro",)) for _ in range(12)),
            Mount("format/bind", "{{ mount 11 }}", ("ro",)),
        ]
        found = activate(plan(many), f"{tmp_path}/t", ())
        assert [Path(made.point).name for made in found.made] == [f"{n:02}" for n in range(12, 0, -1)]
        assert found.system[0].source == f"{tmp_path}/t/01"
        assert (tmp_path / "t/12-type").read_text() == "bind"
        take_down(f"{tmp_path}/t")
        assert os.listdir(tmp_path / "t") == []

    @pytest.mark.parametrize(
        "hostile",
        [
            Mount("format/bind", "{{ source 0 }}", ("ro",)),
            Mount("format/overlay", "overlay", ("lowerdir={{ source 0 }}:/usr",)),
            Mount("format/overlay", "overlay", ("{{ target 0 }}",)),
            Mount("format/mkdir/bind", "/usr", (f"{S}mkdir.path={{{{ source 0 }}}}/x", "ro")),
        ],
    )
    def test_what_a_text_has_become_is_looked_at_again(self, tmp_path: Path, hostile: Mount) -> None:
        """A tmpfs may call its source anything, so a text that is made of it may be anything as well."""
        (tmp_path / "t").mkdir()
        made = Mount("tmpfs", "relative", (), "")
        try:
            check([made, hostile])
        except FailedPrecondition:
            return
        with pytest.raises(ArgosyError):
            activate(plan([made, hostile]), f"{tmp_path}/t", (str(tmp_path),))
        assert os.listdir(tmp_path / "t") == [] and not any(str(tmp_path) in one.point for one in mount_points())

    def test_whoever_mounts_prepares_alone(self, tmp_path: Path) -> None:
        """The manager's mounts are gone once the rest is mounted, which keeps what it needs."""
        for name in ("low", "point"):
            (tmp_path / name).mkdir()
        (tmp_path / "low/file").touch()
        make_file_system(Mount("ext4", f"{tmp_path}/img", (f"{S}mkfs.size=1MiB",)), [str(tmp_path)])
        mounts = [
            Mount("mkfs/ext4", f"{tmp_path}/img", (f"{S}mkfs.size=1MiB", "rw", "loop")),
            Mount(
                "format/mkdir/overlay", "overlay",
                (
                    f"{S}mkdir.path={{{{ mount 0 }}}}/u:0755", f"{S}mkdir.path={{{{ mount 0 }}}}/w", f"lowerdir={tmp_path}/low",
                    "upperdir={{ mount 0 }}/u", "workdir={{ mount 0 }}/w",
                ),
            ),
        ]  # fmt: skip
        disk = os.stat(tmp_path / "img").st_ino

        def of_disk() -> list[str]:
            return [
                one.point
                for one in mount_points()
                if one.source.startswith("/dev/loop") and inode_behind(one.source) == disk
            ]

        mount_all(mounts, f"{tmp_path}/point")
        (tmp_path / "point/new").touch()
        assert sorted(os.listdir(tmp_path / "point")) == ["file", "new"]
        assert of_disk() == [], "the overlay alone keeps it"
        unmount_all(f"{tmp_path}/point")
        with temporary_mount(mounts, read_only=True) as seen:
            assert sorted(os.listdir(seen)) == ["file", "new"]
            with pytest.raises(OSError, match="Read-only"):
                Path(seen, "file").unlink()
        (tmp_path / "img").unlink()
        with pytest.raises(Unimplemented, match=r'^no root ".*" configured for mkfs$'):
            mount_all(mounts, f"{tmp_path}/point")
        assert of_disk() == []

    def test_options_of_a_manager_that_nobody_consumed_are_refused_in_containerds_words(self, tmp_path: Path) -> None:
        with pytest.raises(
            FailedPrecondition,
            match=r'^internal mount option "X-containerd\.dmverity=/x" was not consumed by the mount manager$',
        ):
            mount_all([Mount("erofs", "/x", ("ro", f"{S}dmverity=/x"))], str(tmp_path))
