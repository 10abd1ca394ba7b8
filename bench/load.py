"""A load generator on grpc's C core, in a process of its own: ``python -m bench.load SOCKET PLAN``, a JSON object.

It speaks bytes: what it sends was encoded before, and what comes back is not decoded. Prints JSON: seconds per call
(p50, p95), calls per second, its own CPU seconds.
"""

from __future__ import annotations

import base64
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import grpc

from bench.sides import Failed, Side

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Generator:
    """A generator's process on one socket; plans go in as lines, counts come out as lines."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load", str(side.address)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(
        self, calls: Sequence[tuple[str, bytes]], times: int, at_once: int = 1, namespace: str = "bench"
    ) -> dict[str, float]:
        """Go through calls (method, request) in order, times over. Raises Failed."""
        plan = {
            "calls": [[m, base64.b64encode(r).decode()] for m, r in calls],
            "times": times,
            "at_once": at_once,
            "namespace": namespace,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(plan) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the load generator died"}')
        if "error" in answer:
            raise Failed(f"{self._side.label}: {answer['error']}")
        self._side.client_cpu_s += answer["cpu_s"]
        counted: dict[str, float] = answer
        return counted

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _one_by_one(methods: Sequence[tuple[Any, bytes]], times: int, metadata: Any) -> list[float]:
    clock, spent = time.perf_counter, []
    for _ in range(times):
        for call, request in methods:
            began = clock()
            call(request, metadata=metadata, timeout=60)
            spent.append(clock() - began)
    return spent


def _at_once(methods: Sequence[tuple[Any, bytes]], times: int, metadata: Any, width: int) -> list[float]:
    """Keep width calls in flight until times rounds are done."""
    spent: list[float] = []
    failure: list[BaseException] = []
    slots, lock = threading.Semaphore(width), threading.Lock()
    clock = time.perf_counter

    def done(future: Any, began: float) -> None:
        try:
            future.result()
        except grpc.RpcError as error:
            failure.append(error)
        with lock:
            spent.append(clock() - began)
        slots.release()

    for _ in range(times):
        for call, request in methods:
            slots.acquire()
            if failure:
                raise failure[0]
            began = clock()
            call.future(request, metadata=metadata, timeout=60).add_done_callback(lambda f, b=began: done(f, b))
    for _ in range(width):
        slots.acquire()
    if failure:
        raise failure[0]
    return spent


def main() -> None:
    with grpc.insecure_channel(f"unix:{sys.argv[1]}", options=_OPTIONS) as channel:
        stubs: dict[str, Any] = {}
        for line in sys.stdin:
            plan = json.loads(line)
            methods = []
            for name, request in plan["calls"]:
                stubs.setdefault(name, channel.unary_unary(name))
                methods.append((stubs[name], base64.b64decode(request)))
            metadata = (("containerd-namespace", plan["namespace"]),)
            cpu, began = _cpu_s(), time.perf_counter()
            try:
                if plan["at_once"] == 1:
                    spent = _one_by_one(methods, plan["times"], metadata)
                else:
                    spent = _at_once(methods, plan["times"], metadata, plan["at_once"])
            except grpc.RpcError as error:
                answer: dict[str, Any] = {"error": f"{error.code()}: {error.details()}"}
            else:
                wall = time.perf_counter() - began
                ordered = sorted(spent)
                answer = {
                    "p50_s": ordered[len(ordered) // 2],
                    "p95_s": ordered[int(len(ordered) * 0.95)],
                    "per_s": len(spent) / wall,
                    "cpu_s": _cpu_s() - cpu,
                    "calls": len(spent),
                }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
