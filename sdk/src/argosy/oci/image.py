"""Image documents, taken for hostile: size limits, no document that is two things at once, platforms."""

from __future__ import annotations

import hashlib
import platform as host
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from argosy.digest import Digest
from argosy.errors import InvalidArgument
from argosy.models import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

INDEX_TYPES: Final = frozenset(
    ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
)
MANIFEST_TYPES: Final = frozenset(
    ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
)
CONFIG_TYPES: Final = frozenset(
    ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
)
MAX_MANIFEST_BYTES: Final = 8 << 20
MAX_CONFIG_BYTES: Final = 4 << 20
# A label a child, a task a layer: more than any image has, and far less than 8 MiB of JSON can list.
MAX_CHILDREN: Final = 4096
# Indexes of indexes are rare, and deeper ones are nobody's.
MAX_DEPTH: Final = 8
_ARCHITECTURES: Final = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
    "ppc64el": "ppc64le",
}  # fmt: skip
# Names that say a variant, too.
_ARM: Final = {"armhf": "v7", "armv7l": "v7", "armel": "v6", "armv6l": "v6", "armv5l": "v5", "armv5tel": "v5"}
# What an architecture without a variant means.
_PLAIN: Final = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
_VARIANT: Final = re.compile(r"v?(\d{1,3})(?:\.(\d{1,3}))?", re.ASCII)


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)

    exact: ClassVar[bool] = False
    """Whether a key in another case is refused: Go's readers would take it for ours, and see another document."""

    @model_validator(mode="before")
    @classmethod
    def _as_go_writes_it(cls, data: Any, info: ValidationInfo) -> Any:
        """Take null for what is not there: Go writes it for an empty map, list or pointer."""
        if not isinstance(data, dict):
            return data
        if cls.exact and info.mode == "json":
            known = {(field.alias or name).lower(): field.alias or name for name, field in cls.model_fields.items()}
            for key in data:
                if key in cls.model_fields and key not in known.values():
                    raise ValueError(f'key "{key}" is none of OCI\'s')
                if (right := known.get(key.lower(), key)) != key:
                    raise ValueError(f'key "{key}" is "{right}" written in another case')
        return {key: value for key, value in data.items() if value is not None}


class Platform(_Document):
    """An operating system and an architecture."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    @classmethod
    def of_host(cls) -> Platform:
        return cls(os="linux", architecture=host.machine()).normal()

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform written as [os/]architecture[/variant]. Raises InvalidArgument."""
        parts = text.split("/")
        if len(parts) == 1 or (len(parts) == 2 and _VARIANT.fullmatch(parts[1])):
            parts = ["linux", *parts]
        if not 2 <= len(parts) <= 3 or not all(parts):
            raise InvalidArgument(f'platform "{text}" is not [os/]architecture[/variant]')
        return cls(os=parts[0], architecture=parts[1], variant=parts[2] if len(parts) == 3 else "").normal()

    def normal(self) -> Platform:
        """Return it by the names that Go uses; a variant that its architecture means anyway is left out, arm's is written."""
        os, architecture, variant = self.os.lower() or "linux", self.architecture.lower(), self.variant.lower()
        os = "darwin" if os == "macos" else os
        if architecture in _ARM:
            architecture, variant = "arm", variant or _ARM[architecture]
        architecture = _ARCHITECTURES.get(architecture, architecture)
        if variant.isascii() and variant.isdigit():
            variant = f"v{variant}"
        if architecture == "arm":
            variant = variant or _PLAIN["arm"]
        elif variant == _PLAIN.get(architecture, ""):
            variant = ""
        return Platform(os=os, architecture=architecture, variant=variant)

    @property
    def is_stated(self) -> bool:
        """Whether it says anything: an index may leave it out, or write it empty."""
        return bool(self.architecture)

    def distance(self, wanted: Platform) -> int | None:
        """Return how well an image for this platform serves the wanted one: 0 the very one, more is older; None: not at all.

        A processor runs what was made for older variants of its architecture, and nothing made for newer ones.
        """
        mine, theirs = self.normal(), wanted.normal()
        if (mine.os, mine.architecture) != (theirs.os, theirs.architecture):
            return None
        if mine.variant == theirs.variant:
            return 0
        plain = _PLAIN.get(mine.architecture, "")
        versions = [_VARIANT.fullmatch(v.variant or plain) for v in (mine, theirs)]
        if not all(versions):
            return None
        old, new = (int(v[1]) * 1000 + int(v[2] or 0) for v in versions if v is not None)
        return new - old if old < new else None

    def __str__(self) -> str:
        return "/".join(p for p in (self.os, self.architecture, self.variant) if p)


class Descriptor(_Document):
    """A pointer to content. Its digest is one; sizes are bytes."""

    exact = True

    media_type: str = Field(alias="mediaType", default="")
    digest: str
    size: int = Field(ge=0, lt=1 << 63, strict=True)
    platform: Platform | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    urls: list[str] = Field(default_factory=list)

    @field_validator("digest")
    @classmethod
    def _is_digest(cls, value: str) -> str:
        try:
            return str(Digest.parse(value))
        except InvalidArgument as error:
            raise ValueError(error.message) from None


class Index(_Document):
    """A list of manifests."""

    exact = True

    media_type: str = Field(alias="mediaType", default="")
    manifests: list[Descriptor]


class Manifest(_Document):
    """A config and layers."""

    exact = True

    media_type: str = Field(alias="mediaType", default="")
    config: Descriptor
    layers: list[Descriptor]


class ContainerConfig(_Document):
    """How an image wants to be run."""

    env: list[str] | None = Field(alias="Env", default=None)
    cmd: list[str] | None = Field(alias="Cmd", default=None)
    entrypoint: list[str] | None = Field(alias="Entrypoint", default=None)
    working_dir: str = Field(alias="WorkingDir", default="")
    user: str = Field(alias="User", default="")
    labels: dict[str, str] | None = Field(alias="Labels", default=None)
    stop_signal: str = Field(alias="StopSignal", default="")


class RootFs(_Document):
    """The layers of an image, uncompressed."""

    type: str = "layers"
    diff_ids: list[str] = Field(default_factory=list)


class ImageConfig(_Document):
    """An image's config blob."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    config: ContainerConfig = Field(default_factory=ContainerConfig)
    rootfs: RootFs = Field(default_factory=RootFs)


class DockerImage(_Document):
    """One image of a docker archive's manifest.json: names of members, and of the image."""

    config: str = Field(alias="Config")
    repo_tags: list[str] = Field(alias="RepoTags", default_factory=list)
    layers: list[str] = Field(alias="Layers", default_factory=list, max_length=MAX_CHILDREN)


_LISTING: Final = TypeAdapter(list[DockerImage])


def _refuse(what: str, error: ValidationError) -> InvalidArgument:
    first = error.errors()[0]
    return InvalidArgument(f"{what} is malformed: {'.'.join(str(p) for p in first['loc']) or 'it'}: {first['msg']}")


def parse_document(data: bytes, media_type: str) -> Index | Manifest:
    """Return the index or manifest in data. Raises InvalidArgument: too large, malformed, or both things at once."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidArgument(f"a manifest of {len(data)} bytes is larger than {MAX_MANIFEST_BYTES}")
    try:
        keys = _Document.model_validate_json(data).model_extra or {}
        for key in ("manifests", "layers"):
            if isinstance(keys.get(key), list) and len(keys[key]) > MAX_CHILDREN:
                raise InvalidArgument(f"a document with {len(keys[key])} {key} is refused; {MAX_CHILDREN} are the most")
        if ("manifests" in keys) and ("layers" in keys or "config" in keys):
            raise InvalidArgument("a document that is both an index and a manifest is refused (CVE-2021-41190)")
        stated = keys.get("mediaType") or media_type
        if media_type in INDEX_TYPES | MANIFEST_TYPES and stated in INDEX_TYPES | MANIFEST_TYPES and stated != media_type:
            raise InvalidArgument(f'a document sent as "{media_type}" says it is "{stated}"')
        if stated in INDEX_TYPES or "manifests" in keys:
            return Index.model_validate_json(data)
        if stated in MANIFEST_TYPES or "layers" in keys:
            return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise _refuse("a manifest", error) from None
    raise InvalidArgument(f'media type "{stated}" is neither an index nor a manifest')


def media_type_of(data: bytes) -> str:
    """Return what a document says that it is, or else what it looks like. Raises InvalidArgument."""
    document = parse_document(data, "")
    usual = (
        "application/vnd.oci.image.index.v1+json"
        if isinstance(document, Index)
        else "application/vnd.oci.image.manifest.v1+json"
    )
    return document.media_type or usual


def parse_config(data: bytes) -> ImageConfig:
    """Return the image config in data. Raises InvalidArgument."""
    if len(data) > MAX_CONFIG_BYTES:
        raise InvalidArgument(f"an image config of {len(data)} bytes is larger than {MAX_CONFIG_BYTES}")
    try:
        return ImageConfig.model_validate_json(data)
    except ValidationError as error:
        raise _refuse("an image config", error) from None


def parse_docker_listing(data: bytes) -> list[DockerImage]:
    """Return what a docker archive's manifest.json lists. Raises InvalidArgument."""
    try:
        return _LISTING.validate_json(data)
    except ValidationError as error:
        raise _refuse("manifest.json", error) from None


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the chain id after each layer (OCI image spec, config.md)."""
    out: list[str] = []
    for diff_id in diff_ids:
        Digest.parse(diff_id)
        if not out:
            out.append(diff_id)
        else:
            out.append("sha256:" + hashlib.sha256(f"{out[-1]} {diff_id}".encode()).hexdigest())
    return out


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image on one platform: its manifest and config, and where they are."""

    manifest_descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
