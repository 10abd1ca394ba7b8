"""Image documents, taken for hostile: size limits, no document that is two things at once, platforms."""

from __future__ import annotations

import hashlib
import json
import platform as host
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Final, NoReturn, Self, TypeVar

from argosy.digest import Digest
from argosy.errors import InvalidArgument

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
# Layers of all images of a docker archive together, each as often as it is listed.
_MOST_LISTED: Final = 16 * MAX_CHILDREN
# Indexes of indexes are rare, and deeper ones are nobody's.
MAX_DEPTH: Final = 8
_ARCHITECTURES: Final = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
    "ppc64el": "ppc64le",
}  # fmt: skip
# Names that say a variant, too.
_ARM: Final = {"armhf": "v7", "armv7l": "v7", "armel": "v6", "armv6l": "v6", "armv5l": "v5", "armv5tel": "v5"}
# What an architecture without a variant means.
# What stands alone is one of these, or an architecture.
_SYSTEMS: Final = frozenset(("darwin", "freebsd", "linux", "macos", "netbsd", "openbsd", "solaris", "windows"))
_PLAIN: Final = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
_VARIANT: Final = re.compile(r"v?(\d{1,3})(?:\.(\d{1,3}))?", re.ASCII)


class _Malformed(Exception):
    """Says which part of a document is not what it must be."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(where, what)
        self.where, self.what = where, what

    def of(self, document: str) -> InvalidArgument:
        return InvalidArgument(f"{document} is malformed: {self.where or 'it'}: {self.what}")


T = TypeVar("T")
Reader = Callable[[Any, str], T]
"""Makes a value of what JSON says; takes that, and where it stands. Raises _Malformed."""
Keys = Mapping[str, tuple[str, Reader[Any]]]
"""The field that each key is for, and what reads it. A field without a default must be there."""


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _Malformed(where, "it is no string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Malformed(where, "it has half of a character in it") from None
    return value


def _size(value: Any, where: str) -> int:
    # True is an int to Python.
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise _Malformed(where, "it is no number of bytes")
    return value


def _many(read: Reader[T], most: int | None = None) -> Reader[list[T]]:
    def list_of(value: Any, where: str) -> list[T]:
        if not isinstance(value, list):
            raise _Malformed(where, "it is no list")
        if most is not None and len(value) > most:
            raise _Malformed(where, f"it has {len(value)} entries, {most} are the most")
        return [read(one, f"{where}.{n}") for n, one in enumerate(value)]

    return list_of


def _labels(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _Malformed(where, "it is no object")
    return {_text(key, where): _text(one, f"{where}.{key}") for key, one in value.items()}


_texts: Final = _many(_text)


def _load(data: bytes) -> Any:
    """Return what JSON in data says. Raises _Malformed: Go reads neither other encodings nor NaN."""

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is no number")

    try:
        return json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise _Malformed("", f"it is no JSON: {error}") from None


def _said(value: Any, where: str) -> dict[str, Any]:
    """Return what an object says; null is what is not there: Go writes it for an empty map, list or pointer."""
    if not isinstance(value, dict):
        raise _Malformed(where, "it is no object")
    return {key: one for key, one in value.items() if one is not None}


@dataclass
class _Document:
    """A JSON object by its known keys; what else is in it is nobody's business."""

    KEYS: ClassVar[Keys] = {}
    EXACT: ClassVar[bool] = False
    """Whether a key in another case is refused: Go's readers would take it for ours, and see another document."""

    @classmethod
    def read(cls, value: Any, where: str = "") -> Self:
        """Return the document that value says, which stands at where in a larger one. Raises _Malformed."""
        said = _said(value, where)
        if cls.EXACT:
            right = {key.lower(): key for key in cls.KEYS}
            names = {name for name, _ in cls.KEYS.values()}
            for key in value:
                if key in names and key not in cls.KEYS:
                    raise _Malformed(where, f'key "{key}" is none of OCI\'s')
                if (meant := right.get(key.lower(), key)) != key:
                    raise _Malformed(where, f'key "{key}" is "{meant}" written in another case')
        found = {
            name: read(said[key], f"{where}.{key}" if where else key)
            for key, (name, read) in cls.KEYS.items()
            if key in said
        }
        missing = {one.name for one in fields(cls) if one.default is one.default_factory is MISSING} - found.keys()
        for key, (name, _) in cls.KEYS.items():
            if name in missing:
                raise _Malformed(f"{where}.{key}" if where else key, "it is missing")
        try:
            return cls(**found)
        except InvalidArgument as error:
            raise _Malformed(where, error.message) from None

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return the document that value, JSON's objects as ``json.loads`` makes them, says. Raises InvalidArgument."""
        try:
            return cls.read(value)
        except _Malformed as error:
            raise error.of(f"the {cls.__name__.lower()}") from None


@dataclass
class Platform(_Document):
    """An operating system and an architecture."""

    KEYS: ClassVar[Keys] = {"os": ("os", _text), "architecture": ("architecture", _text), "variant": ("variant", _text)}

    os: str = ""
    architecture: str = ""
    variant: str = ""

    @classmethod
    def of_host(cls) -> Platform:
        return cls(os="linux", architecture=host.machine()).normal()

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform written as [os/]architecture[/variant]; of a system alone, this machine's architecture. Raises InvalidArgument."""
        parts = text.split("/")
        if len(parts) == 1 and text.lower() in _SYSTEMS:
            parts = [text, host.machine()]
        elif len(parts) == 1 or (len(parts) == 2 and _VARIANT.fullmatch(parts[1])):
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

    def serves(self, platforms: Sequence[Platform]) -> bool:
        """Return whether an image for this platform serves one of some; without any, it does."""
        return not platforms or any(self.distance(one) is not None for one in platforms)

    def __str__(self) -> str:
        return "/".join(p for p in (self.os, self.architecture, self.variant) if p)


@dataclass(kw_only=True)
class Descriptor(_Document):
    """A pointer to content. Its digest is one; sizes are bytes. Making another one raises InvalidArgument."""

    KEYS: ClassVar[Keys] = {
        "mediaType": ("media_type", _text), "digest": ("digest", _text), "size": ("size", _size),
        "platform": ("platform", Platform.read), "annotations": ("annotations", _labels), "urls": ("urls", _texts),
        "artifactType": ("artifact_type", _text),
    }  # fmt: skip
    EXACT: ClassVar[bool] = True

    media_type: str = ""
    digest: str
    size: int
    platform: Platform | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)
    artifact_type: str = ""

    def __post_init__(self) -> None:
        self.digest = str(Digest.parse(self.digest))
        if not 0 <= self.size < 1 << 63:
            raise InvalidArgument(f"{self.size} is no number of bytes")


@dataclass(kw_only=True)
class Index(_Document):
    """A list of manifests."""

    KEYS: ClassVar[Keys] = {"mediaType": ("media_type", _text), "manifests": ("manifests", _many(Descriptor.read))}
    EXACT: ClassVar[bool] = True

    media_type: str = ""
    manifests: list[Descriptor]


@dataclass(kw_only=True)
class Manifest(_Document):
    """A config and layers."""

    KEYS: ClassVar[Keys] = {
        "mediaType": ("media_type", _text), "config": ("config", Descriptor.read), "layers": ("layers", _many(Descriptor.read)),
        "subject": ("subject", Descriptor.read), "artifactType": ("artifact_type", _text), "annotations": ("annotations", _labels),
    }  # fmt: skip
    EXACT: ClassVar[bool] = True

    media_type: str = ""
    config: Descriptor
    layers: list[Descriptor]
    subject: Descriptor | None = None
    """The manifest that it says something of."""
    artifact_type: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass
class ContainerConfig(_Document):
    """How an image wants to be run."""

    KEYS: ClassVar[Keys] = {
        "Env": ("env", _texts), "Cmd": ("cmd", _texts), "Entrypoint": ("entrypoint", _texts), "WorkingDir": ("working_dir", _text),
        "User": ("user", _text), "Labels": ("labels", _labels), "StopSignal": ("stop_signal", _text),
    }  # fmt: skip

    env: list[str] | None = None
    cmd: list[str] | None = None
    entrypoint: list[str] | None = None
    working_dir: str = ""
    user: str = ""
    labels: dict[str, str] | None = None
    stop_signal: str = ""


@dataclass
class RootFs(_Document):
    """The layers of an image, uncompressed."""

    KEYS: ClassVar[Keys] = {"type": ("type", _text), "diff_ids": ("diff_ids", _texts)}

    type: str = "layers"
    diff_ids: list[str] = field(default_factory=list)


@dataclass
class ImageConfig(_Document):
    """An image's config blob."""

    KEYS: ClassVar[Keys] = {
        "os": ("os", _text), "architecture": ("architecture", _text), "variant": ("variant", _text),
        "config": ("config", ContainerConfig.read), "rootfs": ("rootfs", RootFs.read),
    }  # fmt: skip

    os: str = ""
    architecture: str = ""
    variant: str = ""
    config: ContainerConfig = field(default_factory=ContainerConfig)
    rootfs: RootFs = field(default_factory=RootFs)

    @property
    def platform(self) -> Platform:
        return Platform(os=self.os, architecture=self.architecture, variant=self.variant)


@dataclass(kw_only=True)
class DockerImage(_Document):
    """One image of a docker archive's manifest.json: names of members, and of the image."""

    KEYS: ClassVar[Keys] = {
        "Config": ("config", _text), "RepoTags": ("repo_tags", _many(_text, MAX_CHILDREN)), "Layers": ("layers", _many(_text, MAX_CHILDREN)),
    }  # fmt: skip

    config: str
    repo_tags: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)


def parse_document(data: bytes, media_type: str) -> Index | Manifest:
    """Return the index or manifest in data. Raises InvalidArgument: too large, malformed, or both things at once."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidArgument(f"a manifest of {len(data)} bytes is larger than {MAX_MANIFEST_BYTES}")
    try:
        value = _load(data)
        keys = _said(value, "")
        for key in ("manifests", "layers"):
            if isinstance(keys.get(key), list) and len(keys[key]) > MAX_CHILDREN:
                raise InvalidArgument(f"a document with {len(keys[key])} {key} is refused; {MAX_CHILDREN} are the most")
        if ("manifests" in keys) and ("layers" in keys or "config" in keys):
            raise InvalidArgument("a document that is both an index and a manifest is refused (CVE-2021-41190)")
        stated = _text(keys.get("mediaType", ""), "mediaType") or media_type
        if media_type in INDEX_TYPES | MANIFEST_TYPES and stated in INDEX_TYPES | MANIFEST_TYPES and stated != media_type:
            raise InvalidArgument(f'a document sent as "{media_type}" says it is "{stated}"')
        if stated in INDEX_TYPES or "manifests" in keys:
            return Index.read(value)
        if stated in MANIFEST_TYPES or "layers" in keys:
            return Manifest.read(value)
    except _Malformed as error:
        raise error.of("a manifest") from None
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
        return ImageConfig.read(_load(data))
    except _Malformed as error:
        raise error.of("an image config") from None


def parse_docker_listing(data: bytes) -> list[DockerImage]:
    """Return what a docker archive's manifest.json lists. Raises InvalidArgument."""
    try:
        found = _many(DockerImage.read, MAX_CHILDREN)(_load(data), "")
    except _Malformed as error:
        raise error.of("manifest.json") from None
    for what, many in (
        ("tags", sum(len(one.repo_tags) for one in found)), ("layers", sum(len(one.layers) for one in found)),
    ):  # fmt: skip
        # A name each among the daemon's images; and a manifest's worth of layers is in each of some images.
        if many > (MAX_CHILDREN if what == "tags" else _MOST_LISTED):
            raise InvalidArgument(f"a docker archive that lists {many} {what} is refused")
    return found


def kind(d: Descriptor) -> str:
    """Return what a descriptor names: index, manifest, config or layer."""
    if d.media_type in INDEX_TYPES:
        return "index"
    if d.media_type in CONFIG_TYPES:
        return "config"
    # What nobody knows is somebody's layer: it is stored as it is, and refused when it is unpacked.
    return "manifest" if d.media_type in MANIFEST_TYPES or not d.media_type else "layer"


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


def check_diff_id(layer: str, held: str, said: str) -> None:
    """Raises InvalidArgument when a layer, given by its digest, holds something else than its config says; both are diff ids."""
    if held != said:
        raise InvalidArgument(f"wrong diff id calculated on extraction of {layer}: {held}, and its config says {said}")


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image on one platform: its manifest and config, and where they are."""

    manifest_descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
