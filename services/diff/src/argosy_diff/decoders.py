"""The decoders of encrypted layers that a differ has by itself, and the payloads that they are given where a client gives none.

With a directory of keys in its settings, or key providers, the machine opens layers by itself: for any client, also one that knows nothing of keys.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from argosy.encryption.payload import DECODER, TYPE_URL, Parameters, Payload
from argosy.errors import InvalidArgument
from argosy.oci.layers import ENCRYPTED, decrypted, is_encrypted
from argosy.plugin.diff import Descriptor
from argosy.tables import StreamProcessor
from argosy_protos.google.protobuf import Any as AnyMessage

_PROGRAM: Final = ("-I", "-m", "argosy.encryption.decoder")


def decoders(keys: Path | None, key_providers: Path | None) -> dict[str, StreamProcessor]:
    """Return a decoder for each kind of encrypted layer, by the ids that clients know. keys is a directory, key_providers their configuration."""
    args = [*_PROGRAM, *(("--decryption-keys-path", str(keys)) if keys is not None else ())]
    env = [f"OCICRYPT_KEYPROVIDER_CONFIG={key_providers}"] if key_providers is not None else []
    found: dict[str, StreamProcessor] = {}
    for media_type in ENCRYPTED:
        returns = decrypted(media_type)
        kind = returns.rpartition("+")[2] if "+" in returns else ""
        id = f"{DECODER}tar{f'.{kind}' if kind else ''}"
        known = found.get(id)
        accepts = [*(known.accepts if known else ()), media_type]
        # What the layers of one decoder become differs in whether they may be given away, which nobody asks once they are open.
        found[id] = StreamProcessor(
            accepts=accepts, returns=known.returns if known else returns, path=sys.executable, args=args, env=env
        )
    return found


def is_decoder(id: str) -> bool:
    """Return whether a stream processor opens encrypted layers, by its id."""
    return id.startswith(DECODER)


def check_only(processor: StreamProcessor) -> StreamProcessor:
    """Return our decoder with what another is told, and the order to say only whether a layer could be opened."""
    args = processor.args if processor.path == sys.executable else [*_PROGRAM, *processor.args]
    return replace(processor, path=sys.executable, args=[*args, "--check"])


def given(
    layers: Sequence[Descriptor], payloads: Mapping[str, bytes], processors: Mapping[str, StreamProcessor]
) -> Mapping[str, bytes]:
    """Return payloads with one for each decoder that has none: what the client gives another one, else the descriptor of the layer alone.

    Of several layers, which are only looked at, the keys of that payload are for all.
    """
    if not any(is_encrypted(layer.media_type) for layer in layers):
        return payloads
    found = dict(payloads)
    first = next((data for id, data in payloads.items() if is_decoder(id)), None)
    if first is None or len(layers) > 1:
        found = {id: data for id, data in found.items() if not is_decoder(id)}
        first = AnyMessage(type_url=TYPE_URL, value=_payload(layers, first).encode()).encode()
    for id in processors:
        if is_decoder(id):
            found.setdefault(id, first)
    return found


def _payload(layers: Sequence[Descriptor], said: bytes | None) -> Payload:
    parameters: Parameters = {}
    if said is not None:
        try:
            parameters = Payload.decode(AnyMessage.decode(said).value).parameters
        except ValueError:
            raise InvalidArgument("the payload for a decoder is no google.protobuf.Any") from None
    made = [Payload(layer.media_type, layer.digest, layer.size, layer.annotations, parameters) for layer in layers]
    return replace(made[0], others=made[1:])
