"""Task v2: the API of a shim.

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
from argosy_protos._wire import VI, entry, past_end, rv, s32, text, unknown, vi, vs32, vu32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "CheckpointTaskRequest",
    "CloseIORequest",
    "ConnectRequest",
    "ConnectResponse",
    "CreateTaskRequest",
    "CreateTaskResponse",
    "DeleteRequest",
    "DeleteResponse",
    "ExecProcessRequest",
    "ExecProcessResponse",
    "KillRequest",
    "PauseRequest",
    "PidsRequest",
    "PidsResponse",
    "ResizePtyRequest",
    "ResumeRequest",
    "ShutdownRequest",
    "StartRequest",
    "StartResponse",
    "StateRequest",
    "StateResponse",
    "StatsRequest",
    "StatsResponse",
    "TaskBase",
    "TaskStub",
    "UpdateTaskRequest",
    "WaitRequest",
    "WaitResponse",
)

class CreateTaskRequest(Message):
    id: "str"
    bundle: "str"
    rootfs: "list[containerd__types.Mount]"
    terminal: "bool"
    stdin: "str"
    stdout: "str"
    stderr: "str"
    checkpoint: "str"
    parent_checkpoint: "str"
    options: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        id: str = "",
        bundle: str = "",
        rootfs: list[containerd__types.Mount] | None = None,
        terminal: bool = False,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        checkpoint: str = "",
        parent_checkpoint: str = "",
        options: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "bundle": bundle,
            "rootfs": [] if rootfs is None else rootfs,
            "terminal": terminal,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "checkpoint": checkpoint,
            "parent_checkpoint": parent_checkpoint,
            "options": options,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "bundle": "",
            "rootfs": [],
            "terminal": False,
            "stdin": "",
            "stdout": "",
            "stderr": "",
            "checkpoint": "",
            "parent_checkpoint": "",
            "options": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "bundle": betterproto2.field(2, "string"),
            "rootfs": betterproto2.field(3, "message", repeated=True),
            "terminal": betterproto2.field(4, "bool"),
            "stdin": betterproto2.field(5, "string"),
            "stdout": betterproto2.field(6, "string"),
            "stderr": betterproto2.field(7, "string"),
            "checkpoint": betterproto2.field(8, "string"),
            "parent_checkpoint": betterproto2.field(9, "string"),
            "options": betterproto2.field(10, "message"),
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
        v = self.bundle
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rootfs
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.terminal
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        v = self.stdin
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdout
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stderr
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.checkpoint
        if v:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.parent_checkpoint
        if v:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'R' + (VI[n] if n < 16384 else vi(n)))
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
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "bundle")
                self.bundle = text(b, p, q)
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
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.terminal = x != 0
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdin")
                self.stdin = text(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdout")
                self.stdout = text(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stderr")
                self.stderr = text(b, p, q)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "checkpoint")
                self.checkpoint = text(b, p, q)
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "parent_checkpoint")
                self.parent_checkpoint = text(b, p, q)
                p = q
            elif t == 82:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateTaskResponse(Message):
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


class DeleteRequest(Message):
    id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class DeleteResponse(Message):
    pid: "int"
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        pid: int = 0,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "pid": pid,
            "exit_status": exit_status,
            "exited_at": exited_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "pid": 0,
            "exit_status": 0,
            "exited_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "pid": betterproto2.field(1, "uint32"),
            "exit_status": betterproto2.field(2, "uint32"),
            "exited_at": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.pid
        if v:
            a(b'\x08' + vu32(v))
        v = self.exit_status
        if v:
            a(b'\x10' + vu32(v))
        v = self.exited_at
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.exit_status = x & 0xFFFFFFFF
            elif t == 26:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class ExecProcessRequest(Message):
    id: "str"
    exec_id: "str"
    terminal: "bool"
    stdin: "str"
    stdout: "str"
    stderr: "str"
    spec: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
        terminal: bool = False,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        spec: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "terminal": terminal,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "spec": spec,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "terminal": False,
            "stdin": "",
            "stdout": "",
            "stderr": "",
            "spec": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "terminal": betterproto2.field(3, "bool"),
            "stdin": betterproto2.field(4, "string"),
            "stdout": betterproto2.field(5, "string"),
            "stderr": betterproto2.field(6, "string"),
            "spec": betterproto2.field(7, "message"),
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
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.terminal
        if v:
            a(b'\x18' + (b'\x01' if v else b'\x00'))
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
        v = self.spec
        if v is not None:
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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
                self.terminal = x != 0
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
            elif t == 58:
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
    id: "str"
    exec_id: "str"
    width: "int"
    height: "int"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
        width: int = 0,
        height: int = 0,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "width": width,
            "height": height,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "width": 0,
            "height": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "width": betterproto2.field(3, "uint32"),
            "height": betterproto2.field(4, "uint32"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class StateRequest(Message):
    id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class StateResponse(Message):
    id: "str"
    bundle: "str"
    pid: "int"
    status: "containerd__v1__types.Status"
    stdin: "str"
    stdout: "str"
    stderr: "str"
    terminal: "bool"
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"
    exec_id: "str"

    def __init__(
        self,
        *,
        id: str = "",
        bundle: str = "",
        pid: int = 0,
        status: containerd__v1__types.Status | int = 0,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "bundle": bundle,
            "pid": pid,
            "status": status,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "terminal": terminal,
            "exit_status": exit_status,
            "exited_at": exited_at,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "bundle": "",
            "pid": 0,
            "status": 0,
            "stdin": "",
            "stdout": "",
            "stderr": "",
            "terminal": False,
            "exit_status": 0,
            "exited_at": None,
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "bundle": betterproto2.field(2, "string"),
            "pid": betterproto2.field(3, "uint32"),
            "status": betterproto2.field(4, "enum", default_factory=lambda: containerd__v1__types.Status(0)),
            "stdin": betterproto2.field(5, "string"),
            "stdout": betterproto2.field(6, "string"),
            "stderr": betterproto2.field(7, "string"),
            "terminal": betterproto2.field(8, "bool"),
            "exit_status": betterproto2.field(9, "uint32"),
            "exited_at": betterproto2.field(10, "message"),
            "exec_id": betterproto2.field(11, "string"),
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
        v = self.bundle
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x18' + vu32(v))
        v = self.status
        if v:
            a(b' ' + vs32(v))
        v = self.stdin
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdout
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stderr
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.terminal
        if v:
            a(b'@' + (b'\x01' if v else b'\x00'))
        v = self.exit_status
        if v:
            a(b'H' + vu32(v))
        v = self.exited_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'R' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exec_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'Z' + (VI[n] if n < 16384 else vi(n)))
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
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "bundle")
                self.bundle = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.status = containerd__v1__types.Status(s32(x))
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdin")
                self.stdin = text(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdout")
                self.stdout = text(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stderr")
                self.stderr = text(b, p, q)
                p = q
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.terminal = x != 0
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.exit_status = x & 0xFFFFFFFF
            elif t == 82:
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
            elif t == 90:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,)))
        if p != n:
            raise past_end(self, "its last field")


class KillRequest(Message):
    id: "str"
    exec_id: "str"
    signal: "int"
    all: "bool"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
        signal: int = 0,
        all: bool = False,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "signal": signal,
            "all": all,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "signal": 0,
            "all": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "signal": betterproto2.field(3, "uint32"),
            "all": betterproto2.field(4, "bool"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class CloseIORequest(Message):
    id: "str"
    exec_id: "str"
    stdin: "bool"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
        stdin: bool = False,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "stdin": stdin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "stdin": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
            "stdin": betterproto2.field(3, "bool"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class PidsRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class PidsResponse(Message):
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
    id: "str"
    path: "str"
    options: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        id: str = "",
        path: str = "",
        options: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "path": path,
            "options": options,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "path": "",
            "options": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "path": betterproto2.field(2, "string"),
            "options": betterproto2.field(3, "message"),
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
        v = self.path
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "path")
                self.path = text(b, p, q)
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


class UpdateTaskRequest(Message):
    id: "str"
    resources: "google__protobuf.Any | None"
    annotations: "dict[str, str]"

    def __init__(
        self,
        *,
        id: str = "",
        resources: google__protobuf.Any | None = None,
        annotations: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "resources": resources,
            "annotations": {} if annotations is None else annotations,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "resources": None,
            "annotations": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "resources": betterproto2.field(2, "message"),
            "annotations": betterproto2.field(3, "map", map_meta=betterproto2.map_meta("string", "string")),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class StartRequest(Message):
    id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class WaitRequest(Message):
    id: "str"
    exec_id: "str"

    def __init__(
        self,
        *,
        id: str = "",
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "exec_id": betterproto2.field(2, "string"),
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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


class StatsRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StatsResponse(Message):
    stats: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        stats: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "stats": stats,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "stats": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "stats": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.stats
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
                    raise past_end(self, "stats")
                x = self.stats
                if x is None:
                    x = self.stats = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ConnectRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ConnectResponse(Message):
    shim_pid: "int"
    task_pid: "int"
    version: "str"

    def __init__(
        self,
        *,
        shim_pid: int = 0,
        task_pid: int = 0,
        version: str = "",
    ) -> None:
        self.__dict__ = {
            "shim_pid": shim_pid,
            "task_pid": task_pid,
            "version": version,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "shim_pid": 0,
            "task_pid": 0,
            "version": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "shim_pid": betterproto2.field(1, "uint32"),
            "task_pid": betterproto2.field(2, "uint32"),
            "version": betterproto2.field(3, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.shim_pid
        if v:
            a(b'\x08' + vu32(v))
        v = self.task_pid
        if v:
            a(b'\x10' + vu32(v))
        v = self.version
        if v:
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.shim_pid = x & 0xFFFFFFFF
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.task_pid = x & 0xFFFFFFFF
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "version")
                self.version = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class ShutdownRequest(Message):
    id: "str"
    now: "bool"

    def __init__(
        self,
        *,
        id: str = "",
        now: bool = False,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "now": now,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "now": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "now": betterproto2.field(2, "bool"),
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
        v = self.now
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
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
                self.now = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class PauseRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ResumeRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class TaskBase(_ServiceBase):
    __service__ = "containerd.task.v2.Task"
    __methods__ = (
        Method("State", "state", Cardinality.UNARY_UNARY, StateRequest, StateResponse),
        Method("Create", "create", Cardinality.UNARY_UNARY, CreateTaskRequest, CreateTaskResponse),
        Method("Start", "start", Cardinality.UNARY_UNARY, StartRequest, StartResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, DeleteRequest, DeleteResponse),
        Method("Pids", "pids", Cardinality.UNARY_UNARY, PidsRequest, PidsResponse),
        Method("Pause", "pause", Cardinality.UNARY_UNARY, PauseRequest, google__protobuf.Empty),
        Method("Resume", "resume", Cardinality.UNARY_UNARY, ResumeRequest, google__protobuf.Empty),
        Method("Checkpoint", "checkpoint", Cardinality.UNARY_UNARY, CheckpointTaskRequest, google__protobuf.Empty),
        Method("Kill", "kill", Cardinality.UNARY_UNARY, KillRequest, google__protobuf.Empty),
        Method("Exec", "exec", Cardinality.UNARY_UNARY, ExecProcessRequest, google__protobuf.Empty),
        Method("ResizePty", "resize_pty", Cardinality.UNARY_UNARY, ResizePtyRequest, google__protobuf.Empty),
        Method("CloseIO", "close_io", Cardinality.UNARY_UNARY, CloseIORequest, google__protobuf.Empty),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateTaskRequest, google__protobuf.Empty),
        Method("Wait", "wait", Cardinality.UNARY_UNARY, WaitRequest, WaitResponse),
        Method("Stats", "stats", Cardinality.UNARY_UNARY, StatsRequest, StatsResponse),
        Method("Connect", "connect", Cardinality.UNARY_UNARY, ConnectRequest, ConnectResponse),
        Method("Shutdown", "shutdown", Cardinality.UNARY_UNARY, ShutdownRequest, google__protobuf.Empty),
    )

    async def state(self, request: StateRequest) -> StateResponse:
        raise unimplemented("containerd.task.v2.Task", "State")

    async def create(self, request: CreateTaskRequest) -> CreateTaskResponse:
        raise unimplemented("containerd.task.v2.Task", "Create")

    async def start(self, request: StartRequest) -> StartResponse:
        raise unimplemented("containerd.task.v2.Task", "Start")

    async def delete(self, request: DeleteRequest) -> DeleteResponse:
        raise unimplemented("containerd.task.v2.Task", "Delete")

    async def pids(self, request: PidsRequest) -> PidsResponse:
        raise unimplemented("containerd.task.v2.Task", "Pids")

    async def pause(self, request: PauseRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Pause")

    async def resume(self, request: ResumeRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Resume")

    async def checkpoint(self, request: CheckpointTaskRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Checkpoint")

    async def kill(self, request: KillRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Kill")

    async def exec(self, request: ExecProcessRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Exec")

    async def resize_pty(self, request: ResizePtyRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "ResizePty")

    async def close_io(self, request: CloseIORequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "CloseIO")

    async def update(self, request: UpdateTaskRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Update")

    async def wait(self, request: WaitRequest) -> WaitResponse:
        raise unimplemented("containerd.task.v2.Task", "Wait")

    async def stats(self, request: StatsRequest) -> StatsResponse:
        raise unimplemented("containerd.task.v2.Task", "Stats")

    async def connect(self, request: ConnectRequest) -> ConnectResponse:
        raise unimplemented("containerd.task.v2.Task", "Connect")

    async def shutdown(self, request: ShutdownRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.task.v2.Task", "Shutdown")


class TaskStub(_ServiceStub):
    __service__ = "containerd.task.v2.Task"

    async def state(self, request: StateRequest, **options: Unpack[_Options]) -> StateResponse:
        return await self._unary("/containerd.task.v2.Task/State", request, StateResponse, options)

    async def create(self, request: CreateTaskRequest, **options: Unpack[_Options]) -> CreateTaskResponse:
        return await self._unary("/containerd.task.v2.Task/Create", request, CreateTaskResponse, options)

    async def start(self, request: StartRequest, **options: Unpack[_Options]) -> StartResponse:
        return await self._unary("/containerd.task.v2.Task/Start", request, StartResponse, options)

    async def delete(self, request: DeleteRequest, **options: Unpack[_Options]) -> DeleteResponse:
        return await self._unary("/containerd.task.v2.Task/Delete", request, DeleteResponse, options)

    async def pids(self, request: PidsRequest, **options: Unpack[_Options]) -> PidsResponse:
        return await self._unary("/containerd.task.v2.Task/Pids", request, PidsResponse, options)

    async def pause(self, request: PauseRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Pause", request, google__protobuf.Empty, options)

    async def resume(self, request: ResumeRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Resume", request, google__protobuf.Empty, options)

    async def checkpoint(self, request: CheckpointTaskRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Checkpoint", request, google__protobuf.Empty, options)

    async def kill(self, request: KillRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Kill", request, google__protobuf.Empty, options)

    async def exec(self, request: ExecProcessRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Exec", request, google__protobuf.Empty, options)

    async def resize_pty(self, request: ResizePtyRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/ResizePty", request, google__protobuf.Empty, options)

    async def close_io(self, request: CloseIORequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/CloseIO", request, google__protobuf.Empty, options)

    async def update(self, request: UpdateTaskRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Update", request, google__protobuf.Empty, options)

    async def wait(self, request: WaitRequest, **options: Unpack[_Options]) -> WaitResponse:
        return await self._unary("/containerd.task.v2.Task/Wait", request, WaitResponse, options)

    async def stats(self, request: StatsRequest, **options: Unpack[_Options]) -> StatsResponse:
        return await self._unary("/containerd.task.v2.Task/Stats", request, StatsResponse, options)

    async def connect(self, request: ConnectRequest, **options: Unpack[_Options]) -> ConnectResponse:
        return await self._unary("/containerd.task.v2.Task/Connect", request, ConnectResponse, options)

    async def shutdown(self, request: ShutdownRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.task.v2.Task/Shutdown", request, google__protobuf.Empty, options)
