"""Any: how typed values travel. Protobuf types go by bare name, Go's JSON types by a well-known URL."""

from __future__ import annotations

import importlib
import json
from typing import Any, Final

from argosy_protos._message import DecodeError, Message
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy.fields import count

SPEC: Final = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
PROCESS: Final = "types.containerd.io/opencontainers/runtime-spec/1/Process"
RESOURCES: Final = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
FEATURES: Final = "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
_JSON_PREFIX: Final = "types.containerd.io/"
# Far above what any event or option has; it is decoded in the loop.
_MOST_BYTES, _MOST_FIELDS = 256 << 10, 4096


def bare(type_url: str) -> str:
    """Return a type URL without a host: ``type.googleapis.com/a.B`` is ``a.B``; JSON types keep their URL."""
    return type_url if type_url.startswith(_JSON_PREFIX) else type_url.rpartition("/")[2]


def pack(name: str, message: Message) -> AnyMessage:
    """Return an Any holding message under its full proto name."""
    return AnyMessage(type_url=name, value=message.encode())


def pack_json(type_url: str, value: Any) -> AnyMessage:
    """Return an Any holding a Go JSON type."""
    return AnyMessage(type_url=type_url, value=json.dumps(value, separators=(",", ":")).encode())


def resolve(name: str) -> type[Message] | None:
    """Return the generated class of a full proto name, or None when we don't have it."""
    package, _, leaf = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(f"argosy_protos.{package}"), leaf, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, Message) else None


def unpack(value: AnyMessage) -> Message | dict[str, Any] | None:
    """Return the message or JSON value inside an Any, or None when its type is unknown, its bytes are not of it, or they are very many."""
    if len(value.value) > _MOST_BYTES:
        return None
    if value.type_url.startswith(_JSON_PREFIX):
        try:
            loaded = json.loads(value.value)
        except ValueError:
            return None
        return loaded if isinstance(loaded, dict) else None
    cls = resolve(bare(value.type_url))
    if cls is None or count(cls, value.value, _MOST_FIELDS) > _MOST_FIELDS:
        return None
    try:
        return cls.decode(value.value)
    except DecodeError:
        return None
