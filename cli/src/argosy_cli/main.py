"""argosy: start a mesh, and drive any containerd socket."""

from __future__ import annotations

import sys


def main() -> None:
    from argosy_cli.app import run

    sys.exit(run())
