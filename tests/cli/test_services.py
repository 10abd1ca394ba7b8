"""The installed services are those that the standard library's reader of metadata finds, without its weight."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy_cli import services

GROUP = services.GROUP


def found() -> dict[str, str]:
    return {point.name: point.value for point in services._entry_points(GROUP)}


def install(folder: Path, distribution: str, text: str | None) -> None:
    info = folder / distribution
    info.mkdir(parents=True)
    name, _, version = distribution.rpartition(".")[0].partition("-")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if text is not None:
        (info / "entry_points.txt").write_text(text)


def test_those_that_are_here_are_found() -> None:
    known = {point.name: point.value for point in metadata.entry_points(group=GROUP)}
    assert found() == known and services.GATEWAY in known
    for point in services._entry_points(GROUP):
        assert point.load().name == point.name


def test_what_the_files_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    install(
        one, "first-1.0.dist-info",
        f"[console_scripts]\nx = a:b\n\n[{GROUP}]\n# a remark\n one = a.b:C.d [more]\ntwo=a:B\n[other]\nthree = a:b\n",
    )  # fmt: skip
    install(one, "none-1.0.dist-info", None)
    install(two, "First-0.9.dist-info", f"[{GROUP}]\nold = a:b\n")  # hidden by the one that comes first
    install(two, "Other.Name-1.dist-info", f"[{GROUP}]\nfour = a:b\n")
    (two / "a-file.dist-info").write_text("")
    monkeypatch.setattr(sys, "path", [str(one), str(two), str(tmp_path / "absent"), sys.executable])
    known = {point.name: point.value for point in metadata.entry_points(group=GROUP)}
    assert found() == known == {"one": "a.b:C.d [more]", "two": "a:B", "four": "a:b"}


def test_a_nested_object_is_loaded() -> None:
    assert services.EntryPoint("x", "os:path.join [extra]").load() is __import__("os").path.join
    with pytest.raises(AttributeError):
        services.EntryPoint("x", "os:nothing").load()
    with pytest.raises(ImportError):
        services.EntryPoint("x", "nothing_of_that_name:x").load()


def test_two_of_one_name_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (1, 2):
        install(tmp_path, f"d{n}-1.dist-info", f"[{GROUP}]\nsame = m{n}:S\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    services.installed.cache_clear()
    try:
        with pytest.raises(FailedPrecondition, match="two packages install a service"):
            services.installed()
    finally:
        services.installed.cache_clear()


def test_a_mesh_loads_neither_mail_nor_archives() -> None:
    script = (
        "import sys, argosy_cli.up; from argosy_cli.config import load; from argosy_cli.supervisor import plan; plan(load(None).mesh)\n"
        "print([m for m in ('email', 'zipfile', 'importlib.metadata', 'csv') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
