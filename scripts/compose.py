"""Write what compose/ says of every service: compose.yaml, the systemd units, and the gateway's table of plugins.

All of it follows from the topology (compose/mesh.toml) and from what the services say of themselves. ``--check`` writes nothing; it
tells what is not fresh, and whether systemd understands the units.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from argosy.service import Service
from argosy.settings import read_toml, validate
from argosy_cli.config import load
from argosy_cli.services import GATEWAY, plugin_of, service_of
from argosy_cli.supervisor import plan

HERE = Path(__file__).parent.parent / "compose"
DATA, STATE = Path("/var/lib/argosy"), Path("/run/argosy")
CONTAINERS = {"/run/argosy": "rshared", "/var/lib/argosy": "rshared", "/sys/fs/cgroup": ""}


@dataclass(frozen=True)
class Unit:
    """One service of the default topology."""

    name: str
    shown: str
    service: Service[Any]

    @property
    def root(self) -> Path:
        return DATA / self.service.root(self.shown)

    @property
    def address(self) -> Path:
        return STATE / ("containerd.sock" if self.name == GATEWAY else f"{self.name}.sock")

    def command(self, config: str) -> list[str]:
        """Return its command line: what it must be told. config is the gateway's file."""
        words = [f"argosy-{self.service.name}"]
        if self.name == GATEWAY:
            words += ["--config", config]
        told = {"root": str(self.root), "address": str(self.address), "state": str(STATE)}
        for one in fields(self.service.settings):
            if one.default is not MISSING or one.default_factory is not MISSING:
                continue
            known = told.get(one.name)
            if known is None and one.metadata.get("mesh") == "address":
                known = str(STATE / "containerd.sock")
            if known is None:
                raise SystemExit(f'{self.service.name}: nothing says what "{one.name}" is')
            words += [f"--{one.name.replace('_', '-')}", known]
        return words


def topology() -> list[Unit]:
    """Return the services of the default topology, the gateway last."""
    mesh = load(HERE / "mesh.toml").mesh
    units = [Unit(name, one.shown(name), plugin_of(one.kind)) for name, one in mesh.services.items()]
    return [*units, Unit(GATEWAY, "", service_of(GATEWAY))]


def systemd(unit: Unit) -> str:
    lines = [
        "[Unit]",
        f"Description=Argosy {unit.service.about}",
        "PartOf=argosy.target",
        "After=local-fs.target",
        "",
        "[Service]",
    ]
    lines += ["Type=notify", f"ExecStart=/usr/bin/env {' '.join(unit.command('/etc/argosy/gateway.toml'))}"]
    lines += [
        "# Containers belong to nobody's unit: stopping a service leaves them running.",
        "KillMode=process",
        "Restart=always",
    ]
    lines += ["RestartSec=1", "RuntimeDirectory=argosy", "RuntimeDirectoryMode=0700", "RuntimeDirectoryPreserve=yes"]
    lines += ["LimitNOFILE=1048576", "TasksMax=infinity"]
    lines += ["Delegate=yes"] if unit.service.plugin == "tasks" else []
    return "\n".join([*lines, "", "[Install]", "WantedBy=argosy.target", ""])


def target(units: list[Unit]) -> str:
    wants = [f"Wants=argosy-{unit.name}.service" for unit in units]
    return "\n".join(
        [
            "[Unit]",
            "Description=Argosy, every service of the mesh",
            *wants,
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def plugins(units: list[Unit]) -> str:
    lines = ["# /etc/argosy/gateway.toml: which processes serve behind the gateway when each is a unit of its own."]
    for unit in units:
        if not unit.service.plugin:
            continue
        lines += ["", f"[proxy_plugins.{unit.shown}]", f'type = "{unit.service.plugin}"', f'address = "{unit.address}"']
        if unit.service.plugin in ("snapshot", "content"):
            lines.append(f'exports = {{ root = "{unit.root}" }}')
        if unit.service.capabilities:
            lines.append(f"capabilities = {json.dumps(list(unit.service.capabilities))}")
    return "\n".join([*lines, ""])


def compose(units: list[Unit]) -> str:
    lines = [
        "# Every service as a container of its own. They share /run and /var/lib, and mounts made by one reach the others."
    ]
    lines += ["name: argosy", "", "x-service: &service", "  build: { context: .., dockerfile: compose/Containerfile }"]
    lines += ["  image: argosy:local", "  privileged: true", "  pid: host", "  network_mode: host", "  cgroup: host"]
    lines += ["  restart: always", "  volumes:"]
    for path, propagation in CONTAINERS.items():
        bind = f", bind: {{ propagation: {propagation}, create_host_path: true }}" if propagation else ""
        lines.append(f"    - {{ type: bind, source: {path}, target: {path}{bind} }}")
    lines += ["", "services:"]
    for unit in units:
        lines += [
            f"  {unit.name}:",
            "    <<: *service",
            f"    command: {json.dumps(unit.command('/opt/argosy/gateway.toml'))}",
        ]
        if unit.name == GATEWAY:
            first = [one.name for one in units if one.service.plugin in ("content", "snapshot")]
            lines.append(f"    depends_on: [{', '.join(first)}]")
    return "\n".join([*lines, ""])


def files() -> Mapping[Path, str]:
    """Return every file that is written here, with its text."""
    units = topology()
    out = {HERE / "systemd" / f"argosy-{unit.name}.service": systemd(unit) for unit in units}
    out[HERE / "systemd/argosy.target"] = target(units)
    out[HERE / "systemd/gateway.toml"] = plugins(units)
    out[HERE / "compose.yaml"] = compose(units)
    return out


def stale(wanted: Mapping[Path, str]) -> Iterator[str]:
    """Yield what is not as it would be written now."""
    for path, text in wanted.items():
        if not path.exists() or path.read_text() != text:
            yield f"{path.relative_to(HERE.parent)} is not fresh"
    for path in HERE.glob("systemd/*"):
        if path not in wanted:
            yield f"{path.relative_to(HERE.parent)} is of no service"


def check(wanted: Mapping[Path, str]) -> list[str]:
    """Return what is wrong: with the files, with what they mean, or with the units in systemd's eyes."""
    found = [f"{line}; type: ./run compose" for line in stale(wanted)]
    plan(load(HERE / "mesh.toml").mesh)
    table = read_toml(HERE / "systemd/gateway.toml")
    validate(service_of(GATEWAY).settings, {**table, "root": "/r", "state": "/s", "address": "/a"}, "gateway.toml")
    yaml.safe_load((HERE / "compose.yaml").read_text())
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        print("compose: systemd-analyze is not installed; the units were read, not verified", file=sys.stderr)
        return found
    with tempfile.TemporaryDirectory() as scratch:
        copies = [shutil.copy(path, scratch) for path in wanted if path.suffix in (".service", ".target")]
        done = subprocess.run([analyze, "verify", "--man=no", *copies], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "argosy" in line and "executable" not in line.lower()]
    return found + (ours if done.returncode else [])


def main() -> int:
    wanted = files()
    if sys.argv[1:] == ["--check"]:
        found = check(wanted)
        print("\n".join(found), file=sys.stderr, end="\n" if found else "")
        return bool(found)
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
