"""Sides: our mesh and a stock containerd, each on a directory of its own, in a cgroup that counts its CPU time."""

from __future__ import annotations

import abc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.accounts import Cgroup, pss_bytes

_BIN = Path(sys.executable).parent
ARGOSY = _BIN / "argosy"
_READY_S = 60.0
_COMMAND_S = 900.0
VERSION = "/containerd.services.version.v1.Version/Version"


class Failed(Exception):
    """Raised when a step of a benchmark failed; a row that failed has no numbers."""


class Side(abc.ABC):
    """A daemon with a containerd socket."""

    label: str
    shim: Path

    def __init__(self, base: Path) -> None:
        self.base = base
        base.mkdir(parents=True, exist_ok=True)
        self.address = base / "c.sock"
        self.cgroup = Cgroup(self.label)
        self.client_cpu_s = 0.0
        self.client_peak_bytes = 0
        """What the last client had in memory at most."""
        self.process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def command(self) -> list[str]: ...

    def environment(self) -> Mapping[str, str]:
        # A daemon as its packager installs it: compiled modules are kept.
        return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def start(self, call: str = VERSION) -> float:
        """Start the daemon; return the seconds until it answered its first call, to a method that needs no request."""
        began = time.perf_counter()
        with (self.base / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.cgroup.command(self.command()), stdout=log, stderr=log, env=self.environment(), start_new_session=True
            )
        while not self.answers(call):
            if self.process.poll() is not None or time.perf_counter() - began > _READY_S:
                raise Failed(f"{self.label} did not start; see {self.base}/log:\n{self.tail()}")
            time.sleep(0.002)
        return time.perf_counter() - began

    def tail(self) -> str:
        return (self.base / "log").read_text(errors="replace")[-2000:]

    def answers(self, call: str) -> bool:
        """Whether the daemon answers: a whole call, not only a socket that takes connections."""
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.address)):
                return False
        import grpc

        with grpc.insecure_channel(f"unix:{self.address}", options=[("grpc.max_receive_message_length", -1)]) as channel:
            try:
                channel.unary_unary(call)(b"", timeout=5, metadata=(("containerd-namespace", "bench"),))
            except grpc.RpcError:
                return False
        return True

    def stop(self) -> None:
        """End the daemon; containers stay."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None

    def destroy(self) -> None:
        """End every task and the daemon, and remove everything."""
        if self.process is not None:
            for ns in self.lines("namespaces", "ls", "-q"):
                for task in self.lines("-n", ns, "tasks", "ls", "-q"):
                    self.lines("-n", ns, "tasks", "rm", "-f", task)
        self.stop()
        for pid in self.cgroup.pids():
            os.kill(pid, signal.SIGKILL)
        for entry in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            where = entry.split(" ")[4]
            if where.startswith(f"{self.base}/"):
                subprocess.run(["umount", "-l", where], check=False, capture_output=True)
        shutil.rmtree(self.base, ignore_errors=True)
        time.sleep(0.1)
        self.cgroup.remove()

    def pss_bytes(self, besides: Sequence[Side] = ()) -> int:
        """Memory of the daemon's processes, as if those of other sides were not there."""
        return pss_bytes(self.cgroup.pids(), [pid for side in besides for pid in side.cgroup.pids()])

    def run(
        self, *command: str, input: Path | None = None, output: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Run a client to its end and count its CPU time; env is added to the environment. Raises Failed."""
        with open(input or os.devnull, "rb") as stdin, open(output or os.devnull, "wb") as stdout:
            process = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
            )
            assert process.stderr is not None
            errors = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.client_cpu_s += used.ru_utime + used.ru_stime
        self.client_peak_bytes = used.ru_maxrss << 10
        if process.returncode:
            raise Failed(f"{self.label}: {' '.join(command)}: {errors.decode(errors='replace')[-1500:]}")

    def ctr(self, *args: str, input: Path | None = None, output: Path | None = None) -> None:
        """Run Debian's ctr to its end. Raises Failed."""
        self.run("ctr", "-a", str(self.address), *args, input=input, output=output)

    def pull(self, name: str) -> None:
        """Pull with the side's own best client: ctr, unless it has another."""
        self.ctr("images", "pull", "--plain-http", name)

    def lines(self, *args: str) -> list[str]:
        """Run ctr and return the lines it printed, none when it failed."""
        done = subprocess.run(["ctr", "-a", str(self.address), *args], capture_output=True, text=True, timeout=_COMMAND_S)
        return done.stdout.splitlines() if done.returncode == 0 else []


class Ours(Side):
    """``argosy up``."""

    label = "ours"
    shim = _BIN / "containerd-shim-runc-v2"

    def __init__(self, base: Path, env: Mapping[str, str] | None = None, flags: Sequence[str] = ()) -> None:
        super().__init__(base)
        self._env, self._flags = dict(env or {}), list(flags)

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), **self._env}

    def argosy(self, *args: str, env: Mapping[str, str] | None = None) -> None:
        """Run our own command to its end. Raises Failed."""
        self.run(str(ARGOSY), "--address", str(self.address), *args, env=env)

    def pull(self, name: str, env: Mapping[str, str] | None = None) -> None:
        self.argosy("pull", "--plain-http", name, env=env)

    def transfer(self, name: str) -> None:
        """Have the daemon pull, as a client of containerd's version 2 does: with a stream for its progress, which is read to its end."""
        import grpc
        from argosy_protos.containerd.services.streaming.v1 import StreamInit
        from argosy_protos.containerd.services.transfer.v1 import TransferOptions, TransferRequest
        from argosy_protos.containerd.types import Platform
        from argosy_protos.containerd.types import transfer as p
        from argosy_protos.google.protobuf import Any as AnyMessage

        def pack(name: str, message: Any) -> AnyMessage:
            return AnyMessage(type_url=name, value=message.encode())

        def plain(data: bytes) -> bytes:
            return data

        host = Platform(os="linux", architecture="amd64")
        source = p.OCIRegistry(reference=name, resolver=p.RegistryResolver(default_scheme="http"))
        store = p.ImageStore(name=name, platforms=[host], all_metadata=True, unpacks=[p.UnpackConfiguration(platform=host)])
        request = TransferRequest(
            source=pack("containerd.types.transfer.OCIRegistry", source), destination=pack("containerd.types.transfer.ImageStore", store),
            options=TransferOptions(progress_stream="progress-1"),
        )  # fmt: skip
        metadata = (("containerd-namespace", "default"),)
        over = threading.Event()

        def first() -> Iterator[bytes]:
            yield pack("containerd.services.streaming.v1.StreamInit", StreamInit(id="progress-1")).encode()
            over.wait()

        with grpc.insecure_channel(f"unix:{self.address}", options=[("grpc.max_receive_message_length", -1)]) as channel:
            stream = channel.stream_stream("/containerd.services.streaming.v1.Streaming/Stream", plain, plain)
            told = stream(first(), metadata=metadata)
            next(told)
            reader = threading.Thread(target=lambda: sum(1 for _ in told), daemon=True)
            reader.start()
            call = channel.unary_unary("/containerd.services.transfer.v1.Transfer/Transfer", plain, plain)
            try:
                call(request.encode(), metadata=metadata, timeout=_COMMAND_S)
            except grpc.RpcError as error:
                raise Failed(f"{self.label}: transfer of {name}: {error}") from None
            finally:
                over.set()
            reader.join(30)

    def command(self) -> list[str]:
        up = [str(ARGOSY), "up", "--root", str(self.base / "root"), "--state", str(self.base / "state")]
        return [*up, "--address", str(self.address), *self._flags]


def _stock_path() -> str:
    """PATH without the folders of any Argosy: where its commands are its shims are, under the names of the stock ones."""
    return os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p and not Path(p, "argosy").exists())


class Theirs(Side):
    """A stock containerd. CRI is off, as we have none: it would only cost it memory."""

    label = "stock"

    def __init__(self, base: Path, peer: Path | None = None, shims: Path | None = None) -> None:
        """shims is a directory of more shims for it to find."""
        super().__init__(base)
        self._peer, self._shims = peer, shims
        self.shim = self._tool("containerd-shim-runc-v2")

    def _tool(self, name: str) -> Path:
        if self._peer is not None and (self._peer / name).exists():
            return self._peer / name
        found = shutil.which(name, path=_stock_path())
        if found is None:
            raise Failed(f"{name} is not installed; type: sudo apt-get install -y containerd")
        return Path(found)

    def environment(self) -> Mapping[str, str]:
        folders = [str(folder) for folder in (self._peer, self._shims) if folder is not None]
        return {**super().environment(), "PATH": os.pathsep.join([*folders, _stock_path()])}

    def command(self) -> list[str]:
        config = self.base / "config.toml"
        config.write_text(
            f'version = 2\nroot = "{self.base}/root"\nstate = "{self.base}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{self.address}"\n'
        )
        return [str(self._tool("containerd")), "-c", str(config)]
