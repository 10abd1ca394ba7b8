"""Whether the libraries are here that encryption needs: the SDK's extra of that name brings them."""

from __future__ import annotations

from importlib.util import find_spec

from argosy.errors import Unimplemented


def check() -> None:
    """Raises Unimplemented, which says what to type, where one is missing."""
    missing = [name for name in ("cryptography", "joserfc") if find_spec(name) is None]
    if missing:
        raise Unimplemented(
            f"{' and '.join(missing)} is not installed, which encrypted images need; type: pip install 'argosy[encryption]'"
        )
