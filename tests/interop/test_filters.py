"""Filters: Debian's containerd and we give the same answers to the same requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.errors import InvalidArgument
from argosy_protos.containerd.services.containers.v1 import (
    Container,
    ContainerRuntime,
    CreateContainerRequest,
    DeleteContainerRequest,
    ListContainersRequest,
)
from argosy_protos.google.protobuf import Any

from tests.harness.containerd import Containerd
from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root

LABELS = {"re": "foo123", "u": "é\u212a", "nl": "a\nb", "dot.ted/x": "1", "path": "/tasks/exit"}

GRAMMAR = [
    "id==x", " id==x", "id == x", "id ==x", "id==x,id", "id, id", "id==x ", "id==x\t", " id==x ", 'id=="x" ', "id ", "id ,id", "",
    "  ", "labels . re", "labels.re", "id~=", 'id~=""', "id~=//", "id==x,", "id==x, ", "id==x\u00a0", "id\u2003==x", "id==x\x1cy",
    'id=="\\x78"', 'id=="\\170"', 'labels.u=="\\xc3\\xa9\\u212a"', 'labels.u=="\\u00e9\\u212a"', 'labels.u=="\\xe9\\u212a"',
    'id=="\\d"', "id==/x/", "id=|x|", 'labels."dot.ted/x"==1', "labels.dot.ted/x==1", 'labels."dot.ted/x"!=2', "'id'==x",
    "nothing", "nothing!=y", "nothing==y", "nothing~=^$", "id===x", "id!x", "id<x", "labels.path==/tasks/exit",
    'labels.path=="/tasks/exit"', "labels.path~=|^/tasks/|", "labels.path~=/exit$/", 'id==x,labels.re=="foo123"',
]  # fmt: skip

# Go's documented syntax (pkg.go.dev/regexp/syntax), a line a section: single characters, composites, repetitions, grouping,
# empty strings, escapes, bracket elements, classes; and what other dialects have in addition.
EXPRESSIONS = [
    ".oo", "^.{6}$", "[xyzf]oo", "[^xyz]oo", r"\doo", r"foo\d", r"\D\d", "[[:alpha:]]+123", "[[:^alpha:]]", "[[:word:]]+",
    "[[:nothing:]]", r"\pL+", r"\p{Greek}", r"\PN", r"\P{L}{3}", r"\p{^L}{3}", r"\pX", r"\p{Nothing}",
    "fo{2}1", "fo{2,}1", "fo{0,1}1", "(?U)fo+", "fo*?o", "fo+?", "fo??o", "fo{2}?", "fo{1,2}?1", "x{0}foo", "o{1001}", "(o{100}){11}",
    "o**", "o++", "o*+", "*o", "foo|*", "^*", "o{2,1}", "o{,2}", "o{", "o{x", "}", "]", "foo{2}{2}",
    "(foo)", "(?P<n>foo)", "(?:foo)", "(?i)FOO", "(?i:FOO)123", "(?-i)FOO", "(?is-m:FOO.)", "(?x)f o o", "(?P<n>f)(?P<n>o)", "(?P<é>f)",
    "(", ")", "(foo", "foo)", "()", "(|foo)+123", "foo(?=1)", "foo(?!1)", "(?<=foo)1", "(?<!foo)1", "(?>foo)", "(?#c)foo", "(?|foo)",
    r"\1", r"(f)\1", "(?P=n)", "(?P>n)", "(?R)", "(?(1)a)",
    "^foo", "123$", r"\Afoo", r"123\z", r"123\Z", r"\bfoo", r"oo\B1", r"\Gfoo", "^oo",
    r"\x66oo", r"\x{66}oo", r"\x{110000}", r"\146oo", r"\0", r"\07", r"\8", r"\Qfoo\E", r"^\Qfoo", r"\Q(\E", r"\E", r"\C", r"\C{6}", r"[\C]", r"\Q\C\E",
    r"\a", r"\f", r"\t", r"\n", r"\r", r"\v", r"\u0066", r"\e", r"\cA", r"\h", r"\N", r"\R", r"\X", r"\K", r"\_", r"\-", r"\/", r"\é", r"\y", "\\",
    r"[\d1]23", r"[^\d]oo", r"[a-\d]", r"[f-a]", "[a", "[]a]", "[^]a]oo", "[a-]", "[-f]oo", r"[\x66-\x67]oo", "[]", "[^]", "[[=f=]]", "[[.f.]]", r"[\b]",
    r"[\pL]oo", r"[^\PL]oo", "[f&&[o]]", "[(?P<é>f]oo",
]  # fmt: skip


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    running = Containerd(tmp_path_factory.mktemp("c"))
    running.start()
    yield running
    running.destroy()


async def _answers(address: Path, texts: list[str]) -> list[str]:
    """Return what a daemon says to each filter: the containers' ids, or its error."""
    said: list[str] = []
    async with Client(address, "filters") as client:
        containers = client.services.containers
        record = Container(
            id="x", labels=LABELS, runtime=ContainerRuntime(name="r"), spec=Any(type_url="types.x/spec", value=b"{}")
        )
        await containers.create(CreateContainerRequest(container=record))
        for text in texts:
            try:
                reply = await containers.list(ListContainersRequest(filters=[text]))
            except InvalidArgument as error:
                # The place, and the reason up to what is said of it.
                said.append(error.message.removesuffix(": invalid argument").partition("]: ")[0])
            else:
                said.append(",".join(c.id for c in reply.containers))
        await containers.delete(DeleteContainerRequest(id="x"))
    return said


def _compare(ours: Mesh, theirs: Containerd, texts: list[str]) -> None:
    async def both() -> tuple[list[str], list[str]]:
        return await _answers(ours.address, texts), await _answers(theirs.address, texts)

    us, them = asyncio.run(both())
    differences = [(text, "containerd", t, "argosy", u) for text, u, t in zip(texts, us, them, strict=True) if u != t]

    assert differences == []


def test_the_grammar_is_containerds(mesh: Mesh, stock: Containerd) -> None:
    """Blanks, quotes, escapes, and where an error is seen."""
    _compare(mesh, stock, [text for text in GRAMMAR if "\x1c" not in text and "\u00a0" not in text])


def test_expressions_have_gos_syntax_and_answers(mesh: Mesh, stock: Containerd) -> None:
    """A bad expression matches nothing, as in containerd."""
    quoted = [f'labels.re~="{e}"'.replace("\\", "\\\\") for e in EXPRESSIONS]
    _compare(
        mesh,
        stock,
        [*quoted, r"labels.nl~=a.b", r"labels.nl~=(?s)a.b", r"labels.nl~=a$", r"labels.nl~=(?m)a$", r"labels.u~=(?i)k"],
    )
