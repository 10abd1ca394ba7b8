"""Recipients and keys as a person writes them: ``jwe:FILE``, ``FILE:pass=WORD``, ``provider:NAME``, read into parameters."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from argosy.encryption import keyfiles
from argosy.encryption.payload import Parameters
from argosy.encryption.wrapping import CERTIFICATES, PASSWORDS, PRIVATE_KEYS, PUBLIC_KEYS
from argosy.errors import ArgosyError, InvalidArgument, NotFound, Unimplemented

_MOST_BYTES: Final = 1 << 20
_MOST_FILES: Final = 1024
_PROVIDER: Final = "provider"
# What ocicrypt writes for a provider without parameters.
_ENABLED: Final = b"Enabled"
_NOT_HERE: Final = {"pgp": "PGP", "pkcs11": "PKCS#11"}


def _contents(path: Path) -> bytes:
    """Return a file's bytes. Raises NotFound, InvalidArgument for what is no regular file or too large for a key."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise InvalidArgument(f"{path} is no file; name one with a key in it")
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"key file {path}") from None
    except OSError as error:
        raise InvalidArgument(f"key file {path} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise InvalidArgument(f"{path} has more than {_MOST_BYTES} bytes; it is no key")
    return data


def _provider(rest: str, found: dict[str, list[bytes]]) -> None:
    name, colon, parameter = rest.partition(":")
    if not name:
        raise InvalidArgument("provider: has no name behind it; write provider:NAME, or provider:NAME:PARAMETER")
    found.setdefault(name, []).append(parameter.encode() if colon else _ENABLED)


def recipients(words: Sequence[str]) -> Parameters:
    """Return the parameters of recipients: ``jwe:FILE``, ``pkcs7:FILE``, ``provider:NAME[:PARAMETER]``. Blocks. Raises InvalidArgument, NotFound, Unimplemented."""
    found: dict[str, list[bytes]] = {}
    for word in words:
        kind, _, rest = word.partition(":")
        if kind in _NOT_HERE:
            raise Unimplemented(
                f'recipient "{word}": {_NOT_HERE[kind]} is not understood here; use jwe:FILE, pkcs7:FILE or provider:NAME'
            )
        if kind == _PROVIDER:
            _provider(rest, found)
            continue
        if kind not in ("jwe", "pkcs7") or not rest:
            raise InvalidArgument(f'recipient "{word}" is none of jwe:FILE, pkcs7:FILE and provider:NAME')
        data = _contents(Path(rest))
        try:
            if kind == "jwe":
                keyfiles.public_key(data)
            else:
                keyfiles.certificate(data)
        except (InvalidArgument, Unimplemented) as error:
            raise type(error)(f'recipient "{word}": {error}') from None
        found.setdefault(PUBLIC_KEYS if kind == "jwe" else CERTIFICATES, []).append(data)
    return found


def keys(words: Sequence[str]) -> Parameters:
    """Return the parameters of keys that open: files and directories of private keys, ``provider:NAME[:PARAMETER]``.

    Behind a file may stand its password: ``:pass=WORD``, ``:file=FILE``, ``:fd=NUMBER``, or the word alone. What in a directory is no key is passed
    over; what is named and is none is refused. Blocks. Raises InvalidArgument, NotFound, PermissionDenied, Unimplemented.
    """
    found: dict[str, list[bytes]] = {}
    for word in words:
        if word.startswith(f"{_PROVIDER}:"):
            _provider(word.removeprefix(f"{_PROVIDER}:"), found)
        elif Path(word).is_dir():
            for name, data in in_directory(Path(word)).items():
                _add(found, data, b"", name, named=False)
        else:
            path, password = _with_password(word)
            _add(found, _contents(path), password, str(path), named=True)
    return found


def in_directory(directory: Path) -> dict[str, bytes]:
    """Return the files of a directory, in the order of their names; what is no small file is none. Raises InvalidArgument."""
    found: dict[str, bytes] = {}
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if not entry.name.startswith("."))
    except OSError as error:
        raise InvalidArgument(f"key directory {directory} cannot be read: {error.strerror}") from None
    for name in names[:_MOST_FILES]:
        try:
            found[str(directory / name)] = _contents(directory / name)
        except (InvalidArgument, NotFound):
            continue
    return found


def of_directory(directory: Path) -> Parameters:
    """Return the parameters of the keys in a directory; none where it is not there. Blocks. Raises InvalidArgument."""
    found: dict[str, list[bytes]] = {}
    if directory.is_dir():
        for name, data in in_directory(directory).items():
            _add(found, data, b"", name, named=False)
    return found


def _add(found: dict[str, list[bytes]], data: bytes, password: bytes, name: str, named: bool) -> None:
    if keyfiles.is_certificate(data):
        found.setdefault(CERTIFICATES, []).append(data)
        return
    try:
        keyfiles.private_key(data, password, only_look=not named)
    except ArgosyError as error:
        if not named:
            return
        raise type(error)(f"key file {name}: {error}") from None
    found.setdefault(PRIVATE_KEYS, []).append(data)
    found.setdefault(PASSWORDS, []).append(password)


def _with_password(word: str) -> tuple[Path, bytes]:
    """Return the file that a word names, and its password."""
    path, colon, said = word.partition(":")
    if not colon or Path(word).exists():
        return Path(word), b""
    how, equals, rest = said.partition("=")
    if equals and how == "pass":
        return Path(path), rest.encode()
    if equals and how == "file":
        return Path(path), _contents(Path(rest)).rstrip(b"\r\n")
    if equals and how == "fd":
        return Path(path), _from_descriptor(rest)
    return Path(path), said.encode()


def _from_descriptor(number: str) -> bytes:
    try:
        with os.fdopen(os.dup(int(number)), "rb") as file:
            return file.read(_MOST_BYTES).rstrip(b"\r\n")
    except (OSError, ValueError):
        raise InvalidArgument(f'"{number}" is no descriptor to read a password from') from None


def joined(*several: Parameters) -> Parameters:
    """Return parameters together."""
    found: dict[str, list[bytes]] = {}
    for one in several:
        # A list of passwords is as long as that of the keys that they are for.
        missing = len(one.get(PRIVATE_KEYS) or ()) - len(one.get(PASSWORDS) or ())
        for name, values in {**one, PASSWORDS: [*(one.get(PASSWORDS) or ()), *[b""] * missing]}.items():
            if values:
                found.setdefault(name, []).extend(values)
    return found
