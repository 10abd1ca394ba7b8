"""Options of the runc shim.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi, vu32

new = object.__new__

__all__ = (
    "CheckpointOptions",
    "Options",
    "ProcessDetails",
)

class Options(Message):
    no_pivot_root: "bool"
    no_new_keyring: "bool"
    shim_cgroup: "str"
    io_uid: "int"
    io_gid: "int"
    binary_name: "str"
    root: "str"
    criu_path: "str"
    systemd_cgroup: "bool"
    criu_image_path: "str"
    criu_work_path: "str"
    task_api_address: "str"
    task_api_version: "int"

    def __init__(
        self,
        *,
        no_pivot_root: bool = False,
        no_new_keyring: bool = False,
        shim_cgroup: str = "",
        io_uid: int = 0,
        io_gid: int = 0,
        binary_name: str = "",
        root: str = "",
        criu_path: str = "",
        systemd_cgroup: bool = False,
        criu_image_path: str = "",
        criu_work_path: str = "",
        task_api_address: str = "",
        task_api_version: int = 0,
    ) -> None:
        self.__dict__ = {
            "no_pivot_root": no_pivot_root,
            "no_new_keyring": no_new_keyring,
            "shim_cgroup": shim_cgroup,
            "io_uid": io_uid,
            "io_gid": io_gid,
            "binary_name": binary_name,
            "root": root,
            "criu_path": criu_path,
            "systemd_cgroup": systemd_cgroup,
            "criu_image_path": criu_image_path,
            "criu_work_path": criu_work_path,
            "task_api_address": task_api_address,
            "task_api_version": task_api_version,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "no_pivot_root": False,
            "no_new_keyring": False,
            "shim_cgroup": "",
            "io_uid": 0,
            "io_gid": 0,
            "binary_name": "",
            "root": "",
            "criu_path": "",
            "systemd_cgroup": False,
            "criu_image_path": "",
            "criu_work_path": "",
            "task_api_address": "",
            "task_api_version": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "no_pivot_root": betterproto2.field(1, "bool"),
            "no_new_keyring": betterproto2.field(2, "bool"),
            "shim_cgroup": betterproto2.field(3, "string"),
            "io_uid": betterproto2.field(4, "uint32"),
            "io_gid": betterproto2.field(5, "uint32"),
            "binary_name": betterproto2.field(6, "string"),
            "root": betterproto2.field(7, "string"),
            "criu_path": betterproto2.field(8, "string"),
            "systemd_cgroup": betterproto2.field(9, "bool"),
            "criu_image_path": betterproto2.field(10, "string"),
            "criu_work_path": betterproto2.field(11, "string"),
            "task_api_address": betterproto2.field(12, "string"),
            "task_api_version": betterproto2.field(13, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.no_pivot_root
        if v:
            a(b'\x08' + (b'\x01' if v else b'\x00'))
        v = self.no_new_keyring
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
        v = self.shim_cgroup
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_uid
        if v:
            a(b' ' + vu32(v))
        v = self.io_gid
        if v:
            a(b'(' + vu32(v))
        v = self.binary_name
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.root
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.criu_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.systemd_cgroup
        if v:
            a(b'H' + (b'\x01' if v else b'\x00'))
        v = self.criu_image_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'R' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.criu_work_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'Z' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.task_api_address
        if v:
            e = v.encode()
            n = len(e)
            a(b'b' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.task_api_version
        if v:
            a(b'h' + vu32(v))
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
                self.no_pivot_root = x != 0
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.no_new_keyring = x != 0
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "shim_cgroup")
                self.shim_cgroup = text(b, p, q)
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.io_uid = x & 0xFFFFFFFF
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.io_gid = x & 0xFFFFFFFF
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "binary_name")
                self.binary_name = text(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "root")
                self.root = text(b, p, q)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "criu_path")
                self.criu_path = text(b, p, q)
                p = q
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.systemd_cgroup = x != 0
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "criu_image_path")
                self.criu_image_path = text(b, p, q)
                p = q
            elif t == 90:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "criu_work_path")
                self.criu_work_path = text(b, p, q)
                p = q
            elif t == 98:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "task_api_address")
                self.task_api_address = text(b, p, q)
                p = q
            elif t == 104:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.task_api_version = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,)))
        if p != n:
            raise past_end(self, "its last field")


class CheckpointOptions(Message):
    exit: "bool"
    open_tcp: "bool"
    external_unix_sockets: "bool"
    terminal: "bool"
    file_locks: "bool"
    empty_namespaces: "list[str]"
    cgroups_mode: "str"
    image_path: "str"
    work_path: "str"

    def __init__(
        self,
        *,
        exit: bool = False,
        open_tcp: bool = False,
        external_unix_sockets: bool = False,
        terminal: bool = False,
        file_locks: bool = False,
        empty_namespaces: list[str] | None = None,
        cgroups_mode: str = "",
        image_path: str = "",
        work_path: str = "",
    ) -> None:
        self.__dict__ = {
            "exit": exit,
            "open_tcp": open_tcp,
            "external_unix_sockets": external_unix_sockets,
            "terminal": terminal,
            "file_locks": file_locks,
            "empty_namespaces": [] if empty_namespaces is None else empty_namespaces,
            "cgroups_mode": cgroups_mode,
            "image_path": image_path,
            "work_path": work_path,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "exit": False,
            "open_tcp": False,
            "external_unix_sockets": False,
            "terminal": False,
            "file_locks": False,
            "empty_namespaces": [],
            "cgroups_mode": "",
            "image_path": "",
            "work_path": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "exit": betterproto2.field(1, "bool"),
            "open_tcp": betterproto2.field(2, "bool"),
            "external_unix_sockets": betterproto2.field(3, "bool"),
            "terminal": betterproto2.field(4, "bool"),
            "file_locks": betterproto2.field(5, "bool"),
            "empty_namespaces": betterproto2.field(6, "string", repeated=True),
            "cgroups_mode": betterproto2.field(7, "string"),
            "image_path": betterproto2.field(8, "string"),
            "work_path": betterproto2.field(9, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.exit
        if v:
            a(b'\x08' + (b'\x01' if v else b'\x00'))
        v = self.open_tcp
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
        v = self.external_unix_sockets
        if v:
            a(b'\x18' + (b'\x01' if v else b'\x00'))
        v = self.terminal
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        v = self.file_locks
        if v:
            a(b'(' + (b'\x01' if v else b'\x00'))
        v = self.empty_namespaces
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.cgroups_mode
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.image_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.work_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
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
                self.exit = x != 0
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.open_tcp = x != 0
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.external_unix_sockets = x != 0
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.terminal = x != 0
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.file_locks = x != 0
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "empty_namespaces")
                self.empty_namespaces.append(text(b, p, q))
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "cgroups_mode")
                self.cgroups_mode = text(b, p, q)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "image_path")
                self.image_path = text(b, p, q)
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "work_path")
                self.work_path = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")


class ProcessDetails(Message):
    exec_id: "str"

    def __init__(
        self,
        *,
        exec_id: str = "",
    ) -> None:
        self.__dict__ = {
            "exec_id": exec_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "exec_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "exec_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.exec_id
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
                    raise past_end(self, "exec_id")
                self.exec_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")
