"""Names and secrets that a client gives while its transfer goes on: the registry asks, and the client is asked over a stream of its own."""

from __future__ import annotations

import anyio
from argosy import log
from argosy.client.credentials import Credentials
from argosy.errors import Cancelled
from argosy.typeurl import bare, pack
from argosy_protos._error import DecodeError
from argosy_protos.containerd.types.transfer import AuthRequest, AuthResponse, AuthType

from argosy_transfer.streams import Stream

logger = log.get("transfer.credentials")

_RESPONSE = "containerd.types.transfer.AuthResponse"


class Asker:
    """Asks one client for credentials, one question at a time. A client that has none, does not answer or is gone is nobody."""

    def __init__(self, stream: Stream, reference: str, answer_s: float) -> None:
        self._stream, self._reference, self._answer_s = stream, reference, answer_s

    async def __call__(self, host: str) -> Credentials | None:
        message = None
        with anyio.move_on_after(self._answer_s) as waiting:
            try:
                question = AuthRequest(host=host, reference=self._reference)
                await self._stream.send(pack("containerd.types.transfer.AuthRequest", question))
                message = await self._stream.receive()
            except Cancelled:
                return None
        if waiting.cancelled_caught:
            logger.warning("credentials.no_answer", host=host, waited_s=self._answer_s)
        if message is None:
            return None
        try:
            answer = AuthResponse.decode(message.value) if bare(message.type_url) == _RESPONSE else None
        except DecodeError:
            answer = None
        if answer is None:
            logger.warning("credentials.not_understood", host=host, type_url=message.type_url[:200])
            return None
        if answer.authType == AuthType.CREDENTIALS:
            return Credentials(answer.username, answer.secret)
        if answer.authType == AuthType.REFRESH and answer.secret:
            return Credentials("", answer.secret)
        return None  # a header, which containerd takes and makes no use of either, or nothing
