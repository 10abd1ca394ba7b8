"""Setting up: where benchmarks keep their images and histories, and how sides are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.images import BigImage, small
from bench.measure import note
from bench.sides import Ours, Side, Theirs

OUT = Path(__file__).parent / "out"


class Setup:
    """Makes sides for one run."""

    def __init__(self, peer: Path | None) -> None:
        OUT.mkdir(exist_ok=True)
        self._peer = peer
        self._big: BigImage | None = None

    def big_image(self) -> BigImage:
        if self._big is None:
            note("the big image (made once)")
            self._big = BigImage(OUT)
        return self._big

    def small_image(self) -> Path:
        return small(OUT)

    @contextmanager
    def side(
        self, index: int, disk: Path, env: Mapping[str, str] | None = None, shims: Path | None = None
    ) -> Iterator[Side]:
        """Yield a running side, ours (0) with env or theirs (1) with shims of ours, with nothing in it."""
        side: Side = Ours(disk / "b", env) if index == 0 else Theirs(disk / "b", self._peer, shims)
        try:
            side.start()
            yield side
        finally:
            side.destroy()
