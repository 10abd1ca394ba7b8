"""argosy-kata-image: make the guest image, or say what is there."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from argosy.errors import ArgosyError

from argosy_shim_kata_v2.config import data_directory
from argosy_shim_kata_v2.image.build import build, say_to_stderr


def main() -> None:
    parser = argparse.ArgumentParser(prog="argosy-kata-image", description=__doc__)
    parser.add_argument("verb", choices=("build", "show"))
    parser.add_argument("--directory", type=Path, help="where images, packages and templates are kept")
    flags = parser.parse_args()
    base: Path = flags.directory or data_directory()
    try:
        if flags.verb == "build":
            facts = build(base / "image", base / "packages", say_to_stderr)
            print(json.dumps(facts, indent=2))
        else:
            print((base / "image" / "image.json").read_text(), end="")
    except FileNotFoundError:
        sys.exit(f"no guest image in {base}; type: argosy kata build-image")
    except (ArgosyError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
