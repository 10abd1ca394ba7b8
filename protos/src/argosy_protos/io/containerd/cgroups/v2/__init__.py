"""What a cgroup v2 hierarchy measured.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos._message import Message
from argosy_protos._wire import VI, double_at, pack_double, past_end, rv, text, unknown, vi, vu32

new = object.__new__

__all__ = (
    "CPUStat",
    "HugeTlbStat",
    "IOEntry",
    "IOStat",
    "MemoryEvents",
    "MemoryStat",
    "Metrics",
    "NetworkStat",
    "PSIData",
    "PSIStats",
    "PidsStat",
    "RdmaEntry",
    "RdmaStat",
)

class Metrics(Message):
    pids: "PidsStat | None"
    cpu: "CPUStat | None"
    memory: "MemoryStat | None"
    rdma: "RdmaStat | None"
    io: "IOStat | None"
    hugetlb: "list[HugeTlbStat]"
    memory_events: "MemoryEvents | None"
    network: "list[NetworkStat]"

    def __init__(
        self,
        *,
        pids: PidsStat | None = None,
        cpu: CPUStat | None = None,
        memory: MemoryStat | None = None,
        rdma: RdmaStat | None = None,
        io: IOStat | None = None,
        hugetlb: list[HugeTlbStat] | None = None,
        memory_events: MemoryEvents | None = None,
        network: list[NetworkStat] | None = None,
    ) -> None:
        self.__dict__ = {
            "pids": pids,
            "cpu": cpu,
            "memory": memory,
            "rdma": rdma,
            "io": io,
            "hugetlb": [] if hugetlb is None else hugetlb,
            "memory_events": memory_events,
            "network": [] if network is None else network,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "pids": None,
            "cpu": None,
            "memory": None,
            "rdma": None,
            "io": None,
            "hugetlb": [],
            "memory_events": None,
            "network": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "pids": betterproto2.field(1, "message"),
            "cpu": betterproto2.field(2, "message"),
            "memory": betterproto2.field(4, "message"),
            "rdma": betterproto2.field(5, "message"),
            "io": betterproto2.field(6, "message"),
            "hugetlb": betterproto2.field(7, "message", repeated=True),
            "memory_events": betterproto2.field(8, "message"),
            "network": betterproto2.field(9, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.pids
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.cpu
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.memory
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rdma
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.hugetlb
        for x in v:
            e = x.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.memory_events
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.network
        for x in v:
            e = x.encode()
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "pids")
                x = self.pids
                if x is None:
                    x = self.pids = PidsStat._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "cpu")
                x = self.cpu
                if x is None:
                    x = self.cpu = CPUStat._blank()
                x._merge(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "memory")
                x = self.memory
                if x is None:
                    x = self.memory = MemoryStat._blank()
                x._merge(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "rdma")
                x = self.rdma
                if x is None:
                    x = self.rdma = RdmaStat._blank()
                x._merge(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io")
                x = self.io
                if x is None:
                    x = self.io = IOStat._blank()
                x._merge(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "hugetlb")
                x = HugeTlbStat._blank()
                x._merge(b, p, q)
                self.hugetlb.append(x)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "memory_events")
                x = self.memory_events
                if x is None:
                    x = self.memory_events = MemoryEvents._blank()
                x._merge(b, p, q)
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "network")
                x = NetworkStat._blank()
                x._merge(b, p, q)
                self.network.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")


class PidsStat(Message):
    current: "int"
    limit: "int"

    def __init__(
        self,
        *,
        current: int = 0,
        limit: int = 0,
    ) -> None:
        self.__dict__ = {
            "current": current,
            "limit": limit,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "current": 0,
            "limit": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "current": betterproto2.field(1, "uint64"),
            "limit": betterproto2.field(2, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.current
        if v:
            a(b'\x08' + vi(v))
        v = self.limit
        if v:
            a(b'\x10' + vi(v))
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
                self.current = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.limit = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class CPUStat(Message):
    usage_usec: "int"
    user_usec: "int"
    system_usec: "int"
    nr_periods: "int"
    nr_throttled: "int"
    throttled_usec: "int"
    psi: "PSIStats | None"
    nr_bursts: "int"
    burst_usec: "int"

    def __init__(
        self,
        *,
        usage_usec: int = 0,
        user_usec: int = 0,
        system_usec: int = 0,
        nr_periods: int = 0,
        nr_throttled: int = 0,
        throttled_usec: int = 0,
        psi: PSIStats | None = None,
        nr_bursts: int = 0,
        burst_usec: int = 0,
    ) -> None:
        self.__dict__ = {
            "usage_usec": usage_usec,
            "user_usec": user_usec,
            "system_usec": system_usec,
            "nr_periods": nr_periods,
            "nr_throttled": nr_throttled,
            "throttled_usec": throttled_usec,
            "psi": psi,
            "nr_bursts": nr_bursts,
            "burst_usec": burst_usec,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "usage_usec": 0,
            "user_usec": 0,
            "system_usec": 0,
            "nr_periods": 0,
            "nr_throttled": 0,
            "throttled_usec": 0,
            "psi": None,
            "nr_bursts": 0,
            "burst_usec": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "usage_usec": betterproto2.field(1, "uint64"),
            "user_usec": betterproto2.field(2, "uint64"),
            "system_usec": betterproto2.field(3, "uint64"),
            "nr_periods": betterproto2.field(4, "uint64"),
            "nr_throttled": betterproto2.field(5, "uint64"),
            "throttled_usec": betterproto2.field(6, "uint64"),
            "psi": betterproto2.field(7, "message"),
            "nr_bursts": betterproto2.field(8, "uint64"),
            "burst_usec": betterproto2.field(9, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.usage_usec
        if v:
            a(b'\x08' + vi(v))
        v = self.user_usec
        if v:
            a(b'\x10' + vi(v))
        v = self.system_usec
        if v:
            a(b'\x18' + vi(v))
        v = self.nr_periods
        if v:
            a(b' ' + vi(v))
        v = self.nr_throttled
        if v:
            a(b'(' + vi(v))
        v = self.throttled_usec
        if v:
            a(b'0' + vi(v))
        v = self.psi
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.nr_bursts
        if v:
            a(b'@' + vi(v))
        v = self.burst_usec
        if v:
            a(b'H' + vi(v))
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
                self.usage_usec = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.user_usec = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.system_usec = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_periods = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_throttled = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.throttled_usec = x
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "psi")
                x = self.psi
                if x is None:
                    x = self.psi = PSIStats._blank()
                x._merge(b, p, q)
                p = q
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_bursts = x
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.burst_usec = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")


class MemoryStat(Message):
    anon: "int"
    file: "int"
    kernel_stack: "int"
    slab: "int"
    sock: "int"
    shmem: "int"
    file_mapped: "int"
    file_dirty: "int"
    file_writeback: "int"
    anon_thp: "int"
    inactive_anon: "int"
    active_anon: "int"
    inactive_file: "int"
    active_file: "int"
    unevictable: "int"
    slab_reclaimable: "int"
    slab_unreclaimable: "int"
    pgfault: "int"
    pgmajfault: "int"
    workingset_refault: "int"
    workingset_activate: "int"
    workingset_nodereclaim: "int"
    pgrefill: "int"
    pgscan: "int"
    pgsteal: "int"
    pgactivate: "int"
    pgdeactivate: "int"
    pglazyfree: "int"
    pglazyfreed: "int"
    thp_fault_alloc: "int"
    thp_collapse_alloc: "int"
    usage: "int"
    usage_limit: "int"
    swap_usage: "int"
    swap_limit: "int"
    max_usage: "int"
    swap_max_usage: "int"
    psi: "PSIStats | None"

    def __init__(
        self,
        *,
        anon: int = 0,
        file: int = 0,
        kernel_stack: int = 0,
        slab: int = 0,
        sock: int = 0,
        shmem: int = 0,
        file_mapped: int = 0,
        file_dirty: int = 0,
        file_writeback: int = 0,
        anon_thp: int = 0,
        inactive_anon: int = 0,
        active_anon: int = 0,
        inactive_file: int = 0,
        active_file: int = 0,
        unevictable: int = 0,
        slab_reclaimable: int = 0,
        slab_unreclaimable: int = 0,
        pgfault: int = 0,
        pgmajfault: int = 0,
        workingset_refault: int = 0,
        workingset_activate: int = 0,
        workingset_nodereclaim: int = 0,
        pgrefill: int = 0,
        pgscan: int = 0,
        pgsteal: int = 0,
        pgactivate: int = 0,
        pgdeactivate: int = 0,
        pglazyfree: int = 0,
        pglazyfreed: int = 0,
        thp_fault_alloc: int = 0,
        thp_collapse_alloc: int = 0,
        usage: int = 0,
        usage_limit: int = 0,
        swap_usage: int = 0,
        swap_limit: int = 0,
        max_usage: int = 0,
        swap_max_usage: int = 0,
        psi: PSIStats | None = None,
    ) -> None:
        self.__dict__ = {
            "anon": anon,
            "file": file,
            "kernel_stack": kernel_stack,
            "slab": slab,
            "sock": sock,
            "shmem": shmem,
            "file_mapped": file_mapped,
            "file_dirty": file_dirty,
            "file_writeback": file_writeback,
            "anon_thp": anon_thp,
            "inactive_anon": inactive_anon,
            "active_anon": active_anon,
            "inactive_file": inactive_file,
            "active_file": active_file,
            "unevictable": unevictable,
            "slab_reclaimable": slab_reclaimable,
            "slab_unreclaimable": slab_unreclaimable,
            "pgfault": pgfault,
            "pgmajfault": pgmajfault,
            "workingset_refault": workingset_refault,
            "workingset_activate": workingset_activate,
            "workingset_nodereclaim": workingset_nodereclaim,
            "pgrefill": pgrefill,
            "pgscan": pgscan,
            "pgsteal": pgsteal,
            "pgactivate": pgactivate,
            "pgdeactivate": pgdeactivate,
            "pglazyfree": pglazyfree,
            "pglazyfreed": pglazyfreed,
            "thp_fault_alloc": thp_fault_alloc,
            "thp_collapse_alloc": thp_collapse_alloc,
            "usage": usage,
            "usage_limit": usage_limit,
            "swap_usage": swap_usage,
            "swap_limit": swap_limit,
            "max_usage": max_usage,
            "swap_max_usage": swap_max_usage,
            "psi": psi,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "anon": 0,
            "file": 0,
            "kernel_stack": 0,
            "slab": 0,
            "sock": 0,
            "shmem": 0,
            "file_mapped": 0,
            "file_dirty": 0,
            "file_writeback": 0,
            "anon_thp": 0,
            "inactive_anon": 0,
            "active_anon": 0,
            "inactive_file": 0,
            "active_file": 0,
            "unevictable": 0,
            "slab_reclaimable": 0,
            "slab_unreclaimable": 0,
            "pgfault": 0,
            "pgmajfault": 0,
            "workingset_refault": 0,
            "workingset_activate": 0,
            "workingset_nodereclaim": 0,
            "pgrefill": 0,
            "pgscan": 0,
            "pgsteal": 0,
            "pgactivate": 0,
            "pgdeactivate": 0,
            "pglazyfree": 0,
            "pglazyfreed": 0,
            "thp_fault_alloc": 0,
            "thp_collapse_alloc": 0,
            "usage": 0,
            "usage_limit": 0,
            "swap_usage": 0,
            "swap_limit": 0,
            "max_usage": 0,
            "swap_max_usage": 0,
            "psi": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "anon": betterproto2.field(1, "uint64"),
            "file": betterproto2.field(2, "uint64"),
            "kernel_stack": betterproto2.field(3, "uint64"),
            "slab": betterproto2.field(4, "uint64"),
            "sock": betterproto2.field(5, "uint64"),
            "shmem": betterproto2.field(6, "uint64"),
            "file_mapped": betterproto2.field(7, "uint64"),
            "file_dirty": betterproto2.field(8, "uint64"),
            "file_writeback": betterproto2.field(9, "uint64"),
            "anon_thp": betterproto2.field(10, "uint64"),
            "inactive_anon": betterproto2.field(11, "uint64"),
            "active_anon": betterproto2.field(12, "uint64"),
            "inactive_file": betterproto2.field(13, "uint64"),
            "active_file": betterproto2.field(14, "uint64"),
            "unevictable": betterproto2.field(15, "uint64"),
            "slab_reclaimable": betterproto2.field(16, "uint64"),
            "slab_unreclaimable": betterproto2.field(17, "uint64"),
            "pgfault": betterproto2.field(18, "uint64"),
            "pgmajfault": betterproto2.field(19, "uint64"),
            "workingset_refault": betterproto2.field(20, "uint64"),
            "workingset_activate": betterproto2.field(21, "uint64"),
            "workingset_nodereclaim": betterproto2.field(22, "uint64"),
            "pgrefill": betterproto2.field(23, "uint64"),
            "pgscan": betterproto2.field(24, "uint64"),
            "pgsteal": betterproto2.field(25, "uint64"),
            "pgactivate": betterproto2.field(26, "uint64"),
            "pgdeactivate": betterproto2.field(27, "uint64"),
            "pglazyfree": betterproto2.field(28, "uint64"),
            "pglazyfreed": betterproto2.field(29, "uint64"),
            "thp_fault_alloc": betterproto2.field(30, "uint64"),
            "thp_collapse_alloc": betterproto2.field(31, "uint64"),
            "usage": betterproto2.field(32, "uint64"),
            "usage_limit": betterproto2.field(33, "uint64"),
            "swap_usage": betterproto2.field(34, "uint64"),
            "swap_limit": betterproto2.field(35, "uint64"),
            "max_usage": betterproto2.field(36, "uint64"),
            "swap_max_usage": betterproto2.field(37, "uint64"),
            "psi": betterproto2.field(38, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.anon
        if v:
            a(b'\x08' + vi(v))
        v = self.file
        if v:
            a(b'\x10' + vi(v))
        v = self.kernel_stack
        if v:
            a(b'\x18' + vi(v))
        v = self.slab
        if v:
            a(b' ' + vi(v))
        v = self.sock
        if v:
            a(b'(' + vi(v))
        v = self.shmem
        if v:
            a(b'0' + vi(v))
        v = self.file_mapped
        if v:
            a(b'8' + vi(v))
        v = self.file_dirty
        if v:
            a(b'@' + vi(v))
        v = self.file_writeback
        if v:
            a(b'H' + vi(v))
        v = self.anon_thp
        if v:
            a(b'P' + vi(v))
        v = self.inactive_anon
        if v:
            a(b'X' + vi(v))
        v = self.active_anon
        if v:
            a(b'`' + vi(v))
        v = self.inactive_file
        if v:
            a(b'h' + vi(v))
        v = self.active_file
        if v:
            a(b'p' + vi(v))
        v = self.unevictable
        if v:
            a(b'x' + vi(v))
        v = self.slab_reclaimable
        if v:
            a(b'\x80\x01' + vi(v))
        v = self.slab_unreclaimable
        if v:
            a(b'\x88\x01' + vi(v))
        v = self.pgfault
        if v:
            a(b'\x90\x01' + vi(v))
        v = self.pgmajfault
        if v:
            a(b'\x98\x01' + vi(v))
        v = self.workingset_refault
        if v:
            a(b'\xa0\x01' + vi(v))
        v = self.workingset_activate
        if v:
            a(b'\xa8\x01' + vi(v))
        v = self.workingset_nodereclaim
        if v:
            a(b'\xb0\x01' + vi(v))
        v = self.pgrefill
        if v:
            a(b'\xb8\x01' + vi(v))
        v = self.pgscan
        if v:
            a(b'\xc0\x01' + vi(v))
        v = self.pgsteal
        if v:
            a(b'\xc8\x01' + vi(v))
        v = self.pgactivate
        if v:
            a(b'\xd0\x01' + vi(v))
        v = self.pgdeactivate
        if v:
            a(b'\xd8\x01' + vi(v))
        v = self.pglazyfree
        if v:
            a(b'\xe0\x01' + vi(v))
        v = self.pglazyfreed
        if v:
            a(b'\xe8\x01' + vi(v))
        v = self.thp_fault_alloc
        if v:
            a(b'\xf0\x01' + vi(v))
        v = self.thp_collapse_alloc
        if v:
            a(b'\xf8\x01' + vi(v))
        v = self.usage
        if v:
            a(b'\x80\x02' + vi(v))
        v = self.usage_limit
        if v:
            a(b'\x88\x02' + vi(v))
        v = self.swap_usage
        if v:
            a(b'\x90\x02' + vi(v))
        v = self.swap_limit
        if v:
            a(b'\x98\x02' + vi(v))
        v = self.max_usage
        if v:
            a(b'\xa0\x02' + vi(v))
        v = self.swap_max_usage
        if v:
            a(b'\xa8\x02' + vi(v))
        v = self.psi
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\xb2\x02' + (VI[n] if n < 16384 else vi(n)))
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
                self.anon = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.file = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.kernel_stack = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.slab = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.sock = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.shmem = x
            elif t == 56:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.file_mapped = x
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.file_dirty = x
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.file_writeback = x
            elif t == 80:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.anon_thp = x
            elif t == 88:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.inactive_anon = x
            elif t == 96:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.active_anon = x
            elif t == 104:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.inactive_file = x
            elif t == 112:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.active_file = x
            elif t == 120:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.unevictable = x
            elif t == 128:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.slab_reclaimable = x
            elif t == 136:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.slab_unreclaimable = x
            elif t == 144:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgfault = x
            elif t == 152:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgmajfault = x
            elif t == 160:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.workingset_refault = x
            elif t == 168:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.workingset_activate = x
            elif t == 176:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.workingset_nodereclaim = x
            elif t == 184:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgrefill = x
            elif t == 192:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgscan = x
            elif t == 200:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgsteal = x
            elif t == 208:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgactivate = x
            elif t == 216:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pgdeactivate = x
            elif t == 224:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pglazyfree = x
            elif t == 232:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pglazyfreed = x
            elif t == 240:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.thp_fault_alloc = x
            elif t == 248:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.thp_collapse_alloc = x
            elif t == 256:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.usage = x
            elif t == 264:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.usage_limit = x
            elif t == 272:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.swap_usage = x
            elif t == 280:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.swap_limit = x
            elif t == 288:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.max_usage = x
            elif t == 296:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.swap_max_usage = x
            elif t == 306:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "psi")
                x = self.psi
                if x is None:
                    x = self.psi = PSIStats._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,)))
        if p != n:
            raise past_end(self, "its last field")


class MemoryEvents(Message):
    low: "int"
    high: "int"
    max: "int"
    oom: "int"
    oom_kill: "int"
    oom_group_kill: "int"

    def __init__(
        self,
        *,
        low: int = 0,
        high: int = 0,
        max: int = 0,
        oom: int = 0,
        oom_kill: int = 0,
        oom_group_kill: int = 0,
    ) -> None:
        self.__dict__ = {
            "low": low,
            "high": high,
            "max": max,
            "oom": oom,
            "oom_kill": oom_kill,
            "oom_group_kill": oom_group_kill,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "low": 0,
            "high": 0,
            "max": 0,
            "oom": 0,
            "oom_kill": 0,
            "oom_group_kill": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "low": betterproto2.field(1, "uint64"),
            "high": betterproto2.field(2, "uint64"),
            "max": betterproto2.field(3, "uint64"),
            "oom": betterproto2.field(4, "uint64"),
            "oom_kill": betterproto2.field(5, "uint64"),
            "oom_group_kill": betterproto2.field(6, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.low
        if v:
            a(b'\x08' + vi(v))
        v = self.high
        if v:
            a(b'\x10' + vi(v))
        v = self.max
        if v:
            a(b'\x18' + vi(v))
        v = self.oom
        if v:
            a(b' ' + vi(v))
        v = self.oom_kill
        if v:
            a(b'(' + vi(v))
        v = self.oom_group_kill
        if v:
            a(b'0' + vi(v))
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
                self.low = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.high = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.max = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.oom = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.oom_kill = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.oom_group_kill = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class RdmaStat(Message):
    current: "list[RdmaEntry]"
    limit: "list[RdmaEntry]"

    def __init__(
        self,
        *,
        current: list[RdmaEntry] | None = None,
        limit: list[RdmaEntry] | None = None,
    ) -> None:
        self.__dict__ = {
            "current": [] if current is None else current,
            "limit": [] if limit is None else limit,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "current": [],
            "limit": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "current": betterproto2.field(1, "message", repeated=True),
            "limit": betterproto2.field(2, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.current
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.limit
        for x in v:
            e = x.encode()
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
                    raise past_end(self, "current")
                x = RdmaEntry._blank()
                x._merge(b, p, q)
                self.current.append(x)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "limit")
                x = RdmaEntry._blank()
                x._merge(b, p, q)
                self.limit.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class RdmaEntry(Message):
    device: "str"
    hca_handles: "int"
    hca_objects: "int"

    def __init__(
        self,
        *,
        device: str = "",
        hca_handles: int = 0,
        hca_objects: int = 0,
    ) -> None:
        self.__dict__ = {
            "device": device,
            "hca_handles": hca_handles,
            "hca_objects": hca_objects,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "device": "",
            "hca_handles": 0,
            "hca_objects": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "device": betterproto2.field(1, "string"),
            "hca_handles": betterproto2.field(2, "uint32"),
            "hca_objects": betterproto2.field(3, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.device
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.hca_handles
        if v:
            a(b'\x10' + vu32(v))
        v = self.hca_objects
        if v:
            a(b'\x18' + vu32(v))
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
                    raise past_end(self, "device")
                self.device = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.hca_handles = x & 0xFFFFFFFF
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.hca_objects = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class IOStat(Message):
    usage: "list[IOEntry]"
    psi: "PSIStats | None"

    def __init__(
        self,
        *,
        usage: list[IOEntry] | None = None,
        psi: PSIStats | None = None,
    ) -> None:
        self.__dict__ = {
            "usage": [] if usage is None else usage,
            "psi": psi,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "usage": [],
            "psi": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "usage": betterproto2.field(1, "message", repeated=True),
            "psi": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.usage
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.psi
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "usage")
                x = IOEntry._blank()
                x._merge(b, p, q)
                self.usage.append(x)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "psi")
                x = self.psi
                if x is None:
                    x = self.psi = PSIStats._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class IOEntry(Message):
    major: "int"
    minor: "int"
    rbytes: "int"
    wbytes: "int"
    rios: "int"
    wios: "int"

    def __init__(
        self,
        *,
        major: int = 0,
        minor: int = 0,
        rbytes: int = 0,
        wbytes: int = 0,
        rios: int = 0,
        wios: int = 0,
    ) -> None:
        self.__dict__ = {
            "major": major,
            "minor": minor,
            "rbytes": rbytes,
            "wbytes": wbytes,
            "rios": rios,
            "wios": wios,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "major": 0,
            "minor": 0,
            "rbytes": 0,
            "wbytes": 0,
            "rios": 0,
            "wios": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "major": betterproto2.field(1, "uint64"),
            "minor": betterproto2.field(2, "uint64"),
            "rbytes": betterproto2.field(3, "uint64"),
            "wbytes": betterproto2.field(4, "uint64"),
            "rios": betterproto2.field(5, "uint64"),
            "wios": betterproto2.field(6, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.major
        if v:
            a(b'\x08' + vi(v))
        v = self.minor
        if v:
            a(b'\x10' + vi(v))
        v = self.rbytes
        if v:
            a(b'\x18' + vi(v))
        v = self.wbytes
        if v:
            a(b' ' + vi(v))
        v = self.rios
        if v:
            a(b'(' + vi(v))
        v = self.wios
        if v:
            a(b'0' + vi(v))
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
                self.major = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.minor = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rbytes = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.wbytes = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rios = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.wios = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class HugeTlbStat(Message):
    current: "int"
    max: "int"
    pagesize: "str"
    failcnt: "int"

    def __init__(
        self,
        *,
        current: int = 0,
        max: int = 0,
        pagesize: str = "",
        failcnt: int = 0,
    ) -> None:
        self.__dict__ = {
            "current": current,
            "max": max,
            "pagesize": pagesize,
            "failcnt": failcnt,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "current": 0,
            "max": 0,
            "pagesize": "",
            "failcnt": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "current": betterproto2.field(1, "uint64"),
            "max": betterproto2.field(2, "uint64"),
            "pagesize": betterproto2.field(3, "string"),
            "failcnt": betterproto2.field(4, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.current
        if v:
            a(b'\x08' + vi(v))
        v = self.max
        if v:
            a(b'\x10' + vi(v))
        v = self.pagesize
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.failcnt
        if v:
            a(b' ' + vi(v))
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
                self.current = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.max = x
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "pagesize")
                self.pagesize = text(b, p, q)
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.failcnt = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class PSIStats(Message):
    some: "PSIData | None"
    full: "PSIData | None"

    def __init__(
        self,
        *,
        some: PSIData | None = None,
        full: PSIData | None = None,
    ) -> None:
        self.__dict__ = {
            "some": some,
            "full": full,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "some": None,
            "full": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "some": betterproto2.field(1, "message"),
            "full": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.some
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.full
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "some")
                x = self.some
                if x is None:
                    x = self.some = PSIData._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "full")
                x = self.full
                if x is None:
                    x = self.full = PSIData._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class PSIData(Message):
    avg10: "float"
    avg60: "float"
    avg300: "float"
    total: "int"

    def __init__(
        self,
        *,
        avg10: float = 0.0,
        avg60: float = 0.0,
        avg300: float = 0.0,
        total: int = 0,
    ) -> None:
        self.__dict__ = {
            "avg10": avg10,
            "avg60": avg60,
            "avg300": avg300,
            "total": total,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "avg10": 0.0,
            "avg60": 0.0,
            "avg300": 0.0,
            "total": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "avg10": betterproto2.field(1, "double"),
            "avg60": betterproto2.field(2, "double"),
            "avg300": betterproto2.field(3, "double"),
            "total": betterproto2.field(4, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.avg10
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\t' + pack_double(v))
        v = self.avg60
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\x11' + pack_double(v))
        v = self.avg300
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\x19' + pack_double(v))
        v = self.total
        if v:
            a(b' ' + vi(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 9:
                self.avg10 = double_at(b, p, n)
                p += 8
            elif t == 17:
                self.avg60 = double_at(b, p, n)
                p += 8
            elif t == 25:
                self.avg300 = double_at(b, p, n)
                p += 8
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class NetworkStat(Message):
    name: "str"
    rx_bytes: "int"
    rx_packets: "int"
    rx_errors: "int"
    rx_dropped: "int"
    tx_bytes: "int"
    tx_packets: "int"
    tx_errors: "int"
    tx_dropped: "int"

    def __init__(
        self,
        *,
        name: str = "",
        rx_bytes: int = 0,
        rx_packets: int = 0,
        rx_errors: int = 0,
        rx_dropped: int = 0,
        tx_bytes: int = 0,
        tx_packets: int = 0,
        tx_errors: int = 0,
        tx_dropped: int = 0,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "rx_bytes": rx_bytes,
            "rx_packets": rx_packets,
            "rx_errors": rx_errors,
            "rx_dropped": rx_dropped,
            "tx_bytes": tx_bytes,
            "tx_packets": tx_packets,
            "tx_errors": tx_errors,
            "tx_dropped": tx_dropped,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "rx_bytes": 0,
            "rx_packets": 0,
            "rx_errors": 0,
            "rx_dropped": 0,
            "tx_bytes": 0,
            "tx_packets": 0,
            "tx_errors": 0,
            "tx_dropped": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "rx_bytes": betterproto2.field(2, "uint64"),
            "rx_packets": betterproto2.field(3, "uint64"),
            "rx_errors": betterproto2.field(4, "uint64"),
            "rx_dropped": betterproto2.field(5, "uint64"),
            "tx_bytes": betterproto2.field(6, "uint64"),
            "tx_packets": betterproto2.field(7, "uint64"),
            "tx_errors": betterproto2.field(8, "uint64"),
            "tx_dropped": betterproto2.field(9, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rx_bytes
        if v:
            a(b'\x10' + vi(v))
        v = self.rx_packets
        if v:
            a(b'\x18' + vi(v))
        v = self.rx_errors
        if v:
            a(b' ' + vi(v))
        v = self.rx_dropped
        if v:
            a(b'(' + vi(v))
        v = self.tx_bytes
        if v:
            a(b'0' + vi(v))
        v = self.tx_packets
        if v:
            a(b'8' + vi(v))
        v = self.tx_errors
        if v:
            a(b'@' + vi(v))
        v = self.tx_dropped
        if v:
            a(b'H' + vi(v))
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rx_bytes = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rx_packets = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rx_errors = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rx_dropped = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.tx_bytes = x
            elif t == 56:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.tx_packets = x
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.tx_errors = x
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.tx_dropped = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")
