"""Names and passwords for registries, as docker's configuration has them: written into it, or asked of a helper's program.

``credHelpers`` names a helper for a registry, ``credsStore`` one for all; then ``auths``. A helper is a program ``docker-credential-NAME`` on PATH
that gets the registry's name on its standard input; what it writes is JSON. Nothing of this is ever logged, or part of an error.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anyio
from anyio.abc import ByteReceiveStream

from argosy.client.credentials import Credentials
from argosy.errors import InvalidArgument, Unauthenticated, Unavailable, in_words
from argosy.settled import given_back

# Docker's name for its registry in what it writes.
_HUB: Final = "https://index.docker.io/v1/"
_MOST_BYTES: Final = 1 << 20
# Beyond what a helper that unlocks something may take.
_HELPER_S: Final = 30.0
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# A user name that says that the secret is no password.
_TOKEN: Final = "<token>"  # noqa: S105 - a name for one
_NONE: Final = "credentials not found"


async def login_for(registry: str, config: Path) -> Credentials | None:
    """Return the name and the password that a docker configuration has for a registry, None when it has none.

    Raises InvalidArgument for what is no such configuration, Unavailable for a helper that fails, Unauthenticated for a kind of secret that
    is none of the two. Cancellation: a helper that was asked is killed.
    """
    table = await anyio.to_thread.run_sync(_table, config)
    server = _HUB if registry == "docker.io" else registry
    helpers = table.get("credHelpers")
    name = helpers.get(server) or helpers.get(registry) if isinstance(helpers, Mapping) else None
    if name or table.get("credsStore"):
        found = await _asked(str(name or table["credsStore"]), server, config)
        if found is not None or name:
            return found
    auths = table.get("auths")
    return _written(auths, server, config) if isinstance(auths, Mapping) else None


def _table(config: Path) -> Mapping[str, Any]:
    """Read a configuration. Blocks."""
    try:
        with config.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        table = json.loads(data) if len(data) <= _MOST_BYTES else None
    except OSError as error:
        raise InvalidArgument(f"the docker configuration cannot be read: {in_words(error)}") from None
    except (ValueError, RecursionError):
        table = None  # what is in it is nobody's business
    if not isinstance(table, dict):
        raise InvalidArgument(f"{config} is no docker configuration of at most {_MOST_BYTES} bytes")
    return table


def _written(auths: Mapping[str, Any], server: str, config: Path) -> Credentials | None:
    """Return what stands in a configuration itself."""
    names = (server, f"https://{server}", f"https://{server}/v1/", f"https://{server}/v2/", f"http://{server}")
    said = next((auths[name] for name in names if isinstance(auths.get(name), Mapping)), None)
    if said is None:
        return None
    if said.get("identitytoken"):
        raise _no_password(server, config)
    user, password = said.get("username"), said.get("password")
    if said.get("auth"):
        try:
            user, _, password = base64.b64decode(str(said["auth"]), validate=True).decode().rstrip("\0").partition(":")
        except (binascii.Error, ValueError):
            raise InvalidArgument(f"{config}: auth of {server} is no name and password in base64") from None
    return Credentials(str(user), str(password)) if user and password else None


def _no_password(server: str, where: object) -> Unauthenticated:
    return Unauthenticated(f"{where} has a refresh token for {server}, and no name and password; log in with these")


async def _asked(name: str, server: str, config: Path) -> Credentials | None:
    """Ask a helper."""
    if not _HELPER.fullmatch(name):
        raise InvalidArgument(f"{config} names a helper that is no name")
    program = f"docker-credential-{name}"
    try:
        with anyio.fail_after(_HELPER_S):
            code, out = await _run(program, server)
    except FileNotFoundError:
        raise Unavailable(
            f"{config} has the helper {program}, which is not on PATH; install it, or take it out there"
        ) from None
    except (TimeoutError, OSError) as error:
        why = in_words(error) if isinstance(error, OSError) and error.errno else f"it took longer than {_HELPER_S:g} s"
        raise Unavailable(f"{program} did not answer for {server}: {why}") from None
    if code:
        if out.decode(errors="replace").startswith(_NONE):
            return None
        raise Unavailable(f"{program} failed for {server} with exit code {code}; ask it by hand")
    try:
        said = json.loads(out)
        user, secret = said["Username"], said["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unavailable(f"{program} answered for {server} with something that is no name and secret") from None
    if user == _TOKEN:
        raise _no_password(server, program)
    return Credentials(str(user), str(secret)) if user and secret else None


async def _run(program: str, server: str) -> tuple[int, bytes]:
    """Run a helper; return its exit code and what it wrote. What it complains of is its own business, and may be a secret."""
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR")}
    process = await anyio.open_process([program, "get"], stderr=subprocess.DEVNULL, env=environment)
    try:
        assert process.stdin is not None and process.stdout is not None
        try:
            await process.stdin.send(server.encode())
            await process.stdin.aclose()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # one that needs no name
        out = await _bounded(process.stdout)
        if out is None:
            process.kill()  # it writes for ever, and nobody reads on
        return await process.wait() if out is not None else 0, out or b""
    finally:
        if process.returncode is None:
            process.kill()
        await given_back(process.aclose())


async def _bounded(stream: ByteReceiveStream) -> bytes | None:
    """Return what a helper writes; None for more than a secret can be."""
    out = b""
    async for piece in stream:
        out += piece
        if len(out) > _MOST_BYTES:
            return None
    return out
