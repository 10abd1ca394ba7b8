"""Put the fragments of changes/ into CHANGELOG.md under a version, and remove them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
KINDS = {"added": "Added", "changed": "Changed", "fixed": "Fixed", "removed": "Removed", "security": "Security"}


def main(version: str) -> int:
    fragments = sorted(p for p in (ROOT / "changes").glob("*.md") if p.name != "README.md")
    grouped: dict[str, list[str]] = {}
    for path in fragments:
        kind = path.name.split(".")[-2]
        if kind not in KINDS:
            raise SystemExit(f"{path.name}: name it <what>.<{'|'.join(KINDS)}>.md")
        grouped.setdefault(kind, []).append(path.read_text().strip())
    section = [f"## {version} ({datetime.now(UTC):%Y-%m-%d})", ""]
    for kind, title in KINDS.items():
        if kind in grouped:
            section += [f"### {title}", "", *(f"- {line}" for line in grouped[kind]), ""]
    log = ROOT / "CHANGELOG.md"
    head, mark, rest = log.read_text().partition("<!-- releases -->\n")
    log.write_text(head + mark + "\n" + "\n".join(section) + rest)
    for path in fragments:
        path.unlink()
    print(f"{len(fragments)} fragments under {version}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
