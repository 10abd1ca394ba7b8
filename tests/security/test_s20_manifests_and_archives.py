"""S20: what a registry or an archive sends is bounded before it is kept: documents, blobs, tokens, refusals, headers, growth."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client, answers, members
from argosy.client import images as api
from argosy.client.members import Archive
from argosy.client.registry import Registry
from argosy.errors import ArgosyError, DataLoss, InvalidArgument, NotFound, Unauthenticated, Unavailable
from argosy.oci.image import (
    MAX_CONFIG_BYTES,
    MAX_MANIFEST_BYTES,
    Descriptor,
    parse_config,
    parse_docker_listing,
    parse_document,
)
from argosy.oci.reference import Reference
from argosy_protos.containerd.services.content.v1 import ListStatusesRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest

from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import CONFIG, INDEX, LAYER, MANIFEST, Answer, Server, serving, sha256


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


def zstd(data: bytes) -> bytes:
    """Return what Debian's zstd makes of data."""
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def blob(data: bytes) -> Descriptor:
    return Descriptor(media_type="x/layer", digest=sha256(data), size=len(data))


async def fetched(server: Server, descriptor: Descriptor) -> bytes:
    async with Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
        return b"".join([c async for c in registry.fetch(descriptor)])


async def resolved(server: Server) -> Descriptor:
    async with Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
        return await registry.resolve()


def endless(piece: bytes, sent: list[int], status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """An answer without an end; sent counts what was taken of it."""

    async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD":
            return web.Response(status=405)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        try:
            while request.transport is not None and not request.transport.is_closing():
                await response.write(piece)
                sent.append(len(piece))
                await asyncio.sleep(0)
        except ConnectionError:
            pass  # cut off, as it should be
        return response

    return answer


# -- blobs --


def test_a_blob_that_is_longer_than_its_descriptor_is_cut_off_there() -> None:
    """A stream without an end and without a length: what is taken of it is what the descriptor says, and a buffer's worth."""
    sent: list[int] = []

    async def work() -> None:
        async with serving(endless(b"x" * 65536, sent)) as server:
            with pytest.raises(DataLoss, match="sends more than the 100000 bytes of its descriptor"):
                await fetched(server, blob(b"y" * 100000))
            await asyncio.sleep(0.2)
            taken = sum(sent)
            await asyncio.sleep(0.2)
            assert sum(sent) == taken < 32 << 20

    run(work)


@pytest.mark.parametrize("length", [0, 1, 99, 101, 1 << 62])
def test_a_blob_whose_length_is_another_is_not_begun(length: int) -> None:
    """Content-Length is believed where it says that the descriptor lies."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            response = web.StreamResponse(headers={"Content-Length": str(length)})
            await response.prepare(request)
            return response

        async with serving(answer) as server:
            with pytest.raises(DataLoss, match=f"the registry has {length} bytes of it, its descriptor says 100"):
                await fetched(server, blob(b"y" * 100))
            assert len(server.seen) == 1

    run(work)


def test_a_registry_that_sends_a_byte_a_connection_is_given_up() -> None:
    """A byte is no progress: it would be asked a million times."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            response = web.StreamResponse(status=206 if "Range" in request.headers else 200)
            response.enable_chunked_encoding()
            await response.prepare(request)
            await response.write(b"y")
            return response

        async with serving(answer) as server:
            with pytest.raises(Unavailable, match="the registry sent 5 of 1000000 bytes"):
                await fetched(server, blob(b"y" * 1000000))
            assert len(server.seen) == 5

    run(work)


@pytest.mark.parametrize("told", ["bytes 50-99/100", "bytes 11-99/100", "bytes 10-99/7", "bytes 10-99/1000"])
def test_another_part_than_was_asked_for_is_refused(told: str) -> None:
    """Its bytes would stand where others belong."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=206, body=b"y" * 50, headers={"Content-Range": told})

        async with serving(answer) as server, Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
            with pytest.raises(DataLoss, match="asked for 10- of 100"):
                _ = [c async for c in registry.fetch(blob(b"y" * 100), 10)]

    run(work)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_an_encoded_body_grows_no_further_than_its_descriptor(coding: str) -> None:
    """Nobody asked for a coding; one that is sent though is undone in bounded pieces, and cut off where the blob ends."""
    import zstandard

    zeros = bytes(64 << 20)
    packed = {
        "gzip": gzip.compress(zeros),
        "deflate": zlib.compress(zeros),
        "zstd": zstandard.ZstdCompressor().compress(zeros),
    }
    bomb = packed[coding]

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            return web.Response(body=bomb, headers={"Content-Encoding": coding})

        async with serving(answer) as server:
            with pytest.raises(DataLoss, match="sends more than the 100 bytes of its descriptor"):
                await fetched(server, blob(b"y" * 100))
            assert server.seen[0].headers["Accept-Encoding"] == "identity"

    run(work)


def test_a_coding_that_is_not_known_is_refused() -> None:
    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            return web.Response(body=b"y" * 50, headers={"Content-Encoding": "br"})

        async with serving(answer) as server:
            with pytest.raises(DataLoss, match='sends it encoded as "br"'):
                await fetched(server, blob(b"y" * 100))

    run(work)


# -- documents, tokens, refusals --


def test_a_manifest_without_an_end_is_cut_off() -> None:
    """At 8 MiB, when a tag is resolved."""
    sent: list[int] = []

    async def work() -> None:
        async with serving(endless(b" " * 65536, sent, headers={"Content-Type": MANIFEST})) as server:
            with pytest.raises(InvalidArgument, match="is longer than 8388608 bytes"):
                await resolved(server)
            assert sum(sent) < MAX_MANIFEST_BYTES + (32 << 20)

    run(work)


def test_a_manifest_that_comes_in_pieces_is_read_whole() -> None:
    """The first piece is not the document: its digest would be another."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            if request.method == "HEAD":
                return web.Response(status=405)
            response = web.StreamResponse(headers={"Content-Type": MANIFEST})
            await response.prepare(request)
            data = server.blobs[server.tags["a/b:1"]]
            for i in range(0, len(data), 50):
                await response.write(data[i : i + 50])
                await asyncio.sleep(0.01)
            return response

        async with serving(answer) as server:
            expected = server.image("a/b:1", [b"layer"])["digest"]
            assert (await resolved(server)).digest == expected

    run(work)


def test_a_manifest_that_says_it_is_large_is_not_fetched() -> None:
    """HEAD tells its size."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            headers = {
                "Content-Type": MANIFEST,
                "Docker-Content-Digest": sha256(b""),
                "Content-Length": str(MAX_MANIFEST_BYTES + 1),
            }
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            return response

        async with serving(answer) as server:
            with pytest.raises(InvalidArgument, match="more than 8388608 are refused"):
                await resolved(server)
            assert [seen.method for seen in server.seen] == ["HEAD"]

    run(work)


def test_documents_have_limits_of_size_and_number() -> None:
    """Index and manifest 8 MiB and 4096 children, config 4 MiB."""
    child = {"mediaType": LAYER, "digest": sha256(b""), "size": 1}
    for key in ("manifests", "layers"):
        with pytest.raises(InvalidArgument, match=f"a document with 4097 {key} is refused"):
            parse_document(
                json.dumps({key: [child] * 4097, "config": child} if key == "layers" else {key: [child] * 4097}).encode(), ""
            )
    with pytest.raises(InvalidArgument, match="is larger than 8388608"):
        parse_document(b" " * (MAX_MANIFEST_BYTES + 1), MANIFEST)
    with pytest.raises(InvalidArgument, match="is larger than 4194304"):
        parse_config(b" " * (MAX_CONFIG_BYTES + 1))


@pytest.mark.parametrize(
    "data",
    [b"[" * 100000, b'{"a":' * 100000, b'{"layers":' + b"[" * 100000, b"", b"null", b"[]", b"\xff", b'{"manifests": 1}'],
)
def test_a_document_of_another_shape_is_an_error_of_ours(data: bytes) -> None:
    """However deep it is: no RecursionError, no traceback."""
    for parse in (lambda d: parse_document(d, MANIFEST), parse_config, parse_docker_listing):
        # An empty list is a listing, and a config may have keys that nobody knows.
        if (parse, data) in ((parse_docker_listing, b"[]"), (parse_config, b'{"manifests": 1}')):
            continue
        with pytest.raises(InvalidArgument):
            parse(data)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b'{"token": "' + b"x" * (2 << 20) + b'"}', InvalidArgument, "is longer than 1048576 bytes"),
        (b"[" * 5000, Unavailable, "something that is no token"),
        (b"[]", Unavailable, "something that is no token"),
        (b'{"token": 1}', Unauthenticated, "no header can carry"),
        (b'{"token": "a\\r\\nX-Evil: 1"}', Unauthenticated, "no header can carry"),
        (b'{"token": "\\u00e9"}', Unauthenticated, "no header can carry"),
        (b"{}", Unauthenticated, "without a token"),
    ],
)
def test_a_token_is_looked_at_before_it_is_used(body: bytes, error: type[ArgosyError], message: str) -> None:
    """Its length, its shape, its letters."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            if request.path == "/token":
                return web.Response(body=body)
            return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

        async with serving(answer) as server:
            with pytest.raises(error, match=message):
                await resolved(server)

    run(work)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors": [{"message": "no \\u001b]0;evil\\u0007 such"}]}', r"\(no  \]0;evil  such\): not found$"),
        (b"<html>\x1b[2J" + b"x" * 10000, r"\(<html> \[2Jx+\): not found$"),
        (b'{"errors":' + b"[" * 5000, r"\(\{\"errors\":\[+\): not found$"),
        (b'{"errors": [1, 2]}', r"\(\{\"errors\": \[1, 2\]\}\): not found$"),
        (b"", "answered 404: not found$"),
    ],
)
def test_what_a_refusal_says_can_be_shown(body: bytes, said: str) -> None:
    """Nothing in it that a terminal would obey, and not more than a line."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=404, body=body)

        async with serving(answer) as server:
            with pytest.raises(NotFound, match=said) as told:
                await fetched(server, blob(b"y"))
            assert len(told.value.message) < 500 and told.value.message.isprintable()

    run(work)


def test_a_refusal_without_an_end_is_cut_off() -> None:
    """The error comes at once."""
    sent: list[int] = []

    async def work() -> None:
        async with serving(endless(b"x" * 65536, sent, 500)) as server:
            with pytest.raises(Unavailable, match="answered 500"):
                await fetched(server, blob(b"y"))

    run(work)


async def _raw(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize("kind", ["silence", "continue", "slow head", "slow body"])
def test_a_registry_that_never_comes_to_the_point_is_given_up(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Silence, interim answers without an end, a head or a document that comes a byte at a time."""
    monkeypatch.setattr(answers, "ANSWER_S", 1.0)

    async def answer(writer: asyncio.StreamWriter) -> None:
        if kind == "slow body":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: " + MANIFEST.encode() + b"\r\nContent-Length: 1000000\r\n\r\n")
        if kind == "slow head":
            writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(
                {"silence": b"", "continue": b"HTTP/1.1 100 Continue\r\n\r\n", "slow head": b"X: y\r\n", "slow body": b" "}[
                    kind
                ]
            )
            await writer.drain()
            await asyncio.sleep(0.02)

    async def work() -> None:
        server = await _raw(answer)
        async with server:
            port = server.sockets[0].getsockname()[1]
            began = time.monotonic()
            async with Registry(Reference.parse(f"127.0.0.1:{port}/a/b:1")) as registry:
                with pytest.raises(ArgosyError):
                    await registry.resolve()
            assert time.monotonic() - began < 10

    run(work)


@pytest.mark.root
def test_a_pull_refuses_what_is_too_large_before_it_fetches_it(mesh: Mesh) -> None:
    """Each document of the tree by what its descriptor says; the store holds nothing of it, and no lease is left."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s20") as client:
            image = server.image("a/ok:1", [layer(("f", b"1"))])
            body = json.loads(server.blobs[image["digest"]])
            absent = sha256(b"large")
            large = {"digest": absent, "size": MAX_MANIFEST_BYTES + 1}
            platform = {"os": "linux", "architecture": "amd64"}
            server.tag("a/config:1", {**body, "config": {**large, "mediaType": CONFIG, "size": MAX_CONFIG_BYTES + 1}})
            server.tag(
                "a/child:1",
                {
                    "schemaVersion": 2,
                    "mediaType": INDEX,
                    "manifests": [{**large, "mediaType": MANIFEST, "platform": platform}],
                },
            )
            deep = image
            for i in range(12):
                deep = server.tag(
                    f"a/deep:{i}", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**deep, "platform": platform}]}
                )
            for name, message in (
                ("config:1", "more than 4194304 are refused"),
                ("child:1", "more than 8388608 are refused"),
                ("deep:11", "8 deep or 4096 manifests is refused"),
            ):
                with pytest.raises(InvalidArgument, match=message):
                    await api.pull(client, f"{server.netloc}/a/{name}")
            assert not [seen for seen in server.seen if absent in seen.path]
            assert (await client.services.leases.list(ListRequest())).leases == []

    run(work)


@pytest.mark.root
def test_what_came_of_a_blob_that_lies_about_its_size_is_thrown_away(mesh: Mesh) -> None:
    """The ingest is aborted: its bytes are no use to the next pull either."""

    large = layer(("f", b"1" * 100000))

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            if not request.path.endswith(sha256(large)):
                return None
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(100):
                await response.write(b"\0" * 65536)
            return response

        async with serving(answer) as server, Client(mesh.address, "s20-size") as client:
            server.image("a/b:1", [large])
            with pytest.raises(DataLoss, match="sends more than the"):
                await api.pull(client, f"{server.netloc}/a/b:1")
            # One that was cut off by the failure beside it is kept, for the next pull to resume.
            kept = (await client.services.content.list_statuses(ListStatusesRequest())).statuses
            assert [s.ref for s in kept if s.ref.endswith(sha256(large))] == []

    run(work)


# -- archives --


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def look_through(data: bytes, tmp_path: Path) -> Archive:
    path = tmp_path / "archive"
    path.write_bytes(data)
    archive = Archive.open(path)
    try:
        while not archive.advance():
            pass
    except BaseException:
        archive.close()
        raise
    return archive


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header("x", 1 << 40, tarfile.XHDTYPE), "a header of 1099511627776 bytes in the archive is refused"),
        (header("x", 2 << 20, tarfile.GNUTYPE_LONGNAME), "a header of 2097152 bytes in the archive is refused"),
        (header("x", 1 << 40, tarfile.XGLTYPE), "a header of 1099511627776 bytes in the archive is refused"),
        (header("x", 100, tarfile.XHDTYPE) + b"x" * 20, "ends in the middle of a header"),
        (header("x", 13, tarfile.XHDTYPE) + padded(b"99 path=evil\n"), "broken pax header"),
        (header("x", 9, tarfile.XHDTYPE) + padded(b"9 sizexx\n"), "broken pax header"),
        (header("x", 10, tarfile.XHDTYPE) + padded(b"10 size=x\n") + header("y", 0), "size that is no number"),
        (header("x", 11, tarfile.XHDTYPE) + padded(b"11 size=-1\n") + header("y", 0), "size that is no number"),
        (header("x", 0, tarfile.GNUTYPE_SPARSE), "a sparse file has no place"),
        (header("x", 22, tarfile.XHDTYPE) + padded(b"22 GNU.sparse.major=1\n") + header("y", 0), "a sparse file has no place"),
        (header("x", 5000, tarfile.GNUTYPE_LONGNAME) + padded(b"n" * 5000) + header("y", 0), "a name of more than 4096"),
        (header("x", -5), "negative size"),
        (b"not a tar archive at all" * 100, "not a tar archive"),
        (gzip.compress(header("x", 100000) + b"1" * 5), "ends in the middle"),
        (gzip.compress(header("x", 100))[:-20], "ends in the middle of its compressed data"),
        (zstd(header("x", 100))[:-9], "the archive's zstd stream is truncated"),
        (zstd(header("x", 100)) + b"what follows", "the archive's zstd stream is damaged"),
        (b"\x1f\x8b" + b"x" * 1000, "compressed data is broken"),
    ],
)  # fmt: skip
def test_an_archives_headers_are_bounded(data: bytes, message: str, tmp_path: Path) -> None:
    """Nothing is taken into memory by a size that a header says."""
    with pytest.raises(InvalidArgument, match=message):
        look_through(data, tmp_path)


def test_an_archive_has_so_many_entries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Half a kilobyte of nothing each, and a name to remember."""
    monkeypatch.setattr(members, "MAX_ENTRIES", 1000)
    with pytest.raises(InvalidArgument, match="more than 1000 entries"):
        look_through(b"".join(header(f"f{i}", 0) for i in range(1001)), tmp_path)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_ten_gigabytes_of_zeros_are_refused_early_and_in_little_memory(kind: str, tmp_path: Path) -> None:
    """10 MiB of gzip, and less of zstd: stopped where it has become a gigabyte, with 64 MiB of memory at most."""
    pack = zstd if kind == "zstd" else gzip.compress
    zeros = pack(bytes(64 << 20))
    path = tmp_path / "bomb.tar"
    path.write_bytes(pack(header("blobs/sha256/x", 10 << 30)) + zeros * 160)
    code = f"""
import resource, sys
from pathlib import Path
from argosy.client.members import Archive
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
archive = Archive.open(Path({str(path)!r}))
try:
    while not archive.advance(): pass
except Exception as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    said, grown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert said == "the archive is more than 200 times what its file is, and refused"
    assert int(grown) < 64 << 10


def test_an_xz_archive_gets_no_more_memory_than_others_need(tmp_path: Path) -> None:
    """A dictionary of 1.5 GiB is asked for by five bytes."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    data = bytearray(lzma.compress(header("x", 0), filters=filters))
    assert data[12 + 3] < 40
    at = data.index(b"\x21\x01", 12) + 2
    data[at] = 39  # 3 GiB
    size = (data[12] + 1) * 4
    data[12 + size - 4 : 12 + size] = zlib.crc32(bytes(data[12 : 12 + size - 4])).to_bytes(4, "little")
    with pytest.raises(InvalidArgument, match="compressed data is broken: Memory usage limit exceeded"):
        look_through(bytes(data), tmp_path)


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd,
     lambda d: gzip.compress(d[:700]) + gzip.compress(d[700:]), lambda d: zstd(d[:700]) + zstd(d[700:])],
)  # fmt: skip
def test_members_are_what_gnu_tar_put_there(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Long names, pax sizes, links and all: the bytes by their names, in any order."""
    tree = tmp_path / "tree"
    deep = tree / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    files = {"a": b"1" * 1000, "b": b"", f"{'d' * 60}/{'e' * 60}/f": b"2" * 70000}
    for name, data in files.items():
        (tree / name).write_bytes(data)
    (tree / "link").symlink_to("a")
    (deep / "up").symlink_to("../../a")
    (tree / "hard").hardlink_to(tree / "a")
    for form in ("gnu", "pax", "ustar"):
        made = subprocess.run(
            ["tar", "-C", tree, f"--format={form}", "-cf", "-", "."], capture_output=True, check=True
        ).stdout
        archive = look_through(pack(made), tmp_path)
        try:
            for name in (*reversed(list(files)), *files):
                assert name in archive and archive.member(name).whole(1 << 20) == files[name]
            for link in ("link", "hard", "./link", f"{'d' * 60}/{'e' * 60}/up"):
                assert archive.member(link).whole(1 << 20) == files["a"]
            assert "nothing" not in archive and "../../a" in archive
            with pytest.raises(InvalidArgument, match="larger than 10 bytes"):
                archive.member("a").whole(10)
            with pytest.raises(InvalidArgument, match="the archive has no nothing"):
                archive.member("nothing")
        finally:
            archive.close()


def test_links_that_lead_out_or_in_circles_lead_nowhere(tmp_path: Path) -> None:
    """A link names a member of the archive, never a file of the host."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, target in (
            ("passwd", "/etc/passwd"),
            ("up", "../../../../etc/passwd"),
            ("a", "b"),
            ("b", "a"),
            ("self", "self"),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    archive = look_through(out.getvalue(), tmp_path)
    try:
        for name in ("passwd", "up", "a", "b", "self"):
            assert name not in archive
    finally:
        archive.close()


def _oci(tmp_path: Path, blobs: dict[str, bytes], manifests: list[dict[str, Any]]) -> Path:
    path = tmp_path / "image.tar"
    files = [("index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}).encode())]
    path.write_bytes(layer(*files, *((f"blobs/sha256/{digest[7:]}", data) for digest, data in blobs.items())))
    return path


@pytest.mark.root
def test_an_import_refuses_an_archive_that_lies(mesh: Mesh, tmp_path: Path) -> None:
    """A document that lists itself, bytes under another name, a size that is another, a config too large, an index of another shape."""
    name = {"annotations": {"io.containerd.image.name": "docker.io/t/x:1"}}

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s20-import") as client:
            image = server.image("a/b:1", [layer(("f", b"1"))])
            manifest = server.blobs[image["digest"]]
            body = json.loads(manifest)
            fake = "sha256:" + "1" * 64
            itself = json.dumps(
                {"schemaVersion": 2, "manifests": [{"mediaType": INDEX, "digest": fake, "size": 1}]}
            ).encode()
            large = json.dumps({**body, "config": {**body["config"], "size": MAX_CONFIG_BYTES + 1}}).encode()
            first = body["layers"][0]["digest"]
            cases: list[tuple[dict[str, bytes], dict[str, Any], str]] = [
                ({fake: itself}, {"mediaType": INDEX, "digest": fake, "size": len(itself)}, "holds other bytes than"),
                (server.blobs, {**image, "size": 5}, "holds other bytes than"),
                ({**server.blobs, first: b"longer than it was" * 1000}, image, "its descriptor says"),
                ({**server.blobs, first: b"\1" * body["layers"][0]["size"]}, image, "holds other bytes"),
                ({sha256(large): large}, {"mediaType": MANIFEST, "digest": sha256(large), "size": len(large)}, "larger than 4194304 bytes"),
                ({}, image, "and does not have it"),
                (server.blobs, {**image, "mediaType": "application/x"}, "neither an index nor a manifest"),
            ]  # fmt: skip
            for blobs, descriptor, message in cases:
                with pytest.raises(InvalidArgument, match=message):
                    await api.import_archive(client, _oci(tmp_path, blobs, [{**descriptor, **name}]))
            (tmp_path / "odd.tar").write_bytes(layer(("manifest.json", b'{"Config": 1}')))
            with pytest.raises(InvalidArgument, match="manifest.json is malformed"):
                await api.import_archive(client, tmp_path / "odd.tar")
            (tmp_path / "none.tar").write_bytes(layer(("index.json", manifest)))
            with pytest.raises(InvalidArgument, match="its index.json is no index"):
                await api.import_archive(client, tmp_path / "none.tar")
            assert (await client.services.leases.list(ListRequest())).leases == []
            assert (await client.services.content.list_statuses(ListStatusesRequest())).statuses == []

    run(work)
