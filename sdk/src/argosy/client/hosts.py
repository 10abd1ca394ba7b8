"""Where a registry's images are asked for, by hosts.toml, and which of those hosts may have its secrets.

A secret is a user's name and password, a token, a client's certificate or a header of hosts.toml. Who gets which:

* Name and password are the registry's: the one whose host and port are those of the image's name gets them, no mirror does.
  Over TLS; over plain HTTP where the registry is on loopback, where the caller says so, or where hosts.toml writes ``http://``
  before the registry's own name (and no ``https://`` elsewhere), as containerd does.
* The token service gets them when the registry itself named it, over TLS, with an ``https://`` address. What a registry on plain
  HTTP names gets them as well, as in containerd: who declared that line safe has said so for its answers, too.
* A token, a certificate and the headers of a table in hosts.toml are for that table's own scheme, host and port. Redirects, upload
  addresses and the ``urls`` of descriptors that lead elsewhere see none of them. A registry's own token service sees its certificate.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from argosy import log
from argosy.errors import InvalidArgument
from argosy.settings import read_toml

if TYPE_CHECKING:
    import ssl

DOCKER: Final = "registry-1.docker.io"
# "referrers" is newer than the others: who may be asked what refers to a manifest.
_CAPABILITIES: Final = ("pull", "resolve", "push", "referrers")
_KEYS: Final = frozenset(("capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"))
# Go's durations: "3s", "1m30s", "500ms".
_DURATION: Final = re.compile(r"\+?(?:0|(?:(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_PART: Final = re.compile(r"([\d.]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PORTS: Final = {"http": 80, "https": 443}
# A name and password before a host; and what some readers of addresses take for the end of one.
_NO_HOST: Final = frozenset("@\\")


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, a host and a port: what a secret is bound to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of a web address. Raises InvalidArgument when it is none."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
            if scheme not in _PORTS or not host or not _NO_HOST.isdisjoint(parts.netloc):
                raise ValueError
            host.encode("idna")  # a name with an empty or too long label is none, whatever its letters
        except ValueError:
            raise InvalidArgument(f'"{url[:200]}" is no web address: write http(s)://host[:port][/path]') from None
        return cls(scheme, host, _PORTS[scheme] if port is None else port)

    @property
    def host_and_port(self) -> tuple[str, int]:
        return self.host, self.port

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Trust:
    """How TLS is done with a host by files, which are read again for the next connection when they were changed."""

    def __init__(
        self, folder: Path, authorities: Sequence[str], skip: bool = False, pair: tuple[str, str] | None = None
    ) -> None:
        """Relative files are in folder; pair is a certificate of ours and its key. Raises InvalidArgument that names a bad file."""
        self._said = (folder, tuple(authorities), skip, pair)
        self._seen = self._stamps()
        self._context = _context(folder, authorities, skip, pair)

    def _stamps(self) -> list[tuple[int, ...]]:
        folder, authorities, _, pair = self._said
        found: list[tuple[int, ...]] = []
        for name in (*authorities, *(pair or ())):
            try:
                info = os.stat(folder / name)
                found.append((info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns))
            except OSError:
                found.append(())
        return found

    def context(self) -> ssl.SSLContext:
        """Return it as the files are now; as they were where they can't be read, which is said in the log."""
        seen = self._stamps()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = _context(*self._said)
            except InvalidArgument as error:
                log.get("hosts").warning("hosts.certificates_not_read", error=error.message)
        return self._context


def context_of(how: ssl.SSLContext | Trust | bool) -> ssl.SSLContext | bool:
    """Return what a connection that is made now is made with."""
    return how.context() if isinstance(how, Trust) else how


@dataclass(frozen=True)
class Host:
    """A registry, or a mirror of one, to ask."""

    base: str
    """``https://host/v2``"""
    capabilities: frozenset[str] = frozenset(_CAPABILITIES)
    headers: Sequence[tuple[str, str]] = ()
    verify: ssl.SSLContext | Trust | bool = True
    """How servers are verified: this one, and where it leads."""
    identities: Sequence[ssl.SSLContext | Trust] = ()
    """The same with a client's certificate each: for this server only."""
    is_registry: bool = False
    """Whether it is the registry that the image's name says: it gets the secrets that are given for that."""
    dial_timeout_s: float | None = None
    """How long connecting may take, in seconds; None: as long as with any host."""
    origin: Origin = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", Origin.of(self.base))

    def stands_for(self, registry: str) -> bool:
        """Return whether its host and port are those that an image's name says."""
        real = DOCKER if registry == "docker.io" else registry
        return self.origin.host_and_port == Origin.of(f"{self.origin.scheme}://{real}").host_and_port


def default_scheme(registry: str, plain: bool) -> str:
    """Return http for loopback and where asked, else https."""
    host = registry if registry.endswith("]") or ":" not in registry else registry.rpartition(":")[0]
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False  # a name, even one that begins with 127.
    return "http" if plain or loopback else "https"


def hosts_for(registry: str, plain: bool = False, config: Path | None = None) -> list[Host]:
    """Return where to look for a registry's images: its mirrors by ``<config>/<registry>/hosts.toml``, then itself.

    Raises InvalidArgument for a key that says what we don't understand: what is left out could be what keeps a secret. Unknown
    keys are warned about and ignored, as in containerd, whose newer versions have more of them.
    """
    real = DOCKER if registry == "docker.io" else registry
    own = Host(f"{default_scheme(registry, plain)}://{real}/v2", is_registry=True)
    folder = _folder(registry, config) if config is not None else None
    if folder is None:
        return [own]
    file = folder / "hosts.toml"
    if not file.exists():
        return [with_certificates(own, folder)]
    table = read_toml(file)
    tables = table.get("host") or {}
    if not isinstance(tables, dict) or not all(isinstance(values, dict) for values in tables.values()):
        raise InvalidArgument(f'{file}: write each host as a table: [host."https://mirror"]')
    found = [_host(url, values, file) for url, values in tables.items()]
    server = table.get("server")
    # What stands above the hosts is the server's.
    rest = {k: v for k, v in table.items() if k not in ("host", "server")}
    if server is not None and not isinstance(server, str):
        raise InvalidArgument(f"{file}: server is one address")
    if server:
        found.append(_host(server, rest, file))
    secure = any(h.stands_for(registry) and h.origin.scheme == "https" for h in found)
    found = [replace(h, is_registry=h.stands_for(registry) and (h.origin.scheme == "https" or not secure)) for h in found]
    # As in containerd, the registry is asked last where nothing is said of it.
    if not server and (rest or not any(h.is_registry for h in found)):
        found.append(replace(_host(own.base, rest, file), is_registry=True))
    return found


def _folder(registry: str, config: Path) -> Path | None:
    name, colon, port = registry.rpartition(":")
    flat = f"{name}_{port}_" if colon and port.isdigit() else registry
    for folder in (flat, registry, registry.replace(":", "_"), "_default"):
        if (config / folder).is_dir():
            return config / folder
    return None


def _host(url: str, values: Mapping[str, Any], file: Path) -> Host:
    for key in sorted(set(values) - _KEYS):
        near = get_close_matches(key, _KEYS, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known keys: {', '.join(sorted(_KEYS))}"
        log.get("hosts").warning("hosts.unknown_key_ignored", file=str(file), host=url, key=key, hint=hint)
    for key in ("skip_verify", "override_path"):
        if not isinstance(values.get(key, False), bool):
            raise InvalidArgument(f"{file}: {key} is true or false")
    capabilities = _texts(values.get("capabilities"), f"{file}: capabilities")
    for name in capabilities:
        if name.lower() not in _CAPABILITIES:
            raise InvalidArgument(f'{file}: unknown capability "{name}"; known: {", ".join(_CAPABILITIES)}')
    address = url if "://" in url else f"https://{url}"
    try:
        origin = Origin.of(address)
    except InvalidArgument as error:
        raise InvalidArgument(f"{file}: {error.message}") from None
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise InvalidArgument(f'{file}: "{url}" has more than a host and a path')
    path = parts.path.rstrip("/")
    if not values.get("override_path") and not path.endswith("/v2"):
        path += "/v2"
    authorities = _texts(values.get("ca"), f"{file}: ca")
    pairs = _pairs(values.get("client"), file)
    skip = bool(values.get("skip_verify"))
    if origin.scheme == "http" and (authorities or pairs):
        raise InvalidArgument(f"{file}: {url} is plain HTTP: ca and client mean nothing there; write https://")
    return Host(
        f"{origin.scheme}://{parts.netloc}{path}",
        frozenset(name.lower() for name in capabilities or _CAPABILITIES),
        _headers(values.get("header"), file),
        Trust(file.parent, authorities, skip) if authorities or skip else True,
        [Trust(file.parent, authorities, skip, pair) for pair in pairs],
        dial_timeout_s=_seconds(values.get("dial_timeout"), f"{file}: dial_timeout"),
    )


def _seconds(value: Any, what: str) -> float | None:
    """Return a Go duration in seconds; None for none, and for 0, which is no limit. Raises InvalidArgument."""
    if value is None:
        return None
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise InvalidArgument(f'{what} is a time like "3s", "500ms" or "1m30s"')
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value)) or None


def _texts(value: Any, what: str) -> list[str]:
    """Return one text or a list of them as a list. Raises InvalidArgument."""
    if value is None:
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(t, str) and t for t in texts):
        raise InvalidArgument(f"{what} is a text or a list of texts")
    return texts


def _pairs(value: Any, file: Path) -> list[tuple[str, str]]:
    """Return the files of certificates and keys, from each of hosts.toml's forms: one file, a list of files, a list of pairs."""
    pairs: list[tuple[str, str]] = []
    for entry in value if isinstance(value, list) else [] if value is None else [value]:
        match entry:
            case str(both) if both:
                pairs.append((both, both))
            case [str(certificate), str(key)] if certificate and key:
                pairs.append((certificate, key))
            case _:
                raise InvalidArgument(
                    f"{file}: client is a file with certificate and key, a list of them, or of [certificate, key] pairs"
                )
    return pairs


def _headers(value: Any, file: Path) -> list[tuple[str, str]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise InvalidArgument(f"{file}: header is a table of names and texts")
    pairs = [(name, text) for name, texts in value.items() for text in _texts(texts, f"{file}: header {name}")]
    for name, text in pairs:
        if any(ord(c) < 0x20 or ord(c) == 0x7F for c in name + text):
            raise InvalidArgument(f'{file}: header "{name}" has a control character')
    return pairs


def _context(folder: Path, authorities: Sequence[str], skip: bool, pair: tuple[str, str] | None = None) -> ssl.SSLContext:
    """Return how TLS is done with a host; relative files are in folder. Raises InvalidArgument that names a bad file."""
    import ssl

    context = ssl.create_default_context()
    if skip:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for name in authorities:
        try:
            context.load_verify_locations(folder / name)
        except OSError as error:  # SSLError is one
            raise InvalidArgument(f"{folder / name}: no certificates can be read from it: {error}") from None
    if pair is not None:
        certificate, key = folder / pair[0], folder / pair[1]

        def password() -> str:
            raise ValueError("it has a password")

        try:
            context.load_cert_chain(certificate, key, password)
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"client certificate {certificate} with key {key} cannot be loaded: {error}") from None
    return context


def with_certificates(own: Host, folder: Path) -> Host:
    """Return the registry with a folder's files, as docker lays them out: \\*.crt of authorities, \\*.cert and \\*.key of ours."""
    authorities = sorted(f.name for f in folder.glob("*.crt"))
    pairs = []
    for certificate in sorted(folder.glob("*.cert")):
        key = certificate.with_suffix(".key")
        pairs.append((certificate.name, key.name if key.exists() else certificate.name))
    if own.origin.scheme == "http" or not (authorities or pairs):
        return own
    verify = Trust(folder, authorities) if authorities else True
    return replace(own, verify=verify, identities=[Trust(folder, authorities, pair=pair) for pair in pairs])
