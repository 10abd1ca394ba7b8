"""Which commands there are, in which module each is, and the options that all of them have."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from argosy import log

from argosy_cli.output import Shown
from argosy_cli.target import Target
from argosy_cli.words import Option, Parameter

# Which module has a command: a run loads only what it needs.
COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "mesh": ("up", "status", "plugins", "version", "gc", "events", "namespaces", "publish", "config"),
    "images": ("pull", "push", "import", "export", "images", "rmi", "tag"),
    "image": ("image",),
    "transfers": ("transfer",),
    "containers": ("run", "exec", "ps", "logs", "kill", "rm"),
    "copying": ("cp",),
    "stores": ("snapshots", "content", "mounts", "leases"),
    "snapshotters": ("snapshotter",),
    "plugins": ("plugin",),
    "intercepts": ("intercept",),
    "kata": ("kata",),
    "oci_hook": ("oci-hook",),
    "verify": ("verify",),
}


def everything(
    address: Annotated[Path | None, Option("--address", "-a", env="ARGOSY_ADDRESS", help="containerd socket")] = None,
    namespace: Annotated[str, Option("--namespace", "-n", env="CONTAINERD_NAMESPACE", help="namespace")] = "default",
    output: Annotated[str, Option("--output", "-o", help="table or json")] = "table",
    log_level: Annotated[str, Option("--log-level", "-l", help="trace, debug, info, warn or error")] = "warn",
) -> None:
    """containerd's contract, served by a mesh of small processes."""
    log.configure(log_level, service="argosy")
    Shown.json = output == "json"
    Target.address, Target.namespace, Target.log_level = address, namespace, log_level


# Every command has it, too.
OUTPUT: Final = Parameter("output", str, False, False, None, str | None, Option("--output", "-o", help="table or json"))


def load(command: str) -> Any:
    """Return the command or group of that name. Raises KeyError."""
    for module, commands in COMMANDS.items():
        if command in commands:
            return importlib.import_module(f"argosy_cli.{module}").VERBS[command]
    raise KeyError(command)
