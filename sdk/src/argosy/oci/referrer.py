"""A manifest that refers to another one, as an index lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from argosy.oci.image import Descriptor


@dataclass(frozen=True, slots=True)
class Referrer:
    """One manifest that refers to another."""

    descriptor: Descriptor
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """Return it as it stands in an index."""
        d = self.descriptor
        found: dict[str, Any] = {"mediaType": d.media_type, "digest": d.digest, "size": d.size}
        if self.artifact_type:
            found["artifactType"] = self.artifact_type
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found
