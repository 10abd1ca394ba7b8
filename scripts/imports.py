"""Check with import-linter who imports whom: the contracts are stated here, whom they bind is read from the folders."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent.parent
SHIMS_MAY_NOT = ("argosy.rpc", "argosy.client", "argosy.service", "argosy.settings", "argosy.log", "argosy.store")

# No shim does that: it is what a VM's agent runs in the guest, in a process of its own.
NOT_IN_A_SHIM = (
    "argosy_shim_kata_v2.guest.files -> argosy.paths.packing",
    "argosy_shim_kata_v2.guest.files -> argosy.paths.placing",
)

# A floor is a package of the SDK or of a process, and these name one above their own: each is where what is above is done for who asks below.
UPWARDS = (
    "argosy.kernel.mount -> argosy.mounting.alone",  # a list of mounts; plugins know it by that name
    "argosy.unpack.apply -> argosy.erofs.snapshot",  # a layer that is applied to a snapshot of images
    "argosy.unpack.content -> argosy.erofs.reading",  # a layer that is such an image
    "argosy.client.images.pushing -> argosy.client.transfers.*",  # a push is a transfer
)

ROWS_MAY_NOT = (
    "argosy_gateway.backends",
    "argosy_gateway.plugins",
    "argosy_gateway.api",
    "argosy.rpc.channel",
    "argosy.rpc.server",
)

TRANSLATORS_MAY_NOT = ("argosy.rpc.channel", "argosy_gateway.plugins.plugin")


def packages(where: Path, floor: str) -> list[str]:
    """Return the packages of a floor: ``services``, ``shims``, ``cli``."""
    pattern = f"{floor}/src/*/__init__.py" if floor == "cli" else f"{floor}/*/src/*/__init__.py"
    return sorted(path.parent.name for path in where.glob(pattern))


def contracts(where: Path) -> str:
    """Return import-linter's configuration for a checkout."""
    shims = packages(where, "shims")
    processes = sorted(packages(where, "services") + shims)
    cli = packages(where, "cli")
    lines = ["[importlinter]", "root_packages =", *_rows(["argosy", "argosy_protos", *processes, *cli])]
    lines += ["contract_types =", "    no_circles: scripts.circles.NoCircles"]
    lines += [
        "[importlinter:contract:wire]",
        "name = The wire is the only interface between processes",
        "type = independence",
    ]
    lines += ["modules =", *_rows(processes)]
    lines += ["[importlinter:contract:floors]", "name = Three floors: protos, sdk, processes", "type = layers", "layers ="]
    lines += _rows([" | ".join(processes + cli), "argosy", "argosy_protos"])
    lines += [
        "[importlinter:contract:lean]",
        "name = A shim imports neither betterproto, grpclib nor asyncio",
        "type = forbidden",
    ]
    lines += ["source_modules =", *_rows(["argosy.shim", *shims]), "forbidden_modules =", *_rows(list(SHIMS_MAY_NOT))]
    lines += ["ignore_imports =", *_rows(list(NOT_IN_A_SHIM))]
    lines += ["[importlinter:contract:rows]", "name = Rows and rules know neither plugins nor the wire", "type = forbidden"]
    lines += ["source_modules =", *_rows(["argosy_gateway.metadata"]), "forbidden_modules =", *_rows(list(ROWS_MAY_NOT))]
    lines += ["allow_indirect_imports = true"]  # a store's values and its servicer are one package of the SDK
    lines += ["[importlinter:contract:translators]", "name = Translators talk to no plugin themselves", "type = forbidden"]
    lines += ["source_modules =", *_rows(["argosy_gateway.api"]), "forbidden_modules =", *_rows(list(TRANSLATORS_MAY_NOT))]
    lines += ["allow_indirect_imports = true"]  # their stores do
    lines += ["[importlinter:contract:circles]", "name = No module comes back to itself", "type = no_circles"]
    lines += ["packages =", *_rows(["argosy", *processes, *cli])]
    lines += [
        "[importlinter:contract:stairs]",
        "name = Packages import each other in one direction",
        "type = acyclic_siblings",
    ]
    lines += ["ancestors =", *_rows(["argosy", *processes, *cli]), "ignore_imports =", *_rows(list(UPWARDS))]
    return "\n".join(lines) + "\n"


def _rows(names: list[str]) -> list[str]:
    return [f"    {name}" for name in names]


def main() -> int:
    """Return 0 when every contract is kept; says what is not."""
    from importlinter.cli import lint_imports  # it takes a while, and a test wants the names only

    with tempfile.NamedTemporaryFile("w", suffix=".ini") as config:
        config.write(contracts(HERE))
        config.flush()
        return int(lint_imports(config_filename=config.name, no_cache=True))


if __name__ == "__main__":
    sys.exit(main())
