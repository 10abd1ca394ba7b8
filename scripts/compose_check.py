"""Check compose/: the topology and gateway file are understood, compose.yaml parses, the systemd units verify."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import yaml
from argosy.settings import read_toml, validate
from argosy_cli.config import load
from argosy_cli.supervisor import KINDS, plan, service_of
from argosy_gateway.plugins.config import GatewaySettings

HERE = Path(__file__).parent.parent / "compose"


def check_commands(name: str, command: list[str]) -> None:
    """A command line names one of our services and only flags it has."""
    service = service_of(command[0].removeprefix("argosy-"))
    flags = {a[2:].replace("-", "_") for a in command[1:] if a.startswith("--")}
    unknown = flags - {one.name for one in fields(service.settings)} - {"config"}
    if unknown:
        raise SystemExit(f"{name}: {command[0]} has no {', '.join(sorted(unknown))}")


def main() -> int:
    plan(load(HERE / "mesh.toml").mesh)
    table = read_toml(HERE / "systemd/gateway.toml")
    validate(GatewaySettings, {**table, "root": "/r", "state": "/s", "address": "/a"}, "gateway.toml")
    compose = yaml.safe_load((HERE / "compose.yaml").read_text())
    if set(compose["services"]) != set(KINDS):
        raise SystemExit(f"compose.yaml has {sorted(compose['services'])}, the mesh has {sorted(KINDS)}")
    for name, service in compose["services"].items():
        check_commands(f"compose.yaml: {name}", service["command"])
    units = sorted((HERE / "systemd").glob("*.service"))
    for unit in units:
        line = re.search(r"^ExecStart=/usr/bin/env (.*)$", unit.read_text(), re.MULTILINE)
        if line is None:
            raise SystemExit(f"{unit.name} has no ExecStart")
        check_commands(unit.name, line[1].split())
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        print("compose: systemd-analyze is not installed; the units were read, not verified", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        copies = [shutil.copy(u, scratch) for u in (*units, HERE / "systemd/argosy.target")]
        done = subprocess.run([analyze, "verify", "--man=no", *copies], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "argosy" in line and "executable" not in line.lower()]
    if done.returncode and ours:
        print("\n".join(ours), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
