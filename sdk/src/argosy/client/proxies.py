"""Which HTTP proxy a request goes through, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go's programs read them.

Name and password of a proxy are its own: they stand in no message, and no registry sees them.
"""

from __future__ import annotations

import ipaddress
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from argosy.client.hosts import Origin
from argosy.errors import InvalidArgument

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SOCKS: Final = ("socks4", "socks4a", "socks5", "socks5h")


@dataclass(frozen=True)
class Proxy:
    """One proxy."""

    origin: Origin
    authorization: str = ""
    """Its Proxy-Authorization header; "" for none."""

    @property
    def url(self) -> str:
        """Its address without name and password."""
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        return f"{self.origin.scheme}://{host}:{self.origin.port}"

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"

    @classmethod
    def parse(cls, text: str, variable: str) -> Self:
        """Return the proxy that a variable names: http(s)://[name:password@]host[:port], or host[:port] alone.

        Raises InvalidArgument, which does not say the variable's value: it may hold a password.
        """
        try:
            text = text.strip()
            parts = urlsplit(text if "://" in text else f"http://{text}")
            if parts.scheme.lower() in _SOCKS:
                raise InvalidArgument(
                    f"{variable} names a SOCKS proxy, which is not supported: name an HTTP proxy, or unset it"
                )
            netloc = parts.netloc.rpartition("@")[2]
            origin = Origin.of(f"{parts.scheme}://{netloc}")
            name, password = unquote(parts.username or ""), unquote(parts.password or "")
        except (ValueError, UnicodeError):
            origin = None
        except InvalidArgument as error:
            if "SOCKS" in error.message:
                raise
            origin = None
        if origin is None:
            # Without the cause: its message holds the value.
            raise InvalidArgument(
                f"{variable} is no address of a proxy: write http://[name:password@]host[:port], or unset it"
            ) from None
        given = "@" in parts.netloc
        secret = "Basic " + b64encode(f"{name}:{password}".encode()).decode() if given else ""
        return cls(origin, secret)


@dataclass(frozen=True)
class _Exception:
    """One entry of NO_PROXY."""

    suffix: str = ""
    """``.example.org``"""
    itself: bool = False
    """Whether example.org is meant, too."""
    address: Address | None = None
    network: Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int, address: Address | None) -> bool:
        if self.network is not None:
            return address is not None and address in self.network
        if self.port is not None and self.port != port:
            return False
        if self.address is not None:
            return address == self.address
        return host.endswith(self.suffix) or (self.itself and host == self.suffix[1:])


class Proxies:
    """What the environment says of proxies."""

    def __init__(self, http: Proxy | None = None, https: Proxy | None = None, exceptions: str = "") -> None:
        """With exceptions as NO_PROXY writes them: names with what is below them, addresses, networks, each with a port; or ``*``."""
        self._by_scheme = {"http": http, "https": https}
        entries = [entry.strip().lower() for entry in exceptions.split(",")]
        self._nobody = "*" in entries
        self._exceptions = [e for entry in entries if entry and (e := _exception(entry)) is not None]

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return what the variables say, in upper or lower case. Raises InvalidArgument."""
        env = os.environ if environment is None else environment

        def value(name: str) -> tuple[str, str]:
            for variable in (name, name.lower()):
                if env.get(variable):
                    return variable, env[variable]
            return name, ""

        http, https = (value(name) for name in ("HTTP_PROXY", "HTTPS_PROXY"))
        # Under CGI a request's Proxy header arrives as HTTP_PROXY: whoever asks would choose the proxy.
        if "REQUEST_METHOD" in env and http[0] == "HTTP_PROXY":
            http = "http_proxy", env.get("http_proxy", "")
        proxies = [Proxy.parse(text, variable) if text else None for variable, text in (http, https)]
        return cls(proxies[0], proxies[1], value("NO_PROXY")[1])

    def of(self, origin: Origin) -> Proxy | None:
        """Return the proxy for requests to an origin; None: they go there directly. Loopback is never proxied."""
        proxy = self._by_scheme[origin.scheme]
        if proxy is None or self._nobody or origin.host.lower() == "localhost":
            return None
        host = _ascii(origin.host.lower())
        address = _address(host)
        if address is not None and address.is_loopback:
            return None
        return None if any(e.covers(host, origin.port, address) for e in self._exceptions) else proxy


def _address(text: str) -> Address | None:
    """Return an address; one of IPv4 written as one of IPv6 is that of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _ascii(host: str) -> str:
    """Return a name as DNS has it."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _exception(entry: str) -> _Exception | None:
    """Return an entry of NO_PROXY; None for what means nothing, which Go leaves out, too."""
    if "/" in entry:
        try:
            return _Exception(network=ipaddress.ip_network(entry, strict=False))
        except ValueError:
            return None
    host, port = entry, ""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit())):
        return None
    number = int(port) if port else None
    address = _address(host)
    if address is not None:
        return _Exception(address=address, port=number)
    host = _ascii(host.removeprefix("*") if host.startswith("*.") else host)
    itself = not host.startswith(".")
    return _Exception(suffix=f".{host}" if itself else host, itself=itself, port=number)
