"""The annotations of an encrypted layer: its key wrapped for each kind of recipients, and what anybody may know of its cipher.

Parameters are what ocicrypt calls so: lists of bytes by what they are of, ``pubkeys`` and ``x509s`` of recipients, ``privkeys`` and
``privkeys-passwords`` of who opens, and those of key providers by the providers' names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from argosy.encryption.base64s import from_base64, to_base64
from argosy.encryption.cipher import LayerKey, public_options, seal_of
from argosy.encryption.payload import PREFIX, Parameters
from argosy.errors import ArgosyError, InvalidArgument, PermissionDenied

_OPTIONS: Final = f"{PREFIX}pubopts"
_KEYS: Final = f"{PREFIX}keys."
_PROVIDER: Final = "provider."
PUBLIC_KEYS, CERTIFICATES, PRIVATE_KEYS, PASSWORDS = "pubkeys", "x509s", "privkeys", "privkeys-passwords"
# ocicrypt's names of what is not understood here; what else there is are the names of providers.
_FOREIGN: Final = frozenset(
    ("gpg-recipients", "gpg-pubkeyringfile", "gpg-privatekeys", "gpg-privatekeys-passwords", "gpg-client", "gpg-client-version",
     "pkcs11-pubkeys", "pkcs11-yamls", "pkcs11-config")
)  # fmt: skip
_KNOWN: Final = frozenset((PUBLIC_KEYS, CERTIFICATES, PRIVATE_KEYS, PASSWORDS)) | _FOREIGN
# Wrapped keys of one layer that are looked at: more than anybody has, and far less than a manifest could list.
_MOST_WRAPPED: Final = 1024
# Keys times recipients of one layer: each may be an operation of a millisecond, and who made the image chose how many recipients there are.
_MOST_TRIES: Final = 4096
# The same of key providers, each of which may take its time to answer.
_MOST_ASKED: Final = 16
# Of names that whoever made an image has chosen.
_SHOWN, _SHOWN_SCHEMES = 64, 8


def providers_of(parameters: Parameters) -> list[str]:
    """Return the key providers that parameters name."""
    return [name for name in parameters if name not in _KNOWN]


def seal_in(annotations: Mapping[str, str]) -> bytes:
    """Return the HMAC that an encrypted layer must have. Raises InvalidArgument."""
    return seal_of(from_base64(annotations.get(_OPTIONS), "what is said of the layer's cipher"))


def wrap(key: LayerKey, seal: bytes, recipients: Parameters, annotations: Mapping[str, str]) -> dict[str, str]:
    """Return a layer's annotations with its key wrapped for more recipients; those that it has stay.

    Raises InvalidArgument without a recipient and for one that nothing can be wrapped for, and what a key provider says. May wait for a provider.
    """
    from argosy.encryption import jwe, keyfiles, pkcs7, providers

    data = key.encode()
    wrapped: dict[str, bytes] = {}
    if keys := recipients.get(PUBLIC_KEYS):
        wrapped["jwe"] = jwe.wrap(data, [keyfiles.public_key(one) for one in keys])
    if certificates := recipients.get(CERTIFICATES):
        wrapped["pkcs7"] = pkcs7.wrap(data, [keyfiles.certificate(one) for one in certificates])
    for name in providers_of(recipients):
        wrapped[f"{_PROVIDER}{name}"] = providers.wrap(name, data, recipients[name])
    if not wrapped:
        raise InvalidArgument("nobody could open the layer: name a recipient, such as jwe:FILE with a public key")
    found = {**annotations, _OPTIONS: to_base64(public_options(seal))}
    for scheme, one in wrapped.items():
        before = annotations.get(f"{_KEYS}{scheme}", "")
        found[f"{_KEYS}{scheme}"] = f"{before},{to_base64(one)}" if before else to_base64(one)
    return found


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A layer's key as one kind of recipients has it."""

    scheme: str
    """jwe, pkcs7, pgp, pkcs11, or the name of a provider behind ``provider.``"""
    data: bytes

    def recipients(self) -> int:
        """Return for how many it is; 1 for what only its own program understands. Raises InvalidArgument."""
        from argosy.encryption import jwe, pkcs7

        return {"jwe": jwe.count, "pkcs7": pkcs7.count}.get(self.scheme, lambda _: 1)(self.data)


def wrapped_in(annotations: Mapping[str, str]) -> list[Wrapped]:
    """Return a layer's key in every form in which its annotations have it. Raises InvalidArgument."""
    found = []
    for name, value in sorted(annotations.items()):
        if name.startswith(_KEYS):
            parts = value.split(",")[:_MOST_WRAPPED]
            found += [Wrapped(name.removeprefix(_KEYS), from_base64(part.strip(), f"annotation {name}")) for part in parts]
    return found


def unwrap(annotations: Mapping[str, str], parameters: Parameters) -> LayerKey:
    """Return the key of a layer. Raises PermissionDenied when none of the keys opens it, and says why; InvalidArgument for what is no key.

    May wait for key providers: each that a key is wrapped by, and that is known here, is asked.
    """
    tried = _Tried(parameters)
    wrapped = wrapped_in(annotations)
    if not wrapped:
        raise InvalidArgument(
            "the layer is said to be encrypted, and has no key in its annotations; its image was put together wrongly"
        )
    for one in wrapped:
        for data in tried.opened(one):
            try:
                return LayerKey.decode(data)
            except InvalidArgument as error:
                tried.notes.append(f"{one.scheme}: {error}")
    found = list(dict.fromkeys(one.scheme[:_SHOWN] for one in wrapped))
    schemes = ", ".join(found[:_SHOWN_SCHEMES])
    if len(found) > _SHOWN_SCHEMES:
        schemes += f" and {len(found) - _SHOWN_SCHEMES} more"
    given = f"none of {len(tried.keys)} keys" if tried.keys else "no key"
    notes = "".join(f"; {note}" for note in dict.fromkeys(tried.notes))
    raise PermissionDenied(f"{given} that is at hand opens the layer, whose key is wrapped by {schemes}{notes}"[:2000])


class _Tried:
    """The keys that a layer is to be opened with, and what came of it."""

    def __init__(self, parameters: Parameters) -> None:
        from argosy.encryption import keyfiles

        self._parameters = parameters
        self.notes: list[str] = []
        self._left, self._asks_left = _MOST_TRIES, _MOST_ASKED
        self.keys = []
        passwords = parameters.get(PASSWORDS) or ()
        for i, data in enumerate(parameters.get(PRIVATE_KEYS) or ()):
            try:
                self.keys.append(keyfiles.private_key(data, passwords[i] if i < len(passwords) else b""))
            except ArgosyError as error:
                self.notes.append(f"key {i + 1}: {error}")

    def opened(self, wrapped: Wrapped) -> Sequence[bytes]:
        """Return what the keys make of one wrapped key; nothing when none is for it."""
        from argosy.encryption import jwe, pkcs7, providers

        scheme = wrapped.scheme
        try:
            if scheme in ("jwe", "pkcs7"):
                self._left -= wrapped.recipients() * len(self.keys)
                if self._left < 0:
                    self.notes.append(f"{scheme}: it is for more recipients than are tried; give fewer keys")
                    return []
            if scheme == "jwe":
                found = jwe.unwrap(wrapped.data, self.keys)
                return [] if found is None else [found]
            if scheme == "pkcs7":
                return pkcs7.unwrap(wrapped.data, self.keys)
            if scheme.startswith(_PROVIDER):
                name = scheme.removeprefix(_PROVIDER)
                self._asks_left -= 1
                if self._asks_left < 0:
                    self.notes.append(f"{_PROVIDER}: no more than {_MOST_ASKED} times is one asked for one layer")
                    return []
                return [providers.unwrap(name, wrapped.data, self._parameters.get(name) or ())]
            self.notes.append(f"{scheme} is not understood here")
        except ArgosyError as error:
            self.notes.append(f"{scheme}: {error}")
        return []
