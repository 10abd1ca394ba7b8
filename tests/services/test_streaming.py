"""containerd.services.streaming.v1.Streaming, and bytes with credit over its streams, spoken by grpcio against a whole mesh."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from argosy.credit import CHUNK_BYTES, WINDOW_BYTES, Credit, Grants, padding
from argosy.errors import InvalidArgument
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.types import transfer as p
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.mesh import Mesh, eventually
from tests.harness.transfer import WINDOW, Opened, Tool, pack, refused

pytestmark = pytest.mark.root


@pytest.fixture
def tool(mesh: Mesh) -> Iterator[Tool]:
    with Tool(mesh.address, "streams") as found:
        yield found


def echoed(tool: Tool, data: bytes, **how: float) -> bytes:
    """Return bytes that were sent through the mesh and back: a transfer whose source and sink are both ours."""
    got = bytearray()
    export, reading = tool.receiving(got, **how)
    tool.transfer(p.ImageImportStream(stream=tool.sending(data)), p.ImageExportStream(stream=export))
    reading.join(10)
    assert not reading.is_alive()
    return bytes(got)


# -- the streams --


def test_a_stream_is_acknowledged_with_or_without_a_namespace(mesh: Mesh) -> None:
    for namespace in ("streams", ""):
        with Tool(mesh.address, namespace) as tool:
            assert tool.open("progress").ack.type_url == "google.protobuf.Empty"


def test_an_id_is_taken_in_its_namespace_while_its_stream_is_open(mesh: Mesh, tool: Tool) -> None:
    first = tool.open("progress")
    assert refused(Opened, tool, first.id) == ("UNKNOWN", "already exists")
    with Tool(mesh.address, "others") as other:
        Opened(other, first.id).cancel()
    first.cancel()

    def free() -> None:
        try:
            Opened(tool, first.id).cancel()
        except grpc.RpcError as error:
            raise AssertionError(error) from None

    eventually(free)


def test_a_first_message_of_another_type_is_refused_in_containerds_words(tool: Tool) -> None:
    code, text = refused(Opened, tool, "x", pack(p.Progress()))
    assert (code, text) == (
        "UNKNOWN",
        'can\'t unmarshal type "containerd.types.transfer.Progress" to output "containerd.services.streaming.v1.StreamInit"',
    )


def test_type_urls_with_a_prefix_are_understood(tool: Tool) -> None:
    assert (
        Opened(tool, "prefixed", pack(StreamInit(id="prefixed"), "type.googleapis.com/")).ack.type_url
        == "google.protobuf.Empty"
    )


@pytest.mark.parametrize("id", ["", "x" * 1025])
def test_an_id_that_is_none_is_refused(tool: Tool, id: str) -> None:
    assert refused(Opened, tool, id, pack(StreamInit(id=id)))[0] == "INVALID_ARGUMENT"


def test_a_stream_that_nobody_opened_is_not_found(tool: Tool) -> None:
    store = p.ImageStore(name="a")
    assert refused(tool.transfer, store, store, "progress-1") == ("NOT_FOUND", "not found")
    pair = p.ImageImportStream(stream="import-1"), p.ImageExportStream(stream="export-1")
    assert refused(tool.transfer, *pair) == ("NOT_FOUND", "not found")


def test_a_stream_of_another_namespace_is_not_found(mesh: Mesh, tool: Tool) -> None:
    id = tool.open("progress").id
    with Tool(mesh.address, "others") as other:
        assert refused(other.transfer, p.ImageStore(name="a"), p.ImageStore(name="b"), id) == ("NOT_FOUND", "not found")


def test_a_stream_is_good_for_one_transfer(tool: Tool) -> None:
    id = tool.watch()
    store = p.ImageStore(name="nope")
    assert refused(tool.transfer, store, store, id) == ("NOT_FOUND", 'image "nope": not found')
    tool.watching.join(10)
    assert not tool.watching.is_alive()
    assert refused(tool.transfer, store, store, id) == ("NOT_FOUND", "not found")


def test_a_stream_goes_with_its_lease_and_one_without_stays(tool: Tool) -> None:
    without = tool.open("without")
    tool.make_lease("of-streams")
    leased = tool.open("leased")
    ended = tool.told(list, leased.rest())
    assert not ended.wait(2.5), "its lease is there"
    tool.end_lease()
    assert ended.wait(10)
    assert leased.call.code() == grpc.StatusCode.OK
    assert without.call.is_active()


# -- bytes --


def test_bytes_come_through_as_they_were_sent(tool: Tool) -> None:
    for size in (0, 1, 511, WINDOW, WINDOW + 1, (5 << 20) + 7):
        data = os.urandom(size)
        assert echoed(tool, data) == data


def test_a_slow_reader_gets_every_byte_before_the_transfer_is_answered(tool: Tool) -> None:
    """The last message of this size makes a reader like containerd's grant a window once it has passed it on."""
    data = os.urandom(3 * WINDOW + 1000)
    got = bytearray()
    export, _ = tool.receiving(got, delay_s=0.2)
    tool.transfer(p.ImageImportStream(stream=tool.sending(data)), p.ImageExportStream(stream=export))
    assert bytes(got) == data


@pytest.mark.parametrize("delay_s", [0.0, 0.3])
def test_who_grants_everything_at_once_gets_every_byte_and_the_end(tool: Tool, delay_s: float) -> None:
    """The transfer is answered while bytes wait for the reader's flow control: neither they nor the stream's status are taken back."""
    data = os.urandom(1_300_000)
    for _ in range(6 if not delay_s else 1):
        stream = tool.open("export")
        stream.send(pack(p.WindowUpdate(update=1 << 30)))
        tool.transfer(p.ImageImportStream(stream=tool.sending(data)), p.ImageExportStream(stream=stream.id))
        time.sleep(delay_s)
        assert b"".join(p.Data.decode(one.value).data for one in stream.rest()) == data, "and no error at its end"


def test_nothing_is_sent_without_credit_and_single_bytes_are_kept_to(tool: Tool) -> None:
    stream = tool.open("export")
    pair = p.ImageImportStream(stream=tool.sending(b"abcde")), p.ImageExportStream(stream=stream.id)
    done = tool.told(tool.transfer, *pair)
    got = b""
    for _ in range(5):
        time.sleep(0.05)
        assert not done.is_set()
        stream.send(pack(p.WindowUpdate(update=1)))
        data = p.Data.decode(stream.receive().value).data
        assert len(data) == 1
        got += data
    assert got == b"abcde"
    assert done.wait(10), "who grants nothing for what it has taken is not waited for much longer"


@pytest.mark.parametrize("update", [0, -1, -(1 << 31)])
def test_credit_that_can_not_be_ends_the_transfer(tool: Tool, update: int) -> None:
    stream = tool.open("export")
    stream.send(pack(p.WindowUpdate(update=update)))
    code, text = refused(
        tool.transfer, p.ImageImportStream(stream=tool.sending(b"x")), p.ImageExportStream(stream=stream.id)
    )
    assert code == "INVALID_ARGUMENT" and f"grants {update} bytes" in text


def test_more_credit_than_a_number_holds_ends_the_transfer(tool: Tool) -> None:
    stream = tool.open("export")
    for _ in range(2):
        stream.send(pack(p.WindowUpdate(update=(1 << 31) - 1)))
    source = tool.open("import")  # brings nothing
    code, text = refused(tool.transfer, p.ImageImportStream(stream=source.id), p.ImageExportStream(stream=stream.id))
    assert code == "INVALID_ARGUMENT" and "on top of" in text


def test_more_bytes_than_were_granted_end_the_transfer(tool: Tool) -> None:
    got = bytearray()
    export, _ = tool.receiving(got)
    source = tool.open("import")
    source.send(pack(p.Data(data=b"x" * (2 * WINDOW + 1))))
    code, text = refused(tool.transfer, p.ImageImportStream(stream=source.id), p.ImageExportStream(stream=export))
    assert code == "INVALID_ARGUMENT" and "where 65536 were granted" in text
    assert got == b""


def test_a_message_longer_than_upstreams_within_the_credit_is_taken(tool: Tool) -> None:
    got = bytearray()
    export, reading = tool.receiving(got)
    source = tool.open("import")
    source.send(pack(p.Progress()))  # and one of another type, which is passed over
    source.send(pack(p.Data(data=b"y" * WINDOW)))
    source.half_close()
    tool.transfer(p.ImageImportStream(stream=source.id), p.ImageExportStream(stream=export))
    reading.join(10)
    assert got == b"y" * WINDOW


def test_who_goes_in_the_middle_ends_the_transfer_at_both_ends(tool: Tool) -> None:
    for gone in ("source", "sink"):
        source, sink = tool.open("import"), tool.open("export")
        ends: list[tuple[str, str]] = []
        pair = p.ImageImportStream(stream=source.id), p.ImageExportStream(stream=sink.id)
        thread = threading.Thread(target=lambda pair=pair, ends=ends: ends.append(refused(tool.transfer, *pair)))
        thread.start()
        source.receive()  # its first grant: it has begun
        (source if gone == "source" else sink).cancel()
        thread.join(10)
        assert ends and ends[0][0] == "CANCELLED" and "its client is gone" in ends[0][1], (gone, ends)


def test_a_transfer_that_its_client_cancels_lets_go_of_its_streams(tool: Tool) -> None:
    source, sink = tool.open("import"), tool.open("export")
    pair = p.ImageImportStream(stream=source.id), p.ImageExportStream(stream=sink.id)
    assert refused(tool.transfer, *pair, timeout=0.5)[0] == "DEADLINE_EXCEEDED"
    assert tool.told(list, sink.rest()).wait(10)


# -- the accounts --


@given(st.lists(st.integers(1, WINDOW_BYTES)))
def test_a_receiver_never_has_more_than_two_windows_out(sizes: list[int]) -> None:
    grants = Grants()
    for size in sizes:
        grants.due()
        assert WINDOW_BYTES <= grants.outstanding < 2 * WINDOW_BYTES
        grants.got(size)


@given(st.lists(st.integers(1, 1 << 20)), st.integers(1, 1 << 20))
def test_a_sender_never_sends_more_than_was_granted(grants: list[int], wanted: int) -> None:
    credit, sent = Credit(), 0
    for n, size in enumerate(grants):
        credit.grant(size)
        sent += (spent := credit.spend(wanted))
        assert spent <= min(wanted, CHUNK_BYTES) and sent <= sum(grants[: n + 1])


def test_credit_beyond_what_a_number_holds_is_refused() -> None:
    credit = Credit()
    credit.grant((1 << 31) - 1)
    with pytest.raises(InvalidArgument):
        credit.grant(1)


@given(st.integers(0, 1 << 24))
def test_a_padded_archive_has_a_last_message_that_is_granted_for(blocks: int) -> None:
    """A reader of containerd's kind, which grants a window whenever less than one is out, grants after that message, and only then."""
    size = 512 * blocks
    padded = size + padding(size)
    assert padding(size) % 512 == 0 and padding(size) <= CHUNK_BYTES
    last = padded % WINDOW_BYTES
    assert 0 < last <= CHUNK_BYTES
    out = WINDOW_BYTES + (last - padded) % WINDOW_BYTES  # what is granted and not got before the last message
    assert out == WINDOW_BYTES and out - last < WINDOW_BYTES
