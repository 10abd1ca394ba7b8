"""Code that has changed on disk is seen, whoever's it is; what is loaded while it changes is not taken for what is there."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.loaded import Loaded


@pytest.fixture(autouse=True)
def begun_just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests touch files that this very process has loaded."""
    monkeypatch.setattr("argosy.loaded._LOADING_NS", 0)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module's file, which was there before anything that looks at it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "changes_in_a_test.py"
    file.write_text("answer = 1\n")
    time.sleep(0.02)
    yield file
    sys.modules.pop("changes_in_a_test", None)


def loaded() -> Loaded:
    """What is remembered of a module that is loaded now."""
    found = Loaded()
    found.note()
    importlib.import_module("changes_in_a_test")
    found.note()
    return found


def test_nothing_has_changed_where_nothing_was_touched(module: Path) -> None:
    found = loaded()
    assert found.changed() is None and found.changed() is None


def edited(file: Path) -> None:
    file.write_text("answer = 2 * 21\n")


def touched(file: Path) -> None:
    os.utime(file)


def replaced_by_one_of_the_same_age_and_size(file: Path) -> None:
    before = os.stat(file)
    new = file.with_suffix(".new")
    new.write_text("answer = 3\n")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.rename(new, file)


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [edited, touched, replaced_by_one_of_the_same_age_and_size, removed])
def test_a_change_is_seen(module: Path, change: object) -> None:
    found = loaded()
    assert callable(change)
    change(module)
    assert found.changed() == str(module)


def test_a_file_that_changed_while_it_was_loaded_is_taken_for_another(module: Path) -> None:
    """Whether the old or the new one was read, nobody knows."""
    found = Loaded()
    importlib.import_module("changes_in_a_test")
    edited(module)
    found.note()
    assert found.changed() == str(module)


def test_what_is_loaded_later_counts_too(module: Path) -> None:
    found = Loaded()
    found.note()
    importlib.import_module("changes_in_a_test")
    assert found.changed() is None
    edited(module)
    assert found.changed() == str(module)


def test_looking_loads_nothing(module: Path) -> None:
    spec = importlib.util.find_spec("changes_in_a_test")
    assert spec is not None and spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    waits = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = waits
    spec.loader.exec_module(waits)
    found = Loaded()
    found.note()
    assert "answer" not in object.__getattribute__(waits, "__dict__")
    assert waits.answer == 1


def test_anything_may_stand_among_the_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "odd_of_a_test", object())
    kind = type(sys)
    for name, file in (("none_of_a_test", None), ("made_of_a_test", "<made>"), ("zip_of_a_test", f"{sys.executable}/in.py")):
        made = kind(name)
        made.__dict__["__file__"] = file
        monkeypatch.setitem(sys.modules, name, made)
    assert Loaded().changed() is None


def test_a_process_looks_back_to_its_beginning(tmp_path: Path) -> None:
    """What was replaced after it had been loaded, and before anybody began to look, is another file."""
    module = tmp_path / "early.py"
    module.write_text("answer = 1\n")
    time.sleep(0.05)
    # The kernel dates starts and files by ticks of up to 10 ms.
    script = (
        f"import sys, time; sys.path.insert(0, {str(tmp_path)!r}); import early\n"
        "time.sleep(0.03)\n"
        "if len(sys.argv) > 1: open(early.__file__, 'a').write('answer = 2\\n')\n"
        "time.sleep(0.1)\nfrom argosy.loaded import Loaded; print(Loaded().changed())"
    )
    for words, said in (([], "None"), (["change"], str(module))):
        ran = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == said


def test_what_was_written_right_before_a_start_is_what_is_loaded(tmp_path: Path) -> None:
    """The clock that files get their times from runs up to a tick behind the one that tells when a process began."""
    module = tmp_path / "early.py"
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import early\nfrom argosy.loaded import Loaded; print(Loaded().changed())"
    for n in range(30):
        module.write_text(f"answer = {'1' * (n + 1)}\n")
        ran = subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "None"
