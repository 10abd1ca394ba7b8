"""Image references: registry, repository, tag and digest, with Docker's defaults filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from argosy.digest import Digest
from argosy.errors import InvalidArgument

_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_PORT: Final = re.compile(r":\d{1,5}$", re.ASCII)
DEFAULT_REGISTRY: Final = "docker.io"
_MAX_NAME_BYTES: Final = 255


def host_of(registry: str) -> str:
    """Return a registry without its port."""
    return _PORT.sub("", registry)


@dataclass(frozen=True, slots=True)
class Reference:
    """A full reference. ``str()`` gives the name that images are stored under."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference written as text: ``box`` is ``docker.io/library/box:latest``. Raises InvalidArgument."""
        rest, at, digest = text.partition("@")
        if at:
            Digest.parse(digest)
        first, slash, remainder = rest.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, path = first, remainder
        else:
            registry, path = DEFAULT_REGISTRY, rest
        tag = ""
        head, colon, last = path.rpartition(":")
        if colon and "/" not in last:
            path, tag = head, last
            if not _TAG.fullmatch(tag):
                raise InvalidArgument(
                    f'reference "{text}": "{tag}" is no tag; write letters and digits behind the colon, or leave it out'
                )
        if registry == DEFAULT_REGISTRY and path and "/" not in path:
            path = f"library/{path}"
        if not _HOST.fullmatch(registry):
            remedy = "; leave the scheme out" if text.lower().startswith(("http://", "https://")) else ""
            raise InvalidArgument(f'reference "{text}": "{registry}" is no registry host{remedy}')
        if not _PATH.fullmatch(path) or len(path) > _MAX_NAME_BYTES:
            remedy = (
                "leave out the slash at its end" if path.endswith("/") else "use lower case letters, digits and separators"
            )
            raise InvalidArgument(f'reference "{text}": "{path}" is no repository name; {remedy}')
        if not tag and not digest:
            tag = "latest"
        return cls(registry, path, tag, digest)

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest when there is one, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"
