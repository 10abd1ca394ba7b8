"""Services of a test as an installer would leave them: a module, and the metadata that names its entry point."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, kind: str, module: str, text: str) -> None:
    """Put a service of that kind, which the module's text calls SERVICE, into the directory site."""
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[argosy.services]\n{kind} = {module}:SERVICE\n")
