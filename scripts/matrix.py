"""Write docs/matrix.md from the table that the tests of transfers go by: what each pair of a source and a sink does.

python scripts/matrix.py            write
python scripts/matrix.py --check    exit 1 when the page is stale
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from argosy.oci.layers import FORMS  # noqa: E402 - as below

from tests.harness.matrix import PAIRS, SINKS, SOURCES  # noqa: E402 - found only now

PAGE = ROOT / "docs/matrix.md"
HEAD = """# What can be transferred where

Written by `just matrix` from the table that the tests go by (`tests/harness/matrix.py`): each pair that is served is brought from end to end by
`tests/services/test_transfer_matrix.py` and `test_transfer_trees.py`, over the wire, and each other one is refused as UNIMPLEMENTED, in containerd's words. What
the words mean is said below; [transfer.md](transfer.md) says the rest.

"""
WORDS = {
    "copy": "the image goes from there to here, blob by blob, each in pieces; nothing is kept where it only passes through",
    "bytes": "the bytes go as they are",
    "tar": "directories and files, as a tar",
    "untar": "what is in a tar: below a directory of a container, or as a layer of a snapshot",
    "files": "directories and files from one to the other",
    "pull": "containerd's pull",
    "push": "containerd's push",
    "tag": "the image gets other names; nothing moves",
    "export": "containerd's export, of one image or several",
    "import": "containerd's import, of one image or several",
    "echo": "the client gets back what it sends",
}
# How people write an end: argosy transfer SRC DST.
WRITTEN = {
    "OCIRegistry": "`NAME`, `registry:NAME`", "ImageStore": "`image:NAME`", "ImageImportStream": "`archive:FILE[#NAME]`, `-`",
    "ImageExportStream": "`archive:FILE[#NAME]`, `-`", "Layout": "`oci:DIR[:NAME]`", "Stored": "`DEPOT:NAME`", "Blob": "`blob:DIGEST`",
    "Snapshot": "`snapshot:NAME[#PARENT]`", "ContainerPath": "`container:NAME:PATH`",
    "ReadStream": "`archive:FILE`, `-`", "WriteStream": "`archive:FILE`, `-`",
}  # fmt: skip


def page() -> str:
    """Return the page."""
    lines = ["| from \\ to | " + " | ".join(f"`{sink}`" for sink in SINKS) + " |", "|---|" + "---|" * len(SINKS)]
    lines += [f"| `{source}` | " + " | ".join(PAIRS[source, sink] or "-" for sink in SINKS) + " |" for source in SOURCES]
    lines += ["", "| word | what is done |", "|---|---|"]
    lines += [f"| {word} | {text} |" for word, text in WORDS.items() if word in PAIRS.values()]
    lines += [
        "",
        f"With `argosy transfer --layers` an image's layers become another form on the way of a copy: {', '.join(FORMS)}.",
    ]
    lines += ["", "| message | as a source | as a sink | `argosy transfer` |", "|---|---|---|---|"]
    for end in dict.fromkeys((*SOURCES, *SINKS)):
        package = "argosy.transfer.v1" if end in ("Layout", "Stored", "Blob") else "containerd.types.transfer"
        package = "argosy.snapshots.v1" if end == "Snapshot" else package
        lines.append(f"| `{package}.{end}` | {SOURCES.get(end, '')} | {SINKS.get(end, '')} | {WRITTEN.get(end, '')} |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    text = page()
    if parser.parse_args().check:
        if not PAGE.exists() or PAGE.read_text() != text:
            print(f"{PAGE.relative_to(ROOT)} is stale; write it with: just matrix", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
