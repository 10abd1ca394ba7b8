"""Compiled codecs against google protobuf: the same bytes for the same messages, the same verdict on hostile ones."""

from __future__ import annotations

import importlib
from importlib.resources import files
from typing import Any

import pytest
from argosy_protos._wire import DecodeError
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as GoogleError
from hypothesis import given, settings
from hypothesis import strategies as st

F = descriptor_pb2.FieldDescriptorProto
SET = descriptor_pb2.FileDescriptorSet.FromString(files("argosy_protos").joinpath("descriptors.pb").read_bytes())
POOL = descriptor_pool.DescriptorPool()
_left = {f.name: f for f in SET.file}


def _add(name: str) -> None:
    file = _left.pop(name, None)
    if file is not None:
        for dependency in file.dependency:
            _add(dependency)
        POOL.Add(file)


for _name in list(_left):
    _add(_name)

_LEAN_TOO = (
    "containerd.task.v2",
    "containerd.events",
    "containerd.types",
    "ttrpc",
    "google.protobuf",
    "io.containerd.cgroups.v1",
)


def _names() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def walk(package: str, prefix: str, items: Any) -> None:
        for m in items:
            if m.options.map_entry:
                continue
            found.append((package, f"{prefix}{m.name}"))
            walk(package, f"{prefix}{m.name}.", m.nested_type)

    for file in SET.file:
        walk(file.package, "", file.message_type)
    return found


ALL = _names()


def pair(package: str, name: str, lean: bool = False) -> tuple[type[Any], type[Any]]:
    """Return (our class, google's class) of a message."""
    module = importlib.import_module(f"argosy_protos.{'lean.' if lean else ''}{package}")
    google = message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"{package}.{name}"))
    return getattr(module, name.replace(".", "")), google


def values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    number = {
        F.TYPE_INT32: st.integers(-(1 << 31), (1 << 31) - 1), F.TYPE_INT64: st.integers(-(1 << 63), (1 << 63) - 1),
        F.TYPE_UINT32: st.integers(0, (1 << 32) - 1), F.TYPE_UINT64: st.integers(0, (1 << 64) - 1),
        F.TYPE_BOOL: st.booleans(), F.TYPE_STRING: st.text(max_size=20), F.TYPE_BYTES: st.binary(max_size=40),
        F.TYPE_DOUBLE: st.floats(allow_nan=False), F.TYPE_ENUM: st.integers(-5, 20),
    }  # fmt: skip
    if field.type in number:
        return number[field.type]
    return messages(message_factory.GetMessageClass(field.message_type), depth + 1)


def is_map(field: Any) -> bool:
    return bool(field.type == F.TYPE_MESSAGE and field.message_type.GetOptions().map_entry)


@st.composite
def messages(draw: st.DrawFn, cls: type[Any], depth: int = 0) -> Any:
    """A google message of cls with random fields set."""
    m = cls()
    for field in cls.DESCRIPTOR.fields:
        if depth > 3 or not draw(st.booleans()):
            continue
        if is_map(field):
            value = field.message_type.fields_by_name["value"]
            for k, v in draw(st.dictionaries(st.text(max_size=8), values(value, depth), max_size=2)).items():
                if value.type == F.TYPE_MESSAGE:
                    getattr(m, field.name)[k].CopyFrom(v)
                else:
                    getattr(m, field.name)[k] = v
        elif field.is_repeated:
            for v in draw(st.lists(values(field, depth), max_size=3)):
                if field.type == F.TYPE_MESSAGE:
                    getattr(m, field.name).add().CopyFrom(v)
                else:
                    getattr(m, field.name).append(v)
        elif field.type == F.TYPE_MESSAGE:
            getattr(m, field.name).CopyFrom(draw(values(field, depth)))
        else:
            setattr(m, field.name, draw(values(field, depth)))
    return m


@pytest.mark.parametrize(("package", "name"), ALL, ids=[f"{p}.{n}" for p, n in ALL])
def test_what_google_writes_we_read_and_write_again(package: str, name: str) -> None:
    flavours = [False, True] if package in _LEAN_TOO else [False]
    for lean in flavours:
        compare(*pair(package, name, lean))


def test_minus_zero_is_a_value() -> None:
    own, google = pair("io.containerd.cgroups.v2", "Metrics")
    theirs = google()
    theirs.memory.psi.full.avg300 = -0.0
    assert own.decode(theirs.SerializeToString()).encode() == theirs.SerializeToString()


def compare(own: type[Any], google: type[Any]) -> None:
    @settings(max_examples=15, deadline=None, database=None)
    @given(messages(google))
    def check(theirs: Any) -> None:
        data = theirs.SerializeToString(deterministic=True)
        again = own.decode(data).encode()
        assert google.FromString(again) == theirs
        assert len(again) == len(data)

    check()


def verdicts(package: str, name: str, data: bytes) -> tuple[bool, bool]:
    """Return whether (we, google) take data."""
    own, google = pair(package, name)
    try:
        own.decode(data)
        mine = True
    except DecodeError:
        mine = False
    try:
        google.FromString(data)
        theirs = True
    except (GoogleError, UnicodeDecodeError):
        theirs = False
    return mine, theirs


CONTENT = ("containerd.services.content.v1", "Info")


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05abc",  # a string that ends early
        b"\x0a",  # a tag and nothing
        b"\x10",  # a number that is not there
        b"\x10\x80",  # half a varint
        b"\x10" + b"\x80" * 10 + b"\x01",  # a varint of eleven bytes
        b"\x00\x01",  # field number 0
        b"\x1a\x02\x08",  # a sub-message that ends early
        b"\x1a\x01\x08",  # a sub-message whose field passes its end
        b"\x2a\x03\x0a\x05a",  # a map entry that ends early
        b"\x0a\x02\xff\xfe",  # not UTF-8
        b"\x7b",  # an unknown group without an end
        b"\x7c",  # the end of a group that was never begun
        b"\xff\xff\xff\xff\xff\xff",  # a tag that is too long
        b"\x79\x00",  # an unknown fixed64 that ends early
    ],
)
def test_hostile_bytes_are_refused_by_both(data: bytes) -> None:
    assert verdicts(*CONTENT, data) == (False, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # -1
        b"\x90\x00\x05",  # a tag longer than it need be
        b"\x10\x01\x10\x02",  # the last one wins
        b"\x1a\x02\x08\x01\x1a\x02\x10\x07",  # a split sub-message is merged
        b"\x1a\x00",  # present, and empty
        b"\x2a\x00",  # an empty map entry
        b"\x2a\x04\x12\x00\x0a\x00",  # value before key
        b"\x7b\x08\x01\x7c",  # an unknown group
        b"\xf8\x07\x05\xfa\x07\x02hi",  # unknown fields
    ],
)
def test_unusual_bytes_mean_the_same_to_both(data: bytes) -> None:
    own, google = pair(*CONTENT)
    theirs = google.FromString(data)
    assert google.FromString(own.decode(data).encode()) == theirs
    assert own.decode(data).encode().endswith(data) or b"\xfa\x07" not in data


@pytest.mark.parametrize("data", [b"\x08\x01", b"\x12\x01x", b"\x1d\x01\x02\x03\x04", b"\x2a\x02\x08\x01"])
def test_a_known_field_of_another_wire_type_is_an_error_here(data: bytes) -> None:
    """google keeps it as an unknown field; to us it is a peer that speaks something else, and losing it silently is worse."""
    assert verdicts(*CONTENT, data) == (False, True)


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=60))
def test_random_bytes_never_crash_and_never_mean_something_else(data: bytes) -> None:
    own, google = pair(*CONTENT)
    mine, theirs = verdicts(*CONTENT, data)
    assert theirs or not mine
    if mine:
        assert google.FromString(own.decode(data).encode()) == google.FromString(data)


@settings(max_examples=60, deadline=None, database=None)
@given(messages(pair("containerd.services.containers.v1", "Container")[1]), st.data())
def test_every_prefix_is_refused_or_means_what_google_thinks(theirs: Any, data: st.DataObject) -> None:
    raw = theirs.SerializeToString(deterministic=True)
    cut = raw[: data.draw(st.integers(0, len(raw)))]
    mine, googles = verdicts("containerd.services.containers.v1", "Container", cut)
    assert mine == googles


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(0, 0), (1, 1), (1_700_000_000, 123_456_789), (-62135596800, 0), (0, 999_999_999)]
)
def test_instants_keep_their_nanoseconds_and_the_epoch_is_an_instant(seconds: int, nanos: int) -> None:
    from argosy_protos.containerd.services.content.v1 import Info
    from argosy_protos.google.protobuf import Timestamp

    info = Info(created_at=Timestamp(seconds=seconds, nanos=nanos))
    again = Info.decode(info.encode())
    assert again.created_at is not None and (again.created_at.seconds, again.created_at.nanos) == (seconds, nanos)
    assert Info.decode(b"").created_at is None


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1])
def test_a_number_that_does_not_fit_is_refused(value: int) -> None:
    from argosy_protos.containerd.services.content.v1 import Info

    with pytest.raises(ValueError, match="does not fit"):
        Info(size=value).encode()
    from argosy_protos.containerd.services.tasks.v1 import KillRequest

    with pytest.raises(ValueError, match="does not fit"):
        KillRequest(signal=-1).encode()
