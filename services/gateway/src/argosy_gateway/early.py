"""What a gateway answers before its stores are open: who it is. Imports little, since every start waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from argosy.errors import InvalidArgument
from argosy.rpc.server import inline
from argosy.rpc.wire import field
from argosy_protos._error import DecodeError
from grpclib.const import Cardinality, Handler

# Clients parse the version; the contract served is that of containerd 1.7's API plus what is listed in the docs.
VERSION: Final = "1.7.0+argosy.0.1.0"
REVISION: Final = "argosy-0.1.0"

# VersionResponse, whose class would bring all that messages are made of.
_ANSWER: Final = field(1, VERSION.encode()) + field(2, REVISION.encode())


@inline
async def _version(stream: Any) -> None:
    request = await stream.recv_message()
    if request:  # an Empty with something in it: whether that is a message is for its class to say
        from argosy_protos.google.protobuf import Empty

        try:
            Empty.decode(request)
        except DecodeError as error:
            raise InvalidArgument(f"{stream.path}: the request is malformed: {error}") from error
    await stream.send_message(_ANSWER)


class Version:
    """containerd.services.version.v1.Version, as long as the whole one is not there."""

    def __mapping__(self) -> Mapping[str, Handler]:
        return {"/containerd.services.version.v1.Version/Version": Handler(_version, Cardinality.UNARY_UNARY, bytes, bytes)}
