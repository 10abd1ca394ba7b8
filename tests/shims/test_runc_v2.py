"""The runc shim's rules and dialects; that it runs containers is shown in tests/interop."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, NotFound
from argosy.shim import lifecycle, start
from argosy_protos.lean.containerd.runtime.bootstrap.v1 import BootstrapParams

VERBS = ("start", "exit", "kill", "update", "delete", "pause", "resume", "checkpoint")
ALL = [(status, verb) for status in range(1, 5) for verb in VERBS]


@pytest.mark.parametrize(("status", "verb"), [p for p in ALL if p not in lifecycle.MOVES])
def test_an_illegal_move_is_refused_with_a_sentence(status: int, verb: str) -> None:
    with pytest.raises(ArgosyError) as caught:
        lifecycle.move(status, verb)
    if (status, verb) == (lifecycle.STOPPED, "kill"):
        assert isinstance(caught.value, NotFound) and caught.value.message == "process already finished"
    else:
        assert caught.value.message == f"cannot {verb} a {lifecycle.NAMES[status]} process"
        assert isinstance(caught.value, FailedPrecondition) == (verb == "start")


def test_flags_are_gos() -> None:
    argv = ["-namespace", "n", "--id=i", "-address", "/a", "-debug", "-bundle", "/b", "delete"]
    flags, action = start.parse_flags(argv)
    assert (flags, action) == ({"namespace": "n", "id": "i", "address": "/a", "debug": "true", "bundle": "/b"}, "delete")
    for bad in (["-nope"], ["-id"]):
        with pytest.raises(ValueError, match="flag"):
            start.parse_flags(bad)


def test_the_socket_is_where_containerd_looks_for_it() -> None:
    expected = hashlib.sha256(b"/run/containerd/containerd.sock/default/abc").hexdigest()
    assert (
        start.socket_path("/run/containerd/s", "/run/containerd/containerd.sock", "default", "abc")
        == f"/run/containerd/s/{expected}"
    )
    assert len(start.socket_path("/run/containerd/s", "/x" * 60, "n" * 76, "i" * 76)) < 106


@pytest.mark.parametrize(
    ("annotations", "group"),
    [
        ({}, "me"),
        ({"io.kubernetes.cri.sandbox-id": "pod"}, "pod"),
        ({"io.containerd.runc.v2.group": "g", "io.kubernetes.cri.sandbox-id": "pod"}, "g"),
    ],
)
def test_containers_of_a_group_share_a_shim(tmp_path: Path, annotations: dict[str, str], group: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"annotations": annotations}))
    assert start.group_of(str(tmp_path), "me") == group


def test_params_are_told_from_options_by_whom_they_name() -> None:
    params = BootstrapParams(instance_id="i", namespace="n").encode()
    assert start.bootstrap_params(params, "i", "n") is not None
    # An Any of options has the same shape.
    options = b"\x0a\x1acontainerd.runc.v1.Options\x12\x02hi"
    assert start.bootstrap_params(options, "i", "n") is None
    assert start.bootstrap_params(b"", "i", "n") is None
    assert start.bootstrap_params(b"\xff", "i", "n") is None


def test_the_answer_is_in_the_daemons_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAX_SHIM_VERSION", raising=False)
    assert start.answer_of("unix:///s", None) == b"unix:///s"
    monkeypatch.setenv("MAX_SHIM_VERSION", "3")
    assert json.loads(start.answer_of("unix:///s", None)) == {"version": 3, "address": "unix:///s", "protocol": "ttrpc"}
    assert start.answer_of("unix:///s", BootstrapParams()) == b"\x08\x03\x12\x09unix:///s\x1a\x05ttrpc"


def test_a_shim_imports_nothing_heavy() -> None:
    """What a shim imports is what every container pays for."""
    code = (
        "import sys; import argosy_shim_runc_v2.service, argosy_shim_runc_v2.start, argosy.shim.daemon;"
        "print([m for m in ('asyncio', 'betterproto2', 'grpclib', 'pydantic', 'structlog', 'uvloop', 'aiosqlite') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_missing_runtime_is_named() -> None:
    from argosy_shim_runc_v2.runc import Runtime

    with pytest.raises(NotFound, match=r'OCI runtime "no-such-runc" is not installed: executable file not found in \$PATH'):
        Runtime("no-such-runc", "/tmp/x")
