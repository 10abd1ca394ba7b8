"""A setting of one service in a mesh's file, as the documentation has them: the others stay as they usually are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from argosy_cli.config import defaults, load
from argosy_cli.supervisor import plan

ROOT = Path(__file__).parents[2]
SNIPPETS = {
    ("transfer", "lanes"): 3,
    ("transfer", "answer_s"): 5.0,
    ("snapshotter-erofs", "layer_content_caches"): ["/srv/layers"],
    ("snapshotter-erofs", "default_size"): "10GiB",
    ("diff", "decryption_keys"): "/etc/argosy/keys",
    ("mounts", "activations"): 9,
}


@pytest.mark.parametrize(("service", "key"), SNIPPETS)
def test_one_setting_changes_one_service(tmp_path: Path, service: str, key: str) -> None:
    value = SNIPPETS[service, key]
    file = tmp_path / "mesh.toml"
    file.write_text(f"[services.{service}.settings]\n{key} = {repr(value).replace(chr(39), chr(34))}\n")
    loaded, usual = load(file).mesh, defaults()
    assert loaded.services.keys() == usual.services.keys()
    assert loaded.services[service].settings[key] == value
    assert {name: one for name, one in loaded.services.items() if name != service} == {
        name: one for name, one in usual.services.items() if name != service
    }
    assert loaded.services[service].kind == usual.services[service].kind and plan(loaded)
    said = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert re.search(rf"\[services\.{re.escape(service)}\.settings\]", said) and key in said


def test_a_kind_in_a_table_says_that_these_are_all(tmp_path: Path) -> None:
    file = tmp_path / "mesh.toml"
    file.write_text('[services.content]\nkind = "content"\n[services.tasks]\nkind = "tasks"\n')
    assert list(load(file).mesh.services) == ["content", "tasks"]
    file.write_text('[services.content]\nstart = "at-once"\n')
    changed = load(file).mesh.services
    assert changed.keys() == defaults().services.keys() and changed["content"].start == "at-once"
