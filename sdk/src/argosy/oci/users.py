"""Who a container runs as: names and numbers, looked up inside its root file system, which is hostile.

All-digit users are numbers and never looked up as names (CVE-2026-46680); numbers must fit the kernel
(CVE-2024-40635); files are read through openat2 below the root, up to a limit (CVE-2026-47262).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argosy.errors import InvalidArgument, NotFound
from argosy.kernel.path import read_in_root

MAX_ID: Final = (1 << 31) - 1
_MAX_DIGITS: Final = len(str(MAX_ID))
_SHOWN: Final = 64
MAX_FILE_BYTES: Final = 1 << 20
MAX_LINES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class User:
    """Numbers for the spec's process.user."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    home: str = "/"


def _rows(root: str, path: str, width: int) -> list[list[str]]:
    """Return the colon-separated rows of a file below root. Raises InvalidArgument when it is absurdly large."""
    try:
        data = read_in_root(root, path, MAX_FILE_BYTES)
    except ValueError as error:
        raise InvalidArgument(f"the image's {error}") from None
    except OSError as error:
        raise InvalidArgument(f"the image's {path} cannot be read: {error.strerror}") from None
    rows = []
    for line in (data or b"").decode("utf-8", "replace").split("\n", MAX_LINES)[:MAX_LINES]:
        fields = line.strip().split(":")
        if len(fields) >= width and not line.startswith("#"):
            rows.append(fields)
    return rows


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS and int(digits) <= MAX_ID else None


def _checked(text: str, what: str) -> int:
    number = _number(text)
    if number is None:
        raise InvalidArgument(f'{what} "{text[:_SHOWN]}" does not fit; use 0 to {MAX_ID}')
    return number


def _numeric(text: str) -> bool:
    return text.lstrip("+-").isdigit()


def resolve(root: str, user: str) -> User:
    """Return the user that ``name``, ``uid``, ``name:group`` or ``uid:gid`` means below root.

    Raises InvalidArgument for numbers out of range, NotFound for names that the image does not have.
    """
    who, colon, group = user.partition(":")
    passwd = _rows(root, "/etc/passwd", 4)
    groups = _rows(root, "/etc/group", 3)
    uid = gid = 0
    if not who or _numeric(who):
        uid = _checked(who, "user") if who else 0
        row = next((r for r in passwd if _number(r[2]) == uid), None)
    else:
        row = next((r for r in passwd if r[0] == who), None)
        if row is None:
            raise NotFound(f'user "{who}" is not in the image\'s /etc/passwd')
        uid = _checked(row[2], f'uid of "{who}"')
    name, home = "", "/"
    if row is not None:
        name, gid = row[0], _checked(row[3], f'gid of "{row[0]}"')
        home = row[5] if len(row) > 5 and row[5] else "/"
    if colon and (_numeric(group) or not group):
        gid = _checked(group, "group")
    elif colon:
        found = next((r for r in groups if r[0] == group), None)
        if found is None:
            raise NotFound(f'group "{group}" is not in the image\'s /etc/group')
        gid = _checked(found[2], f'gid of "{group}"')
    # The groups of its user are a process's own, whichever group it starts in, as in containerd.
    numbers = (_number(r[2]) for r in groups if name and len(r) > 3 and name in r[3].split(","))
    extra = dict.fromkeys([gid, *(n for n in numbers if n is not None)])
    return User(uid, gid, tuple(extra), home)
