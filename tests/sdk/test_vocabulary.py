"""Names, digests, labels, filters, errors: the words, and the sentences of their refusals."""

from __future__ import annotations

import errno
import os

import pytest
from argosy import filters, labels, timestamps
from argosy.digest import Digest
from argosy.errors import (
    WIRE,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unknown,
    from_wire,
    in_words,
    to_wire,
)
from argosy.names import check_identifier, check_namespace, check_topic
from argosy.timestamps import format_rfc3339, parse_rfc3339
from argosy_protos.containerd.services.containers.v1 import Container
from argosy_protos.google.protobuf import Timestamp


@pytest.mark.parametrize(("kind", "state"), [(NotFound, "not found"), (AlreadyExists, "already exists")])
def test_an_error_that_names_a_thing_says_its_state_too(kind: type[NotFound | AlreadyExists], state: str) -> None:
    """Made here, or come over the wire, where the state is taken off the message."""
    for error in (kind('image "a"'), from_wire(kind.code, f'image "a": {state}'), kind(f'image "a": {state}')):
        assert str(error) == f'image "a": {state}' and to_wire(error) == (kind.code, f'image "a": {state}')
    assert str(kind()) == state
    assert str(FailedPrecondition('container "a" is running')) == 'container "a" is running'


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/a"), "/a: no such file or directory"),
        (OSError(errno.EXDEV, os.strerror(errno.EXDEV), b"/a", None, b"/b"), "/a -> /b: invalid cross-device link"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left on device"),
        (OSError(errno.EIO), "input/output error"),
        (OSError(errno.EBADF, "Bad file descriptor", 7), "bad file descriptor"),
        (OSError("the peer is odd"), "the peer is odd"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_of_the_system_is_told_in_words(error: OSError, words: str) -> None:
    assert in_words(error) == words and to_wire(error) == (2, words)


@pytest.mark.parametrize("good", ["a", "a" * 76, "A.b-c_d", "0"])
def test_identifiers(good: str) -> None:
    assert check_identifier(good) == good


@pytest.mark.parametrize("bad", ["", "a" * 77, "-a", "a-", "a--b", "a/b", "a b", "ä", "a\n"])
def test_what_is_no_identifier(bad: str) -> None:
    with pytest.raises(InvalidArgument, match="identifier"):
        check_identifier(bad)


def test_a_missing_namespace_is_a_precondition_and_a_bad_one_an_argument() -> None:
    with pytest.raises(FailedPrecondition, match=r"^namespace is required$"):
        check_namespace(None)
    with pytest.raises(InvalidArgument, match=r"^namespace validation: identifier"):
        check_namespace("a/b")


def test_topics() -> None:
    assert check_topic("/tasks/exit") == "/tasks/exit"
    for bad in ("tasks", "/", "/tasks/", "/a b"):
        with pytest.raises(InvalidArgument):
            check_topic(bad)


def test_messages_end_with_their_class_once() -> None:
    assert to_wire(NotFound('container "a"')) == (5, 'container "a": not found')
    assert to_wire(NotFound("task a not found")) == (5, "task a not found")
    assert to_wire(ValueError("x")) == (2, "ValueError: x")
    for code, cls in WIRE.items():
        again = from_wire(*to_wire(cls("the noun")))
        assert type(again) is cls and again.message == "the noun" and cls.code == code
    assert type(from_wire(77, "?")) is Unknown


@pytest.mark.parametrize(
    "error",
    [
        NotFound(os.fsdecode(b"a/\xff")),
        ValueError(os.fsdecode(b"\xff")),
        OSError(2, "No such file", os.fsdecode(b"/\xff")),
    ],
)
def test_an_error_about_a_name_that_is_no_text_can_be_told(error: Exception) -> None:
    """Names of files are bytes; a message that is none of UTF-8 could not be sent, and whoever waited for it was not answered."""
    _, message = to_wire(error)
    assert "?" in message and message.encode()
    assert to_wire(NotFound('"ü😀"'))[1] == '"ü😀": not found'


@pytest.mark.parametrize(
    "bad", ["", "sha256:", "sha256:" + "0" * 63, "sha256:" + "A" * 64, "md5:" + "0" * 32, "../../etc/passwd"]
)
def test_what_is_no_digest(bad: str) -> None:
    with pytest.raises(InvalidArgument, match="failed validation"):
        Digest.parse(bad)


def test_labels_are_updated_by_masks() -> None:
    now = {"a": "1", "b.c/d": "2"}
    assert labels.masked(now, {"x": "y", "z": ""}, [], "it") == {"x": "y"}
    assert labels.masked(now, {"b.c/d": ""}, ["labels.b.c/d"], "it") == {"a": "1"}
    assert labels.masked(now, {"a": "9", "n": "m"}, ["labels.a"], "it") == {"a": "9", "b.c/d": "2"}
    assert labels.masked(now, {"n": "m"}, ["labels"], "it") == {"n": "m"}
    with pytest.raises(InvalidArgument, match='cannot update "target" field on it'):
        labels.masked(now, {}, ["target"], "it")


def test_records_are_updated_by_masks() -> None:
    fields = {"labels": "labels", "snapshotkey": "snapshot_key"}

    def merged(*paths: str) -> tuple[str, dict[str, str]]:
        now = Container(id="c", snapshot_key="old", labels={"a": "1", "b.c/d": "2"})
        wanted = Container(id="c", snapshot_key="new", labels={"a": "9", "n": "m"})
        labels.merge(now, wanted, paths, fields, "it")
        now.labels["mine"] = "x"
        assert "mine" not in wanted.labels
        del now.labels["mine"]
        return now.snapshot_key, now.labels

    assert merged() == ("old", {"a": "1", "b.c/d": "2"})
    assert merged("snapshotkey") == ("new", {"a": "1", "b.c/d": "2"})
    assert merged("labels") == ("old", {"a": "9", "n": "m"})
    assert merged("labels.a", "labels.b.c/d") == ("old", {"a": "9"})
    for path in ("id", "snapshotkey.x", "snapshot_key", "", ".", "image"):
        with pytest.raises(InvalidArgument, match="cannot update .* field on it"):
            merged(path)


def test_long_labels_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"greater than maximum size \(4096 bytes\), key: k{64}$"):
        labels.check_labels({"k" * 100: "v" * 4000})


OBJECT = {
    "name": "docker.io/library/x:latest",
    "labels.foo.bar": "x",
    "labels.a-b/c": "d",
    "size": "",
    "topic": "/tasks/exit",
}


def look(path):  # type: ignore[no-untyped-def] # the shape is filters.Lookup
    return OBJECT.get(".".join(path)) or None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("name", True),
        ("nope", False),
        ("name==docker.io/library/x:latest", True),
        ("name!=y", True),
        ("nope!=y", True),
        ("nope==y", False),
        ("name~=^docker\\.io", True),
        ('name~="^docker\\\\.io"', True),
        ("topic~=|^/tasks/|", True),
        ("topic~=/exit$/", True),
        ("topic==/x", None),
        ('topic=="/tasks/exit"', True),
        ("labels.foo.bar==x", True),
        ('labels."foo.bar"==x', True),
        ('labels."a-b/c"==d', True),
        ("labels.a-b==d", None),
        ("name, topic", True),
        ("name==docker.io/library/x:latest, nope", False),
        ("name~=(", False),
        ("nope~=^$", True),
        ("name=y", None),
        ("name==", None),
        ("'name'", None),
        ('name=="\\d"', None),
        ('name=="\\u0064ocker.io/library/x:latest"', True),
        ("name==,topic", None),
        ("|name|", None),
        ("name==x y", None),
        ('"unterminated', None),
        (" name", True),
        ("name ", None),
        ("name ,topic", None),
        ("name!=y ", None),
        ("name == y", False),
        ("labels . foo", None),
        ("name~=^\\Qdocker.\\E", True),
        ("name~=latest\\z", True),
        ("name~=docker(?=.io)", False),
        ("name~=^\\C", False),
        ('name=="\\x64ocker.io/library/x:latest"', True),
    ],
)
def test_filters(text: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(InvalidArgument, match=r"^filters: parse error: \["):
            filters.parse([text])
    else:
        assert filters.parse([text]).matches(look) is expected


def test_filters_in_a_list_are_alternatives() -> None:
    assert filters.parse(["nope", "name"]).matches(look)
    assert not filters.parse(["nope", "no"]).matches(look)
    assert filters.parse([]).matches(look)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
    ],
)
def test_times_keep_nanoseconds(ns: int, text: str) -> None:
    assert format_rfc3339(ns) == text
    assert parse_rfc3339(text) == ns


def test_times_with_zones_and_nonsense() -> None:
    assert parse_rfc3339("1970-01-01T01:00:00+01:00") == 0
    for bad in ("", "yesterday", "2023-13-01T00:00:00Z", "2023-01-01 00:00:00Z"):
        with pytest.raises(InvalidArgument, match="RFC 3339"):
            parse_rfc3339(bad)


@pytest.mark.parametrize("seconds", [-(1 << 63), -62135596800, -(10**10), 10**10, (1 << 63) - 1])
@pytest.mark.parametrize("nanos", [-(1 << 31), 0, (1 << 31) - 1])
def test_an_instant_that_no_database_holds_becomes_the_nearest(seconds: int, nanos: int) -> None:
    """Go's zero time is in the year 1, and a peer may send anything."""
    ns = timestamps.from_wire(Timestamp(seconds=seconds, nanos=nanos))
    assert ns is not None and ns == (timestamps.EARLIEST_NS if seconds < 0 else timestamps.LATEST_NS)
    assert timestamps.from_wire(timestamps.to_wire(ns)) == ns
