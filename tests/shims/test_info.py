"""What the shim says with ``-info``: its name, the options it was given, what the runtime they name can do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from argosy.typeurl import FEATURES
from argosy_protos.lean.containerd.runc.v1 import Options
from argosy_protos.lean.containerd.types import RuntimeInfo
from argosy_protos.lean.google.protobuf import Any as AnyMessage

from tests.harness.mesh import BIN

SHIM = BIN / "containerd-shim-runc-v2"


def ask(binary: Path | str, path: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    options = AnyMessage(type_url="containerd.runc.v1.Options", value=Options(binary_name=str(binary)).encode())
    env = {**os.environ, **({"PATH": f"{path}:{os.environ['PATH']}"} if path is not None else {})}
    return subprocess.run(
        [str(SHIM), "-info"], input=options.encode() if binary else b"", capture_output=True, env=env, timeout=20
    )


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_features_are_those_of_the_runtime_that_the_options_name(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine", '[ "$1" = features ] && echo \'{"ociVersionMax": "9.9"}\'')
    found = RuntimeInfo.decode(ask(mine).stdout)
    assert found.name == "io.containerd.runc.v2" and found.version is not None and found.version.version
    assert found.features is not None and found.features.type_url == FEATURES
    assert json.loads(found.features.value) == {"ociVersionMax": "9.9"}
    assert found.options is not None and Options.decode(found.options.value).binary_name == str(mine)


def test_without_options_they_are_those_of_the_usual_one(tmp_path: Path) -> None:
    program(tmp_path / "runc", "echo '{\"usual\": true}'")
    found = RuntimeInfo.decode(ask("", tmp_path).stdout)
    assert found.options is None and found.features is not None and json.loads(found.features.value) == {"usual": True}


@pytest.mark.parametrize("text", ["echo no such verb >&2; exit 1", "echo no JSON", "exit 0"])
def test_a_runtime_that_cannot_say_has_none(tmp_path: Path, text: str) -> None:
    ran = ask(program(tmp_path / "old", text))
    assert ran.returncode == 0 and RuntimeInfo.decode(ran.stdout).features is None


def test_a_runtime_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    ran = ask(tmp_path / "none")
    assert ran.returncode == 1 and b"is not installed" in ran.stderr and ran.stdout == b""
