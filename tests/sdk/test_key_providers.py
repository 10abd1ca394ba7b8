"""Key providers: commands and gRPC services that wrap keys of layers, those that fail, hang, or never stop talking."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from argosy.encryption import providers, words, wrapping
from argosy.encryption.cipher import LayerKey
from argosy.errors import (
    ArgosyError,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
)
from google.protobuf.wrappers_pb2 import BytesValue

KEY = LayerKey(bytes(range(32)), bytes(16), f"sha256:{'a' * 64}")
SEAL = bytes(32)
# It wraps by turning bytes around, and notes what it was told.
TURNING = """
import base64, json, sys
said = json.load(sys.stdin)
open(sys.argv[1], "a").write(json.dumps(said) + "\\n")
if said["op"] == "keywrap":
    wrapped = base64.b64decode(said["keywrapparams"]["optsdata"])[::-1]
    print(json.dumps({"keywrapresults": {"annotation": base64.b64encode(wrapped).decode()}}))
else:
    data = base64.b64decode(said["keyunwrapparams"]["annotation"])[::-1]
    print(json.dumps({"keyunwrapresults": {"optsdata": base64.b64encode(data).decode()}}))
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The key providers of the configuration, to be filled; written when ``write`` is called."""
    table: dict[str, Any] = {}
    path = tmp_path / "providers.json"
    table["write"] = lambda: path.write_text(json.dumps({"key-providers": {k: v for k, v in table.items() if k != "write"}}))
    monkeypatch.setenv(providers.CONFIG, str(path))
    yield table


def command(tmp_path: Path, text: str, *args: str) -> dict[str, Any]:
    program = tmp_path / f"provider-{len(list(tmp_path.iterdir()))}.py"
    program.write_text(text)
    return {"cmd": {"path": sys.executable, "args": ["-IS", str(program), *args]}}


def round_trip(name: str) -> LayerKey:
    annotations = wrapping.wrap(KEY, SEAL, words.recipients([f"provider:{name}:a:b"]), {})
    assert f"org.opencontainers.image.enc.keys.provider.{name}" in annotations
    return wrapping.unwrap(annotations, words.keys([f"provider:{name}:c"]))


def test_a_command_wraps_and_unwraps(configured: dict[str, Any], tmp_path: Path) -> None:
    """It is told its own parameters, and no keys of others that are given beside it."""
    configured["turning"] = command(tmp_path, TURNING, str(tmp_path / "told"))
    configured["write"]()
    assert round_trip("turning") == KEY
    annotations = wrapping.wrap(KEY, SEAL, words.recipients(["provider:turning"]), {})
    assert wrapping.unwrap(annotations, {"privkeys": [b"secret"], "privkeys-passwords": [b"secret"]}) == KEY
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    names = ["keywrapparams", "keyunwrapparams"] * 2
    assert [one["op"] for one in told] == ["keywrap", "keyunwrap"] * 2
    configs = [
        one[name]["ec" if name == "keywrapparams" else "dc"]["Parameters"] for one, name in zip(told, names, strict=True)
    ]
    assert configs == [
        {"turning": [base64.b64encode(b"a:b").decode()]}, {"turning": [base64.b64encode(b"c").decode()]},
        {"turning": [base64.b64encode(b"Enabled").decode()]}, {"turning": []},
    ]  # fmt: skip
    assert "secret" not in (tmp_path / "told").read_text()


@pytest.fixture
def served() -> Iterator[tuple[str, list[str]]]:
    """A provider by Google's gRPC: its address, and the methods that were called."""
    called: list[str] = []

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            called.append(details.method)

            def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
                said = json.loads(BytesValue.FromString(data).value)
                if details.method.endswith("/WrapKey"):
                    key = said["keywrapparams"]["optsdata"]
                    out: dict[str, Any] = {"keywrapresults": {"annotation": base64.b64encode(key.encode()).decode()}}
                else:
                    if said["keyunwrapparams"]["dc"]["Parameters"].get("net") == [base64.b64encode(b"no").decode()]:
                        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")
                    out = {
                        "keyunwrapresults": {"optsdata": base64.b64decode(said["keyunwrapparams"]["annotation"]).decode()}
                    }
                return BytesValue(value=json.dumps(out).encode()).SerializeToString()

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", called
    server.stop(None).wait()


def test_a_grpc_service_wraps_and_unwraps(configured: dict[str, Any], served: tuple[str, list[str]]) -> None:
    """Its messages have one field of bytes, as a wrapper of Google's has."""
    configured["net"] = {"grpc": served[0]}
    configured["write"]()
    assert round_trip("net") == KEY
    assert served[1] == ["/keyprovider.KeyProviderService/WrapKey", "/keyprovider.KeyProviderService/UnWrapKey"]
    with pytest.raises(Unknown, match='key provider "net" refuses: not for you'):
        providers.unwrap("net", b"x", [b"no"])


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("import sys; sys.exit('the vault is sealed')", Unknown, "exited 1: the vault is sealed"),
        ("raise SystemExit(3)", Unknown, "exited 3: without a word"),
        ("print('x')", InvalidArgument, "answers with something else than JSON"),
        ("print('{}')", InvalidArgument, "something else than JSON with keywrapresults.annotation"),
        ('print(\'{"keywrapresults": {"annotation": "%"}}\')', InvalidArgument, "is no base64"),
        ("while True: print('x' * 65536)", ResourceExhausted, "answers with more than 1048576 bytes"),
    ],
)
def test_one_that_fails_is_told_by_name(
    configured: dict[str, Any], tmp_path: Path, text: str, error: type[ArgosyError], says: str
) -> None:
    configured["broken"] = command(tmp_path, text)
    configured["write"]()
    with pytest.raises(error, match=f'key provider "broken".*{says}'):
        providers.wrap("broken", b"key", [])


def test_one_that_hangs_is_given_up_and_ends(
    configured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that reads nothing, one that goes on after it closed its output, one that answers nobody's call."""
    monkeypatch.setattr(providers, "ANSWER_S", 0.3)
    pid = tmp_path / "pid"
    for text in ("", "os.close(1); os.close(2)"):
        body = f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n{text}\ntime.sleep(60)"
        configured["slow"] = command(tmp_path, body)
        configured["write"]()
        with pytest.raises(DeadlineExceeded, match='key provider "slow" has not answered'):
            providers.wrap("slow", b"k" * 500_000, [])
        if pid.exists():  # on a busy machine it may not have come to that
            assert not os.path.exists(f"/proc/{pid.read_text() or 'none'}")
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        configured["slow"] = {"grpc": f"127.0.0.1:{silent.getsockname()[1]}"}
        configured["write"]()
        with pytest.raises(DeadlineExceeded):
            providers.wrap("slow", b"key", [])


def test_one_that_is_not_there_is_told(configured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured |= {
        "away": {"grpc": "127.0.0.1:1"}, "odd": {"grpc": "nowhere"}, "gone": {"cmd": {"path": "/nowhere"}}, "empty": {}, "ttrpc": {"ttrpc": "x"},
        "args": {"cmd": {"path": "x", "args": "y"}}, "text": "x",
    }  # fmt: skip
    configured["write"]()
    for name, error, says in (
        ("away", Unavailable, "cannot be reached"), ("odd", InvalidArgument, "no HOST:PORT"), ("gone", Unavailable, "cannot be started: /nowhere"),
        ("empty", InvalidArgument, "neither a cmd nor a grpc"), ("ttrpc", Unimplemented, "speaks ttrpc"), ("args", InvalidArgument, "no list of words"),
        ("text", InvalidArgument, "is none of them"), ("nobody", InvalidArgument, "is not in"),
    ):  # fmt: skip
        with pytest.raises(error, match=says):
            providers.wrap(name, b"key", [])
    annotations = {"org.opencontainers.image.enc.keys.provider.away": base64.b64encode(b"x").decode()}
    with pytest.raises(PermissionDenied, match=r'provider.away: key provider "away" at 127.0.0.1:1 cannot be reached'):
        wrapping.unwrap(annotations, {})
    (tmp_path / "providers.json").write_text("[")
    with pytest.raises(InvalidArgument, match="is no JSON object"):
        providers.wrap("x", b"key", [])
    monkeypatch.setenv(providers.CONFIG, "/nowhere")
    with pytest.raises(InvalidArgument, match="cannot be read"):
        providers.wrap("x", b"key", [])
    monkeypatch.delenv(providers.CONFIG)
    with pytest.raises(PermissionDenied, match="OCICRYPT_KEYPROVIDER_CONFIG names no file"):
        wrapping.unwrap(annotations, {})


def test_a_recipient_that_is_nowhere_leaves_nothing_encrypted(configured: dict[str, Any]) -> None:
    configured["write"]()
    with pytest.raises(InvalidArgument, match='"missing" is not in'):
        wrapping.wrap(KEY, SEAL, words.recipients(["provider:missing"]), {})
    with pytest.raises(InvalidArgument, match="nobody could open the layer"):
        wrapping.wrap(KEY, SEAL, {}, {})
    with pytest.raises(NotFound):
        words.recipients(["jwe:/nowhere"])
