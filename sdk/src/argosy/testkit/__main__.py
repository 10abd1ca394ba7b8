"""``python -m argosy.testkit snapshot|content SOCKET``: the fast checks of a plugin at its own socket, for a program that wants to know whether to use it.

Exits with 0 when all passed, 1 with what went wrong, 2 when they could not begin.
"""

from __future__ import annotations

import asyncio
import os
import sys

from argosy.errors import ArgosyError
from argosy.testkit import verify

_SUITES = {"snapshot": verify.snapshotter, "content": verify.content}


def main() -> int:
    kind, address = sys.argv[1:]
    os.umask(0o022)  # files of the checks have the usual modes, whoever starts this
    try:
        report = asyncio.run(_SUITES[kind](address, fast=True))
    except (ArgosyError, OSError) as error:
        sys.stdout.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{verify.explained(report)}\n")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
