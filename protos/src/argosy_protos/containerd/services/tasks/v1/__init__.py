"""Tasks: containers that run.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos.containerd import types as containerd__types
from argosy_protos.containerd.v1 import types as containerd__v1__types
from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._service import Method, unimplemented
from argosy_protos._service import ServiceBase as _ServiceBase
from argosy_protos._service import ServiceStub as _ServiceStub
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi, vu32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "CheckpointTaskRequest",
    "CheckpointTaskResponse",
    "CloseIORequest",
    "CreateTaskRequest",
    "CreateTaskResponse",
    "DeleteProcessRequest",
    "DeleteResponse",
    "DeleteTaskRequest",
    "ExecProcessRequest",
    "ExecProcessResponse",
    "GetRequest",
    "GetResponse",
    "KillRequest",
    "ListPidsRequest",
    "ListPidsResponse",
    "ListTasksRequest",
    "ListTasksResponse",
    "MetricsRequest",
    "MetricsResponse",
    "PauseTaskRequest",
    "ResizePtyRequest",
    "ResumeTaskRequest",
    "StartRequest",
    "StartResponse",
    "TasksBase",
    "TasksStub",
    "UpdateTaskRequest",
    "WaitRequest",
    "WaitResponse",
)

class CreateTaskRequest(Message):
    container_id: "str"
    rootfs: "list[containerd__types.Mount]"
    stdin: "str"
    stdout: "str"
    stderr: "str"
    terminal: "bool"
    checkpoint: "containerd__types.Descriptor | None"
    options: "google__protobuf.Any | None"
    runtime_path: "str"
    task_api_address: "str"
    task_api_version: "int"

    def __init__(
        self,
        *,
        container_id: str = "",
        rootfs: list[containerd__types.Mount] | None = None,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        checkpoint: containerd__types.Descriptor | None = None,
        options: google__protobuf.Any | None = None,
        runtime_path: str = "",
        task_api_address: str = "",
        task_api_version: int = 0,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "rootfs": [] if rootfs is None else rootfs,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "terminal": terminal,
            "checkpoint": checkpoint,
            "options": options,
            "runtime_path": runtime_path,
            "task_api_address": task_api_address,
            "task_api_version": task_api_version,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "rootfs": [],
            "stdin": "",
            "stdout": "",
            "stderr": "",
            "terminal": False,
            "checkpoint": None,
            "options": None,
            "runtime_path": "",
            "task_api_address": "",
            "task_api_version": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "rootfs": betterproto2.field(3, "message", repeated=True),
            "stdin": betterproto2.field(4, "string"),
            "stdout": betterproto2.field(5, "string"),
            "stderr": betterproto2.field(6, "string"),
            "terminal": betterproto2.field(7, "bool"),
            "checkpoint": betterproto2.field(8, "message"),
            "options": betterproto2.field(9, "message"),
            "runtime_path": betterproto2.field(10, "string"),
            "task_api_address": betterproto2.field(11, "string"),
            "task_api_version": betterproto2.field(12, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rootfs
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdin
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdout
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stderr
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.terminal
        if v:
            a(b'8' + (b'\x01' if v else b'\x00'))
        v = self.checkpoint
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.runtime_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'R' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.task_api_address
        if v:
            e = v.encode()
            n = len(e)
            a(b'Z' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.task_api_version
        if v:
            a(b'`' + vu32(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "rootfs")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.rootfs.append(x)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdin")
                self.stdin = text(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdout")
                self.stdout = text(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stderr")
                self.stderr = text(b, p, q)
                p = q
            elif t == 56:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.terminal = x != 0
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "checkpoint")
                x = self.checkpoint
                if x is None:
                    x = self.checkpoint = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "options")
                x = self.options
                if x is None:
                    x = self.options = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "runtime_path")
                self.runtime_path = text(b, p, q)
                p = q
            elif t == 90:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "task_api_address")
                self.task_api_address = text(b, p, q)
                p = q
            elif t == 96:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.task_api_version = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateTaskResponse(Message):
    container_id: "str"
    pid: "int"

    def __init__(
        self,
        *,
        container_id: str = "",
        pid: int = 0,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "pid": pid,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "pid": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "pid": betterproto2.field(2, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x10' + vu32(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class StartRequest(Message):
    container_id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class StartResponse(Message):
    pid: "int"

    def __init__(
        self,
        *,
        pid: int = 0,
    ) -> None:
        self.__dict__ = {
            "pid": pid,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "pid": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "pid": betterproto2.field(1, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.pid
        if v:
            a(b'\x08' + vu32(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class DeleteTaskRequest(Message):
    container_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class DeleteResponse(Message):
    id: "str"
    pid: "int"
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        id: str = "",
        pid: int = 0,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "pid": pid,
            "exit_status": exit_status,
            "exited_at": exited_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "pid": 0,
            "exit_status": 0,
            "exited_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "pid": betterproto2.field(2, "uint32"),
            "exit_status": betterproto2.field(3, "uint32"),
            "exited_at": betterproto2.field(4, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x10' + vu32(v))
        v = self.exit_status
        if v:
            a(b'\x18' + vu32(v))
        v = self.exited_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.exit_status = x & 0xFFFFFFFF
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exited_at")
                x = self.exited_at
                if x is None:
                    x = self.exited_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class DeleteProcessRequest(Message):
    container_id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class GetRequest(Message):
    container_id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class GetResponse(Message):
    process: "containerd__v1__types.Process | None"

    def __init__(
        self,
        *,
        process: containerd__v1__types.Process | None = None,
    ) -> None:
        self.__dict__ = {
            "process": process,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "process": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "process": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.process
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "process")
                x = self.process
                if x is None:
                    x = self.process = containerd__v1__types.Process._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListTasksRequest(Message):
    filter: "str"

    def __init__(
        self,
        *,
        filter: str = "",
    ) -> None:
        self.__dict__ = {
            "filter": filter,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "filter": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "filter": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.filter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "filter")
                self.filter = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListTasksResponse(Message):
    tasks: "list[containerd__v1__types.Process]"

    def __init__(
        self,
        *,
        tasks: list[containerd__v1__types.Process] | None = None,
    ) -> None:
        self.__dict__ = {
            "tasks": [] if tasks is None else tasks,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "tasks": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "tasks": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.tasks
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "tasks")
                x = containerd__v1__types.Process._blank()
                x._merge(b, p, q)
                self.tasks.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class KillRequest(Message):
    container_id: "str"
    exec_id: "str"
    signal: "int"
    all: "bool"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
        signal: int = 0,
        all: bool = False,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "signal": signal,
            "all": all,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "signal": 0,
            "all": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "signal": betterproto2.field(3, "uint32"),
            "all": betterproto2.field(4, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.signal
        if v:
            a(b'\x18' + vu32(v))
        v = self.all
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.signal = x & 0xFFFFFFFF
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.all = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class ExecProcessRequest(Message):
    container_id: "str"
    stdin: "str"
    stdout: "str"
    stderr: "str"
    terminal: "bool"
    spec: "google__protobuf.Any | None"
    exec_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        spec: google__protobuf.Any | None = None,
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "terminal": terminal,
            "spec": spec,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "stdin": "",
            "stdout": "",
            "stderr": "",
            "terminal": False,
            "spec": None,
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "stdin": betterproto2.field(2, "string"),
            "stdout": betterproto2.field(3, "string"),
            "stderr": betterproto2.field(4, "string"),
            "terminal": betterproto2.field(5, "bool"),
            "spec": betterproto2.field(6, "message"),
            "exec_id": betterproto2.field(7, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdin
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdout
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stderr
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.terminal
        if v:
            a(b'(' + (b'\x01' if v else b'\x00'))
        v = self.spec
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdin")
                self.stdin = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdout")
                self.stdout = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stderr")
                self.stderr = text(b, p, q)
                p = q
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.terminal = x != 0
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "spec")
                x = self.spec
                if x is None:
                    x = self.spec = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class ExecProcessResponse(Message):

    def __init__(
        self,
    ) -> None:
        self.__dict__ = {
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            p = unknown(self, b, p, t, n, frozenset())
        if p != n:
            raise past_end(self, "its last field")


class ResizePtyRequest(Message):
    container_id: "str"
    exec_id: "str"
    width: "int"
    height: "int"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
        width: int = 0,
        height: int = 0,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "width": width,
            "height": height,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "width": 0,
            "height": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "width": betterproto2.field(3, "uint32"),
            "height": betterproto2.field(4, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.width
        if v:
            a(b'\x18' + vu32(v))
        v = self.height
        if v:
            a(b' ' + vu32(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.width = x & 0xFFFFFFFF
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.height = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class CloseIORequest(Message):
    container_id: "str"
    exec_id: "str"
    stdin: "bool"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
        stdin: bool = False,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "stdin": stdin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "stdin": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "stdin": betterproto2.field(3, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdin
        if v:
            a(b'\x18' + (b'\x01' if v else b'\x00'))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.stdin = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class PauseTaskRequest(Message):
    container_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ResumeTaskRequest(Message):
    container_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListPidsRequest(Message):
    container_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListPidsResponse(Message):
    processes: "list[containerd__v1__types.ProcessInfo]"

    def __init__(
        self,
        *,
        processes: list[containerd__v1__types.ProcessInfo] | None = None,
    ) -> None:
        self.__dict__ = {
            "processes": [] if processes is None else processes,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "processes": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "processes": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.processes
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "processes")
                x = containerd__v1__types.ProcessInfo._blank()
                x._merge(b, p, q)
                self.processes.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class CheckpointTaskRequest(Message):
    container_id: "str"
    parent_checkpoint: "str"
    options: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        container_id: str = "",
        parent_checkpoint: str = "",
        options: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "parent_checkpoint": parent_checkpoint,
            "options": options,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "parent_checkpoint": "",
            "options": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "parent_checkpoint": betterproto2.field(2, "string"),
            "options": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.parent_checkpoint
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "parent_checkpoint")
                self.parent_checkpoint = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "options")
                x = self.options
                if x is None:
                    x = self.options = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class CheckpointTaskResponse(Message):
    descriptors: "list[containerd__types.Descriptor]"

    def __init__(
        self,
        *,
        descriptors: list[containerd__types.Descriptor] | None = None,
    ) -> None:
        self.__dict__ = {
            "descriptors": [] if descriptors is None else descriptors,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "descriptors": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "descriptors": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.descriptors
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "descriptors")
                x = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                self.descriptors.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateTaskRequest(Message):
    container_id: "str"
    resources: "google__protobuf.Any | None"
    annotations: "dict[str, str]"

    def __init__(
        self,
        *,
        container_id: str = "",
        resources: google__protobuf.Any | None = None,
        annotations: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "resources": resources,
            "annotations": {} if annotations is None else annotations,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "resources": None,
            "annotations": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "resources": betterproto2.field(2, "message"),
            "annotations": betterproto2.field(3, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.resources
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.annotations
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "resources")
                x = self.resources
                if x is None:
                    x = self.resources = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "annotations")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.annotations[k] = x
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class MetricsRequest(Message):
    filters: "list[str]"

    def __init__(
        self,
        *,
        filters: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "filters": [] if filters is None else filters,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "filters": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "filters": betterproto2.field(1, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.filters
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "filters")
                self.filters.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class MetricsResponse(Message):
    metrics: "list[containerd__types.Metric]"

    def __init__(
        self,
        *,
        metrics: list[containerd__types.Metric] | None = None,
    ) -> None:
        self.__dict__ = {
            "metrics": [] if metrics is None else metrics,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "metrics": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "metrics": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.metrics
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "metrics")
                x = containerd__types.Metric._blank()
                x._merge(b, p, q)
                self.metrics.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class WaitRequest(Message):
    container_id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        container_id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class WaitResponse(Message):
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "exit_status": exit_status,
            "exited_at": exited_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "exit_status": 0,
            "exited_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "exit_status": betterproto2.field(1, "uint32"),
            "exited_at": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.exit_status
        if v:
            a(b'\x08' + vu32(v))
        v = self.exited_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.exit_status = x & 0xFFFFFFFF
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exited_at")
                x = self.exited_at
                if x is None:
                    x = self.exited_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class TasksBase(_ServiceBase):
    __service__ = "containerd.services.tasks.v1.Tasks"
    __methods__ = (
        Method("Create", "create", Cardinality.UNARY_UNARY, CreateTaskRequest, CreateTaskResponse),
        Method("Start", "start", Cardinality.UNARY_UNARY, StartRequest, StartResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, DeleteTaskRequest, DeleteResponse),
        Method("DeleteProcess", "delete_process", Cardinality.UNARY_UNARY, DeleteProcessRequest, DeleteResponse),
        Method("Get", "get", Cardinality.UNARY_UNARY, GetRequest, GetResponse),
        Method("List", "list", Cardinality.UNARY_UNARY, ListTasksRequest, ListTasksResponse),
        Method("Kill", "kill", Cardinality.UNARY_UNARY, KillRequest, google__protobuf.Empty),
        Method("Exec", "exec", Cardinality.UNARY_UNARY, ExecProcessRequest, google__protobuf.Empty),
        Method("ResizePty", "resize_pty", Cardinality.UNARY_UNARY, ResizePtyRequest, google__protobuf.Empty),
        Method("CloseIO", "close_io", Cardinality.UNARY_UNARY, CloseIORequest, google__protobuf.Empty),
        Method("Pause", "pause", Cardinality.UNARY_UNARY, PauseTaskRequest, google__protobuf.Empty),
        Method("Resume", "resume", Cardinality.UNARY_UNARY, ResumeTaskRequest, google__protobuf.Empty),
        Method("ListPids", "list_pids", Cardinality.UNARY_UNARY, ListPidsRequest, ListPidsResponse),
        Method("Checkpoint", "checkpoint", Cardinality.UNARY_UNARY, CheckpointTaskRequest, CheckpointTaskResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateTaskRequest, google__protobuf.Empty),
        Method("Metrics", "metrics", Cardinality.UNARY_UNARY, MetricsRequest, MetricsResponse),
        Method("Wait", "wait", Cardinality.UNARY_UNARY, WaitRequest, WaitResponse),
    )

    async def create(self, request: CreateTaskRequest) -> CreateTaskResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Create")

    async def start(self, request: StartRequest) -> StartResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Start")

    async def delete(self, request: DeleteTaskRequest) -> DeleteResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Delete")

    async def delete_process(self, request: DeleteProcessRequest) -> DeleteResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "DeleteProcess")

    async def get(self, request: GetRequest) -> GetResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Get")

    async def list(self, request: ListTasksRequest) -> ListTasksResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "List")

    async def kill(self, request: KillRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Kill")

    async def exec(self, request: ExecProcessRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Exec")

    async def resize_pty(self, request: ResizePtyRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "ResizePty")

    async def close_io(self, request: CloseIORequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "CloseIO")

    async def pause(self, request: PauseTaskRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Pause")

    async def resume(self, request: ResumeTaskRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Resume")

    async def list_pids(self, request: ListPidsRequest) -> ListPidsResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "ListPids")

    async def checkpoint(self, request: CheckpointTaskRequest) -> CheckpointTaskResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Checkpoint")

    async def update(self, request: UpdateTaskRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Update")

    async def metrics(self, request: MetricsRequest) -> MetricsResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Metrics")

    async def wait(self, request: WaitRequest) -> WaitResponse:
        raise unimplemented("containerd.services.tasks.v1.Tasks", "Wait")


class TasksStub(_ServiceStub):
    __service__ = "containerd.services.tasks.v1.Tasks"

    async def create(self, request: CreateTaskRequest, **options: Unpack[_Options]) -> CreateTaskResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Create", request, CreateTaskResponse, options)

    async def start(self, request: StartRequest, **options: Unpack[_Options]) -> StartResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Start", request, StartResponse, options)

    async def delete(self, request: DeleteTaskRequest, **options: Unpack[_Options]) -> DeleteResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Delete", request, DeleteResponse, options)

    async def delete_process(self, request: DeleteProcessRequest, **options: Unpack[_Options]) -> DeleteResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/DeleteProcess", request, DeleteResponse, options)

    async def get(self, request: GetRequest, **options: Unpack[_Options]) -> GetResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Get", request, GetResponse, options)

    async def list(self, request: ListTasksRequest, **options: Unpack[_Options]) -> ListTasksResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/List", request, ListTasksResponse, options)

    async def kill(self, request: KillRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Kill", request, google__protobuf.Empty, options)

    async def exec(self, request: ExecProcessRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Exec", request, google__protobuf.Empty, options)

    async def resize_pty(self, request: ResizePtyRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/ResizePty", request, google__protobuf.Empty, options)

    async def close_io(self, request: CloseIORequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/CloseIO", request, google__protobuf.Empty, options)

    async def pause(self, request: PauseTaskRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Pause", request, google__protobuf.Empty, options)

    async def resume(self, request: ResumeTaskRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Resume", request, google__protobuf.Empty, options)

    async def list_pids(self, request: ListPidsRequest, **options: Unpack[_Options]) -> ListPidsResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/ListPids", request, ListPidsResponse, options)

    async def checkpoint(self, request: CheckpointTaskRequest, **options: Unpack[_Options]) -> CheckpointTaskResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Checkpoint", request, CheckpointTaskResponse, options)

    async def update(self, request: UpdateTaskRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Update", request, google__protobuf.Empty, options)

    async def metrics(self, request: MetricsRequest, **options: Unpack[_Options]) -> MetricsResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Metrics", request, MetricsResponse, options)

    async def wait(self, request: WaitRequest, **options: Unpack[_Options]) -> WaitResponse:
        return await self._unary("/containerd.services.tasks.v1.Tasks/Wait", request, WaitResponse, options)
