"""Which manifest of an index is taken: the nearest variant, and what a config says where the index says nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from argosy.errors import InvalidArgument, NotFound
from argosy.oci.image import Descriptor, Index, Platform
from argosy.oci.platforms import choose

from tests.harness.web import CONFIG, INDEX, MANIFEST, Server


def chosen(index: Index, wanted: str, server: Server | None = None) -> str:
    """Return the digest that choose takes; what it reads comes from the server's blobs."""
    blobs = server.blobs if server is not None else {}

    async def read(d: Descriptor) -> bytes:
        if d.digest not in blobs:
            raise NotFound(d.digest)
        return blobs[d.digest]

    return asyncio.run(choose(index, Platform.parse(wanted), read)).digest


def index_of(*platforms: str) -> Index:
    """Return an index of manifests that nobody has, numbered in this order."""
    return Index.of(
        {
            "manifests": [
                {"digest": f"sha256:{i:064x}", "size": 1, "platform": dict(zip(("os", "architecture", "variant"), p.split("/"), strict=False))}
                for i, p in enumerate(platforms)
            ]
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "platforms", "number"),
    [
        ("amd64", ("linux/amd64/v3", "linux/amd64"), 1),
        ("amd64", ("linux/amd64/v3", "linux/amd64/v1"), 1),
        ("amd64/v1", ("linux/amd64/v2", "linux/amd64"), 1),
        ("linux/amd64/v3", ("linux/amd64", "linux/amd64/v2", "linux/amd64/v4"), 1),
        ("linux/amd64/v3", ("linux/amd64", "linux/amd64/v3", "linux/amd64/v2"), 1),
        ("arm", ("linux/arm/v6", "linux/arm/v7", "linux/arm/v8"), 1),
        ("linux/arm/v6", ("linux/arm/v7", "linux/arm/v5"), 1),
        ("armhf", ("linux/arm/v5", "linux/arm/v7"), 1),
        ("armel", ("linux/arm/v7", "linux/arm/v6"), 1),
        ("aarch64", ("linux/arm/v8", "linux/arm64/v8"), 1),
        ("linux/arm64/v9.2", ("linux/arm64/v9.5", "linux/arm64/v8", "linux/arm64/v9.1"), 2),
        ("linux/x86_64", ("windows/amd64", "Linux/AMD64"), 1),
        ("linux/i386", ("linux/amd64", "linux/386"), 1),
        ("amd64", ("linux/amd64", "linux/amd64"), 0),
        ("linux/mips64le/softfloat", ("linux/mips64le/hardfloat", "linux/mips64le/softfloat"), 1),
    ],
)
def test_the_nearest_variant_is_taken(wanted: str, platforms: tuple[str, ...], number: int) -> None:
    assert chosen(index_of(*platforms), wanted) == f"sha256:{number:064x}"


@pytest.mark.parametrize(
    ("wanted", "platforms"),
    [
        ("linux/amd64", ("linux/amd64/v3",)),
        ("linux/arm/v6", ("linux/arm/v7", "linux/arm64")),
        ("linux/riscv64", ("linux/amd64", "unknown/unknown")),
        ("windows/amd64", ("linux/amd64",)),
        ("linux/mips64le/softfloat", ("linux/mips64le/hardfloat",)),
    ],
)
def test_what_has_nothing_that_runs_says_what_it_has(wanted: str, platforms: tuple[str, ...]) -> None:
    with pytest.raises(NotFound, match=f"no manifest for {wanted}; it has {', '.join(platforms)}"):
        chosen(index_of(*platforms), wanted)


def test_a_word_alone_is_a_system_or_an_architecture() -> None:
    here = Platform.of_host().architecture
    assert str(Platform.parse("windows")) == f"windows/{here}" and str(Platform.parse("Linux")) == f"linux/{here}"
    assert str(Platform.parse("aarch64")) == "linux/arm64"


def test_what_is_no_platform_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        Platform.parse("a/b/c/d")


def without_platform(server: Server, **config: Any) -> dict[str, Any]:
    """Keep an image whose index says nothing of its platform; return its descriptor."""
    return server.image(f"x/{len(server.tags)}:1", [str(len(server.tags)).encode()], config)


def artifact(server: Server, config_type: str = "application/vnd.oci.empty.v1+json") -> dict[str, Any]:
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": server.keep(b"{}", config_type), "layers": []}
    return server.keep(json.dumps(body).encode(), MANIFEST)


def listed(*manifests: dict[str, Any]) -> Index:
    return Index.of({"manifests": list(manifests)})


def test_a_config_says_what_the_index_does_not() -> None:
    server = Server("http", "")
    arm, amd = (without_platform(server, architecture=a) for a in ("arm64", "amd64"))
    extra = artifact(server)
    assert chosen(listed(extra, arm, amd), "amd64", server) == amd["digest"]
    assert chosen(listed(extra, arm, amd), "arm64", server) == arm["digest"]
    for empty in (None, {}, {"os": "", "architecture": ""}):
        assert chosen(listed({**amd, "platform": empty}, extra), "amd64", server) == amd["digest"]
    with pytest.raises(NotFound, match="for linux/riscv64; it has linux/arm64, linux/amd64"):
        chosen(listed(arm, extra, amd), "riscv64", server)


def test_the_nearest_of_several_configs_is_taken() -> None:
    server = Server("http", "")
    v3, v1 = (without_platform(server, architecture="amd64", variant=v) for v in ("v3", ""))
    assert chosen(listed(v3, v1), "amd64", server) == v1["digest"]
    assert chosen(listed(v1, v3), "linux/amd64/v3", server) == v3["digest"]


def test_what_the_index_says_goes_before_what_must_be_read() -> None:
    server = Server("http", "")
    read, said = without_platform(server, architecture="amd64"), without_platform(server, architecture="amd64")
    said["platform"] = {"os": "linux", "architecture": "amd64"}
    del server.blobs[read["digest"]]
    assert chosen(listed(read, said), "amd64", server) == said["digest"]


def test_what_cannot_be_read_is_not_the_image() -> None:
    """A child that is missing, broken, or an index without anything: the others are looked at."""
    server = Server("http", "")
    good, missing = (without_platform(server, architecture="amd64") for _ in range(2))
    del server.blobs[missing["digest"]]
    broken = server.keep(b"{", MANIFEST)
    hollow = server.keep(json.dumps({"mediaType": INDEX, "manifests": []}).encode(), INDEX)
    odd = server.keep(
        json.dumps({"mediaType": MANIFEST, "config": server.keep(b"[]", CONFIG), "layers": []}).encode(), MANIFEST
    )
    assert chosen(listed(missing, broken, hollow, odd, good), "amd64", server) == good["digest"]


def test_an_index_in_an_index_is_looked_into() -> None:
    server = Server("http", "")
    inner = [without_platform(server, architecture=a) for a in ("arm64", "amd64")]
    nested = server.keep(json.dumps({"mediaType": INDEX, "manifests": inner}).encode(), INDEX)
    assert chosen(listed(artifact(server), nested), "amd64", server) == nested["digest"]


def test_an_image_that_says_nothing_is_taken_only_when_it_is_the_only_one() -> None:
    server = Server("http", "")
    silent = [without_platform(server, os="", architecture="") for _ in range(2)]
    assert chosen(listed(silent[0]), "riscv64", server) == silent[0]["digest"]
    with pytest.raises(NotFound, match="it has none"):
        chosen(listed(*silent), "amd64", server)


def test_a_search_reads_only_so_many_documents() -> None:
    """Each is a request: an index can list thousands."""
    server = Server("http", "")
    many = [without_platform(server, architecture="arm64") for _ in range(70)]
    with pytest.raises(NotFound, match="among the first 64"):
        chosen(listed(*many), "amd64", server)
