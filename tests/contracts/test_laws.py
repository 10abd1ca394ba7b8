"""The wire is the only interface between processes: what import-linter is told of, and what it cannot see."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.service import Service
from argosy_cli.config import defaults, parse_mesh
from argosy_cli.services import installed, service_of

from scripts.circles import circles
from scripts.compose import check, files
from scripts.imports import contracts, packages

HERE = Path(__file__).parent.parent.parent


def processes() -> dict[str, Path]:
    """Return the package of every process and its folder."""
    found = {path.name: path for floor in ("services", "shims") for path in HERE.glob(f"{floor}/*/src/*") if path.is_dir()}
    found["argosy_cli"] = HERE / "cli/src/argosy_cli"
    return {name: path for name, path in found.items() if (path / "__init__.py").exists()}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every string of a module that the program sees: no docstring."""
    tree = ast.parse(path.read_text())
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def named(text: str, own: str, known: set[str]) -> set[str]:
    """Return the processes that a string names, or is about to name (``"argosy_"`` before something computed)."""
    words = set(re.findall(r"\bargosy_[a-z0-9_]*", text))
    return {word for word in words if (word in known and word != own) or word == "argosy_"}


def offences(folder: Path, own: str, known: set[str]) -> list[str]:
    return [
        f"{path.relative_to(HERE) if path.is_relative_to(HERE) else path}:{line}: {', '.join(sorted(found))}"
        for path in sorted(folder.rglob("*.py"))
        for line, text in strings(path)
        if (found := named(text, own, known))
    ]


def test_no_process_names_another_in_a_string() -> None:
    known = processes()
    assert {"argosy_gateway", "argosy_content", "argosy_cli", "argosy_shim_runc_v2"} <= known.keys()
    folders = {**known, "argosy": HERE / "sdk/src/argosy"}
    found = [line for own, folder in folders.items() for line in offences(folder, own, set(known))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'import_module("argosy_gateway.records")',
        '__import__(f"argosy_{kind}.__main__")',
        'KINDS = {"tasks": "argosy_tasks"}',
        'run([sys.executable, "-m", "argosy_diff"])',
    ],
)
def test_an_import_by_a_string_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "door.py").write_text(f'"""Says argosy_gateway in its docstring, which is no import."""\n{line}\n')
    assert len(offences(tmp_path, "argosy_cli", set(processes()))) == 1


def test_the_linter_is_told_of_every_process(tmp_path: Path) -> None:
    """From the folders: a new service is bound by the laws before anybody thinks of them."""
    told = contracts(HERE)
    for name in processes():
        assert told.count(name) >= (4 if name == "argosy_cli" else 5), name
    new = tmp_path / "services/new/src/argosy_new"
    new.mkdir(parents=True)
    (new / "__init__.py").touch()
    assert packages(tmp_path, "services") == ["argosy_new"]
    assert contracts(tmp_path).count("argosy_new") == 5


@pytest.mark.parametrize(
    ("imports", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b", "c"}, "b": {"c"}, "c": {"a"}}, [["a", "c", "a"], ["b", "c", "a", "b"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"a", "d"}, "d": {"c"}}, [["a", "b", "a"], ["c", "d", "c"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, [["b", "c", "b"]]),
    ],
)
def test_of_each_circle_a_shortest_way_is_shown(imports: dict[str, set[str]], found: list[list[str]]) -> None:
    assert circles(imports) == found


def test_a_circle_is_found_wherever_in_a_module_an_import_stands(tmp_path: Path) -> None:
    package = tmp_path / "round"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text("from round import b\n")
    (package / "b.py").write_text("def late():\n    from round.c import C\n    return C\n")
    c = package / "c.py"
    c.write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from round.a import A\nC = 1\n")
    config = tmp_path / "linter.ini"
    config.write_text(
        "[importlinter]\nroot_packages =\n    round\ncontract_types =\n    no_circles: scripts.circles.NoCircles\n"
        "[importlinter:contract:circles]\nname = circles\ntype = no_circles\npackages =\n    round\n"
    )

    def linted() -> subprocess.CompletedProcess[str]:
        program = (
            f"from importlinter.cli import lint_imports; raise SystemExit(lint_imports({str(config)!r}, no_cache=True))"
        )
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=60, check=False)

    broken = linted()
    assert broken.returncode == 1 and "round.a -> round.b -> round.c -> round.a" in broken.stdout
    c.write_text("C = 1\n")
    kept = linted()
    assert kept.returncode == 0, kept.stdout + kept.stderr


def test_every_service_of_the_tree_is_found_and_says_what_it_is() -> None:
    folders = {path.name for path in (HERE / "services").iterdir() if (path / "pyproject.toml").exists()}
    assert folders <= installed().keys()
    for kind in folders:
        service = service_of(kind)
        assert isinstance(service, Service) and callable(service.load()) and service.about


def test_the_topology_that_is_not_checked_at_a_start_is_right() -> None:
    import tomllib

    from argosy_cli.config import TOPOLOGY

    assert (HERE / "compose/mesh.toml").resolve() == TOPOLOGY.resolve()
    assert parse_mesh(tomllib.loads(TOPOLOGY.read_text()), "mesh.toml") == defaults()


def test_compose_is_what_the_services_say() -> None:
    assert check(files()) == []
