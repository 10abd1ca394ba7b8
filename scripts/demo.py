"""The main job, end to end, offline: an image made here, a throw-away mesh, run, exec, status, and nothing left behind."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from argosy.testkit.image import oci_archive

ARGOSY = Path(sys.executable).parent / "argosy"
IMAGE = "docker.io/library/busybox:latest"


def main() -> int:
    if os.geteuid() != 0:
        print("the demo mounts file systems and makes cgroups: run it as root (sudo ./run demo)", file=sys.stderr)
        return 1
    base = Path(tempfile.mkdtemp(prefix="argosy-demo-", dir="/tmp"))
    address = base / "containerd.sock"

    def step(text: str, *args: str, expect: int = 0) -> None:
        command = [str(ARGOSY), "--address", str(address), *args]
        print(f"\n\033[1m# {text}\033[0m\n$ argosy {shlex.join(args)}", flush=True)
        code = subprocess.run(command, check=False).returncode
        if code != expect:
            raise SystemExit(f"demo: that exited {code}, expected {expect}; the mesh's log is {base / 'log'}")

    print(f"\033[1m# An image from this machine's busybox\033[0m\n{oci_archive(base / 'busybox.tar', IMAGE)}", flush=True)
    print(f"\n\033[1m# A mesh in {base}\033[0m", flush=True)
    began = time.monotonic()
    up = [str(ARGOSY), "up", "--root", str(base / "root"), "--state", str(base / "state"), "--address", str(address)]
    with (base / "log").open("w") as log:
        mesh = subprocess.Popen(up, stdout=subprocess.PIPE, stderr=log, text=True)
    keep = True
    try:
        assert mesh.stdout is not None
        line = mesh.stdout.readline()
        if not line:
            print((base / "log").read_text(), file=sys.stderr)
            raise SystemExit("demo: the mesh did not start; its log is above")
        print(f"{line.strip()}  ({time.monotonic() - began:.2f} s)")
        step("Import it, unpacked by overlayfs", "import", str(base / "busybox.tar"))
        step("The image", "images")
        step("Run a container on overlay mounts", "run", "--rm", "busybox", "cat", "/etc/motd")
        step("The same on plain copies", "run", "--rm", "--snapshotter", "native", "busybox", "cat", "/etc/motd")
        step("Exit codes come through", "run", "--rm", "busybox", "sh", "-c", "exit 42", expect=42)
        step("Leave one running", "run", "-d", "--name", "web", "busybox", "sh", "-c", "echo sailing; sleep 600")
        step("Run a command in it", "exec", "web", "uname", "-sr")
        step("What it wrote", "logs", "web")
        step("What runs", "ps")
        step("Every process of the mesh", "status")
        step("Take it down", "rm", "--force", "web")
        keep = False
    finally:
        if mesh.poll() is None:
            mesh.send_signal(signal.SIGTERM)
        code = mesh.wait(30)
        if not keep:
            shutil.rmtree(base)
    print(f"\n\033[1m# Stopped ({code}), nothing left behind\033[0m")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
