"""``PluginInfo`` with a RuntimeRequest (``ctr plugins inspect-runtime``, a CRI at its start): what a runtime's shim says of itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, NotFound, Unimplemented, Unknown
from argosy.typeurl import FEATURES, pack
from argosy_protos.containerd.runc.v1 import Options
from argosy_protos.containerd.services.introspection.v1 import PluginInfoRequest, PluginInfoResponse
from argosy_protos.containerd.types import RuntimeInfo, RuntimeRequest
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root

RUNTIME = "io.containerd.runtime.v2"


def ask(mesh: Mesh, options: Any, type: str = RUNTIME, id: str = "task") -> PluginInfoResponse:
    async def main() -> PluginInfoResponse:
        async with Client(mesh.address, "default") as client:
            request = PluginInfoRequest(type=type, id=id, options=options)
            answer: PluginInfoResponse = await client.services.introspection.plugin_info(request)
            return answer

    return asyncio.run(main())


def runtime(path: str, options: AnyMessage | None = None) -> AnyMessage:
    return pack("containerd.types.RuntimeRequest", RuntimeRequest(runtime_path=path, options=options))


def program(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def test_the_shim_says_what_the_runtime_of_the_options_can_do(mesh: Mesh, tmp_path: Path) -> None:
    mine = program(tmp_path / "mine", '[ "$1" = features ] && echo \'{"ociVersionMax": "9.9"}\'')
    options = pack("containerd.runc.v1.Options", Options(binary_name=mine))
    answer = ask(mesh, runtime("io.containerd.runc.v2", options))
    assert answer.plugin is not None and (answer.plugin.type, answer.plugin.id) == (RUNTIME, "task")
    assert answer.extra is not None and answer.extra.type_url == "containerd.types.RuntimeInfo"
    info = RuntimeInfo.decode(answer.extra.value)
    assert info.name == "io.containerd.runc.v2" and info.version is not None and info.version.version
    assert info.features is not None and info.features.type_url == FEATURES
    assert json.loads(info.features.value) == {"ociVersionMax": "9.9"}
    assert info.options == options


def test_any_shim_is_asked_and_given_the_options_as_they_are(mesh: Mesh, tmp_path: Path) -> None:
    said = RuntimeInfo(name="theirs", annotations={"containerd.io/runtime-allow-mounts": "erofs"})
    (tmp_path / "answer").write_bytes(said.encode())
    shim = program(tmp_path / "shim", f'[ "$1" = -info ] && cat >{tmp_path}/given && cat {tmp_path}/answer')
    options = AnyMessage(type_url="their.Options", value=b"\xff\x00what only they can read")
    extra = ask(mesh, runtime(shim, options)).extra
    assert extra is not None and RuntimeInfo.decode(extra.value) == said
    assert AnyMessage.decode((tmp_path / "given").read_bytes()) == options


@pytest.mark.parametrize(
    ("text", "mode", "error", "words"),
    [
        ("echo flag provided but not defined: -info >&2; exit 2", 0o755, Unknown, "flag provided but not defined"),
        ("echo no message", 0o755, Unknown, "no RuntimeInfo"),
        ("exit 0", 0o644, FailedPrecondition, "can't be run"),
    ],
)
def test_a_shim_that_cannot_say_is_an_error_in_words(
    mesh: Mesh, tmp_path: Path, text: str, mode: int, error: type[ArgosyError], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(mesh, runtime(program(tmp_path / "shim", text, mode)))


@pytest.mark.parametrize(
    ("options", "type", "id", "error"),
    [
        (runtime("io.containerd.none.v1"), RUNTIME, "task", NotFound),
        (runtime(""), RUNTIME, "task", InvalidArgument),
        (AnyMessage(type_url="containerd.types.RuntimeRequest", value=b"\xff"), RUNTIME, "task", InvalidArgument),
        (AnyMessage(type_url="some.Other"), RUNTIME, "task", Unimplemented),
        (runtime("io.containerd.runc.v2"), "io.containerd.snapshotter.v1", "overlayfs", Unimplemented),
        (runtime("io.containerd.runc.v2"), RUNTIME, "none", NotFound),
    ],
)
def test_other_questions_have_their_own_errors(
    mesh: Mesh, options: AnyMessage, type: str, id: str, error: type[ArgosyError]
) -> None:
    with pytest.raises(error):
        ask(mesh, options, type, id)


def test_without_options_the_plugin_alone_is_told(mesh: Mesh) -> None:
    answer = ask(mesh, None)
    assert answer.plugin is not None and answer.plugin.id == "task" and answer.extra is None
