"""What is loaded without a part of it does what it does with it, and would still load that part by itself: else the patch goes."""

from __future__ import annotations

import subprocess
import sys

import pytest

_MESSAGES = """
import copy, json, pickle
from argosy_protos.containerd.types import Descriptor, Mount, Platform
from argosy_protos.containerd.services.containers.v1 import Container, ContainerRuntime
from argosy_protos.containerd.v1.types import Status
d = Descriptor(media_type="a", digest="b", size=3, annotations={"x": "y"})
c = Container(id="c", labels={"a": "b"}, runtime=ContainerRuntime(name="r"))
assert d == Descriptor.decode(d.encode()) and d != Descriptor() and copy.deepcopy(c) == c
print(repr(d), repr(c), repr(Status.RUNNING), Status(2).name)
print(d.to_dict(), c.to_json(), Descriptor.from_dict(d.to_dict()) == d, bool(Mount()), bool(Mount(type="x")))
print(Platform(os="a").is_set("os") if hasattr(Platform, "is_set") else "")
"""
_LOG = """
import io, re, sys
sys.stderr = io.StringIO()
from argosy import log
log.configure("info", json={json}, service="s")
try:
    raise ValueError("why")
except ValueError as error:
    log.get("room").error("what.happened", number=1, exc_info=error)
log.get("room").info("then", text="a b")
print(re.sub("20[0-9T:.-]+Z", "now", sys.stderr.getvalue()))
"""


def said(code: str) -> tuple[str, set[str]]:
    """Run code in an interpreter of its own; return what it printed, and which modules it has loaded."""
    last = "\nimport sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-I", "-c", code + last], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    printed, _, modules = ran.stdout.rstrip("\n").rpartition("\n")
    return printed, set(modules.split())


def test_betterproto2_by_itself_loads_what_nobody_here_needs() -> None:
    """When this fails, argosy_protos._betterproto can be what it is named after."""
    _, by_itself = said("import betterproto2")
    assert {"pydantic", "pydantic_core", "importlib.metadata"} <= by_itself
    _, ours = said("import argosy_protos._message")
    assert "betterproto2" in ours and not {"pydantic", "pydantic_core", "importlib.metadata"} & ours


def test_the_version_that_stands_in_has_what_its_own_has() -> None:
    names = (
        "import betterproto2._version as v; print(*sorted(n for n in vars(v) if not n.endswith('__') or n == '__version__'))"
    )
    theirs, _ = said(names)
    ours, _ = said("import argosy_protos._message\n" + names)
    assert theirs.split() == ["__version__", "check_compiler_version", "metadata"]
    assert ours.split() == ["__version__", "check_compiler_version"]
    everything = "import betterproto2; print(*sorted(vars(betterproto2).keys() - {'_version'}))"
    with_all, with_ours = said(everything)[0].split(), said("import argosy_protos._message\n" + everything)[0].split()
    assert with_all == with_ours


def test_messages_are_the_same_with_and_without() -> None:
    ours, loaded = said(_MESSAGES)
    theirs, with_all = said("import betterproto2\n" + _MESSAGES)
    assert ours == theirs and "pydantic" not in loaded and "pydantic" in with_all


def test_a_program_that_has_pydantic_keeps_it() -> None:
    _, loaded = said("import pydantic, argosy_protos._message, betterproto2; assert betterproto2.pydantic is pydantic")
    assert "pydantic" in loaded


def test_structlog_by_itself_loads_what_draws_tracebacks() -> None:
    """When this fails, argosy.log can import structlog as it is."""
    _, by_itself = said("import structlog")
    assert "rich" in by_itself
    _, ours = said("from argosy import log; log.get('x').error('y')")
    assert "structlog" in ours and "rich" not in ours


@pytest.mark.parametrize("json", [True, False])
def test_events_are_the_same_with_and_without(json: bool) -> None:
    code = _LOG.format(json=json)
    ours, _ = said(code)
    theirs, _ = said("import structlog\n" + code)
    assert ours == theirs and "what.happened" in ours
