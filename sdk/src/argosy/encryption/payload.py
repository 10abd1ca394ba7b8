"""What a client gives a decoder along with an encrypted layer: its keys, and the layer's descriptor, in an Any of containerd's imgcrypt.

A client names a payload by the id of the stream processor that it is for; the ids of decoders begin with ``DECODER``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from argosy.encryption.base64s import from_base64, to_base64
from argosy.errors import InvalidArgument

Parameters = Mapping[str, Sequence[bytes]]
"""Lists of bytes by what they are of, as ocicrypt names them: ``privkeys``, ``privkeys-passwords``, ``pubkeys``, ``x509s``, providers by their names."""
PREFIX: Final = "org.opencontainers.image.enc."
"""Of the annotations of encrypted layers."""
TYPE_URL: Final = "io.containerd.ocicrypt.v1.Payload"
DECODER: Final = "io.containerd.ocicrypt.decoder.v1."
IDS: Final = tuple(f"{DECODER}{kind}" for kind in ("tar", "tar.gzip", "tar.zstd"))
"""Of the decoders for each kind of layer."""


def without_keys(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations of a layer but for those of its encryption."""
    return {name: value for name, value in annotations.items() if not name.startswith(PREFIX)}


@dataclass(frozen=True, slots=True)
class Payload:
    """Keys for one layer. size is bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=dict, repr=False)
    others: Sequence[Payload] = ()
    """More layers, by their descriptors alone, for a decoder that is only to say whether it could open them: no client of containerd's writes them."""

    def encode(self) -> bytes:
        """Return the JSON that stands in the Any."""
        keys = {name: [to_base64(one) for one in values] for name, values in self.parameters.items()}
        said: dict[str, Any] = {"DecryptConfig": {"Parameters": keys}, "Descriptor": self._layer()}
        if self.others:
            said["Others"] = [one._layer() for one in self.others]
        return json.dumps(said).encode()

    def _layer(self) -> dict[str, Any]:
        layer: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return {**layer, "annotations": dict(self.annotations)} if self.annotations else layer

    @classmethod
    def decode(cls, data: bytes) -> Payload:
        """Raises InvalidArgument."""
        try:
            said = json.loads(data)
            config = said.get("DecryptConfig") or {}
            keys = {
                name: [from_base64(one, f'the payload\'s "{name}"') if one else b"" for one in values or ()]
                for name, values in (config.get("Parameters") or {}).items()
            }
            first, *others = (_read(one) for one in (said.get("Descriptor") or {}, *(said.get("Others") or ())))
            return cls(*first, keys, [cls(*one) for one in others])
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise InvalidArgument(f"the payload of the decoder is no JSON of {TYPE_URL}") from None


def _read(layer: Any) -> tuple[str, str, int, Mapping[str, str]]:
    annotations = layer.get("annotations") or {}
    if not all(isinstance(value, str) for value in annotations.values()):
        raise TypeError("an annotation that is no text")
    return str(layer.get("mediaType", "")), str(layer.get("digest", "")), int(layer.get("size", 0)), annotations
