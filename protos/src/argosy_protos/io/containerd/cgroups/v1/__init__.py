"""What a cgroup v1 hierarchy measured.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi, vu32

new = object.__new__

__all__ = (
    "BlkIOEntry",
    "BlkIOStat",
    "CPUStat",
    "CPUUsage",
    "CgroupStats",
    "HugetlbStat",
    "MemoryEntry",
    "MemoryOomControl",
    "MemoryStat",
    "Metrics",
    "NetworkStat",
    "PidsStat",
    "RdmaEntry",
    "RdmaStat",
    "Throttle",
)

class Metrics(Message):
    hugetlb: "list[HugetlbStat]"
    pids: "PidsStat | None"
    cpu: "CPUStat | None"
    memory: "MemoryStat | None"
    blkio: "BlkIOStat | None"
    rdma: "RdmaStat | None"
    network: "list[NetworkStat]"
    cgroup_stats: "CgroupStats | None"
    memory_oom_control: "MemoryOomControl | None"

    def __init__(
        self,
        *,
        hugetlb: list[HugetlbStat] | None = None,
        pids: PidsStat | None = None,
        cpu: CPUStat | None = None,
        memory: MemoryStat | None = None,
        blkio: BlkIOStat | None = None,
        rdma: RdmaStat | None = None,
        network: list[NetworkStat] | None = None,
        cgroup_stats: CgroupStats | None = None,
        memory_oom_control: MemoryOomControl | None = None,
    ) -> None:
        self.__dict__ = {
            "hugetlb": [] if hugetlb is None else hugetlb,
            "pids": pids,
            "cpu": cpu,
            "memory": memory,
            "blkio": blkio,
            "rdma": rdma,
            "network": [] if network is None else network,
            "cgroup_stats": cgroup_stats,
            "memory_oom_control": memory_oom_control,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "hugetlb": [],
            "pids": None,
            "cpu": None,
            "memory": None,
            "blkio": None,
            "rdma": None,
            "network": [],
            "cgroup_stats": None,
            "memory_oom_control": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "hugetlb": betterproto2.field(1, "message", repeated=True),
            "pids": betterproto2.field(2, "message"),
            "cpu": betterproto2.field(3, "message"),
            "memory": betterproto2.field(4, "message"),
            "blkio": betterproto2.field(5, "message"),
            "rdma": betterproto2.field(6, "message"),
            "network": betterproto2.field(7, "message", repeated=True),
            "cgroup_stats": betterproto2.field(8, "message"),
            "memory_oom_control": betterproto2.field(9, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.hugetlb
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pids
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.cpu
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.memory
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.blkio
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rdma
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.network
        for x in v:
            e = x.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.cgroup_stats
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.memory_oom_control
        if v is not None:
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "hugetlb")
                x = HugetlbStat._blank()
                x._merge(b, p, q)
                self.hugetlb.append(x)
                p = q
            elif t == 18:
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
            elif t == 26:
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
                    raise past_end(self, "blkio")
                x = self.blkio
                if x is None:
                    x = self.blkio = BlkIOStat._blank()
                x._merge(b, p, q)
                p = q
            elif t == 50:
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
            elif t == 58:
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
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "cgroup_stats")
                x = self.cgroup_stats
                if x is None:
                    x = self.cgroup_stats = CgroupStats._blank()
                x._merge(b, p, q)
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "memory_oom_control")
                x = self.memory_oom_control
                if x is None:
                    x = self.memory_oom_control = MemoryOomControl._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")


class HugetlbStat(Message):
    usage: "int"
    max: "int"
    failcnt: "int"
    pagesize: "str"

    def __init__(
        self,
        *,
        usage: int = 0,
        max: int = 0,
        failcnt: int = 0,
        pagesize: str = "",
    ) -> None:
        self.__dict__ = {
            "usage": usage,
            "max": max,
            "failcnt": failcnt,
            "pagesize": pagesize,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "usage": 0,
            "max": 0,
            "failcnt": 0,
            "pagesize": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "usage": betterproto2.field(1, "uint64"),
            "max": betterproto2.field(2, "uint64"),
            "failcnt": betterproto2.field(3, "uint64"),
            "pagesize": betterproto2.field(4, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.usage
        if v:
            a(b'\x08' + vi(v))
        v = self.max
        if v:
            a(b'\x10' + vi(v))
        v = self.failcnt
        if v:
            a(b'\x18' + vi(v))
        v = self.pagesize
        if v:
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.usage = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.max = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.failcnt = x
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "pagesize")
                self.pagesize = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
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
    usage: "CPUUsage | None"
    throttling: "Throttle | None"

    def __init__(
        self,
        *,
        usage: CPUUsage | None = None,
        throttling: Throttle | None = None,
    ) -> None:
        self.__dict__ = {
            "usage": usage,
            "throttling": throttling,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "usage": None,
            "throttling": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "usage": betterproto2.field(1, "message"),
            "throttling": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.usage
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.throttling
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
                x = self.usage
                if x is None:
                    x = self.usage = CPUUsage._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "throttling")
                x = self.throttling
                if x is None:
                    x = self.throttling = Throttle._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class CPUUsage(Message):
    total: "int"
    kernel: "int"
    user: "int"
    per_cpu: "list[int]"

    def __init__(
        self,
        *,
        total: int = 0,
        kernel: int = 0,
        user: int = 0,
        per_cpu: list[int] | None = None,
    ) -> None:
        self.__dict__ = {
            "total": total,
            "kernel": kernel,
            "user": user,
            "per_cpu": [] if per_cpu is None else per_cpu,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "total": 0,
            "kernel": 0,
            "user": 0,
            "per_cpu": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "total": betterproto2.field(1, "uint64"),
            "kernel": betterproto2.field(2, "uint64"),
            "user": betterproto2.field(3, "uint64"),
            "per_cpu": betterproto2.field(4, "uint64", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.total
        if v:
            a(b'\x08' + vi(v))
        v = self.kernel
        if v:
            a(b'\x10' + vi(v))
        v = self.user
        if v:
            a(b'\x18' + vi(v))
        v = self.per_cpu
        if v:
            e = b"".join([vi(x) for x in v])
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.kernel = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.user = x
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "per_cpu")
                while p < q:
                    x, p = rv(b, p)
                    self.per_cpu.append(x)
                if p != q:
                    raise past_end(self, "per_cpu")
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.per_cpu.append(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class Throttle(Message):
    periods: "int"
    throttled_periods: "int"
    throttled_time: "int"

    def __init__(
        self,
        *,
        periods: int = 0,
        throttled_periods: int = 0,
        throttled_time: int = 0,
    ) -> None:
        self.__dict__ = {
            "periods": periods,
            "throttled_periods": throttled_periods,
            "throttled_time": throttled_time,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "periods": 0,
            "throttled_periods": 0,
            "throttled_time": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "periods": betterproto2.field(1, "uint64"),
            "throttled_periods": betterproto2.field(2, "uint64"),
            "throttled_time": betterproto2.field(3, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.periods
        if v:
            a(b'\x08' + vi(v))
        v = self.throttled_periods
        if v:
            a(b'\x10' + vi(v))
        v = self.throttled_time
        if v:
            a(b'\x18' + vi(v))
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
                self.periods = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.throttled_periods = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.throttled_time = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class MemoryStat(Message):
    cache: "int"
    rss: "int"
    rss_huge: "int"
    mapped_file: "int"
    dirty: "int"
    writeback: "int"
    pg_pg_in: "int"
    pg_pg_out: "int"
    pg_fault: "int"
    pg_maj_fault: "int"
    inactive_anon: "int"
    active_anon: "int"
    inactive_file: "int"
    active_file: "int"
    unevictable: "int"
    hierarchical_memory_limit: "int"
    hierarchical_swap_limit: "int"
    total_cache: "int"
    total_rss: "int"
    total_rss_huge: "int"
    total_mapped_file: "int"
    total_dirty: "int"
    total_writeback: "int"
    total_pg_pg_in: "int"
    total_pg_pg_out: "int"
    total_pg_fault: "int"
    total_pg_maj_fault: "int"
    total_inactive_anon: "int"
    total_active_anon: "int"
    total_inactive_file: "int"
    total_active_file: "int"
    total_unevictable: "int"
    usage: "MemoryEntry | None"
    swap: "MemoryEntry | None"
    kernel: "MemoryEntry | None"
    kernel_tcp: "MemoryEntry | None"

    def __init__(
        self,
        *,
        cache: int = 0,
        rss: int = 0,
        rss_huge: int = 0,
        mapped_file: int = 0,
        dirty: int = 0,
        writeback: int = 0,
        pg_pg_in: int = 0,
        pg_pg_out: int = 0,
        pg_fault: int = 0,
        pg_maj_fault: int = 0,
        inactive_anon: int = 0,
        active_anon: int = 0,
        inactive_file: int = 0,
        active_file: int = 0,
        unevictable: int = 0,
        hierarchical_memory_limit: int = 0,
        hierarchical_swap_limit: int = 0,
        total_cache: int = 0,
        total_rss: int = 0,
        total_rss_huge: int = 0,
        total_mapped_file: int = 0,
        total_dirty: int = 0,
        total_writeback: int = 0,
        total_pg_pg_in: int = 0,
        total_pg_pg_out: int = 0,
        total_pg_fault: int = 0,
        total_pg_maj_fault: int = 0,
        total_inactive_anon: int = 0,
        total_active_anon: int = 0,
        total_inactive_file: int = 0,
        total_active_file: int = 0,
        total_unevictable: int = 0,
        usage: MemoryEntry | None = None,
        swap: MemoryEntry | None = None,
        kernel: MemoryEntry | None = None,
        kernel_tcp: MemoryEntry | None = None,
    ) -> None:
        self.__dict__ = {
            "cache": cache,
            "rss": rss,
            "rss_huge": rss_huge,
            "mapped_file": mapped_file,
            "dirty": dirty,
            "writeback": writeback,
            "pg_pg_in": pg_pg_in,
            "pg_pg_out": pg_pg_out,
            "pg_fault": pg_fault,
            "pg_maj_fault": pg_maj_fault,
            "inactive_anon": inactive_anon,
            "active_anon": active_anon,
            "inactive_file": inactive_file,
            "active_file": active_file,
            "unevictable": unevictable,
            "hierarchical_memory_limit": hierarchical_memory_limit,
            "hierarchical_swap_limit": hierarchical_swap_limit,
            "total_cache": total_cache,
            "total_rss": total_rss,
            "total_rss_huge": total_rss_huge,
            "total_mapped_file": total_mapped_file,
            "total_dirty": total_dirty,
            "total_writeback": total_writeback,
            "total_pg_pg_in": total_pg_pg_in,
            "total_pg_pg_out": total_pg_pg_out,
            "total_pg_fault": total_pg_fault,
            "total_pg_maj_fault": total_pg_maj_fault,
            "total_inactive_anon": total_inactive_anon,
            "total_active_anon": total_active_anon,
            "total_inactive_file": total_inactive_file,
            "total_active_file": total_active_file,
            "total_unevictable": total_unevictable,
            "usage": usage,
            "swap": swap,
            "kernel": kernel,
            "kernel_tcp": kernel_tcp,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "cache": 0,
            "rss": 0,
            "rss_huge": 0,
            "mapped_file": 0,
            "dirty": 0,
            "writeback": 0,
            "pg_pg_in": 0,
            "pg_pg_out": 0,
            "pg_fault": 0,
            "pg_maj_fault": 0,
            "inactive_anon": 0,
            "active_anon": 0,
            "inactive_file": 0,
            "active_file": 0,
            "unevictable": 0,
            "hierarchical_memory_limit": 0,
            "hierarchical_swap_limit": 0,
            "total_cache": 0,
            "total_rss": 0,
            "total_rss_huge": 0,
            "total_mapped_file": 0,
            "total_dirty": 0,
            "total_writeback": 0,
            "total_pg_pg_in": 0,
            "total_pg_pg_out": 0,
            "total_pg_fault": 0,
            "total_pg_maj_fault": 0,
            "total_inactive_anon": 0,
            "total_active_anon": 0,
            "total_inactive_file": 0,
            "total_active_file": 0,
            "total_unevictable": 0,
            "usage": None,
            "swap": None,
            "kernel": None,
            "kernel_tcp": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "cache": betterproto2.field(1, "uint64"),
            "rss": betterproto2.field(2, "uint64"),
            "rss_huge": betterproto2.field(3, "uint64"),
            "mapped_file": betterproto2.field(4, "uint64"),
            "dirty": betterproto2.field(5, "uint64"),
            "writeback": betterproto2.field(6, "uint64"),
            "pg_pg_in": betterproto2.field(7, "uint64"),
            "pg_pg_out": betterproto2.field(8, "uint64"),
            "pg_fault": betterproto2.field(9, "uint64"),
            "pg_maj_fault": betterproto2.field(10, "uint64"),
            "inactive_anon": betterproto2.field(11, "uint64"),
            "active_anon": betterproto2.field(12, "uint64"),
            "inactive_file": betterproto2.field(13, "uint64"),
            "active_file": betterproto2.field(14, "uint64"),
            "unevictable": betterproto2.field(15, "uint64"),
            "hierarchical_memory_limit": betterproto2.field(16, "uint64"),
            "hierarchical_swap_limit": betterproto2.field(17, "uint64"),
            "total_cache": betterproto2.field(18, "uint64"),
            "total_rss": betterproto2.field(19, "uint64"),
            "total_rss_huge": betterproto2.field(20, "uint64"),
            "total_mapped_file": betterproto2.field(21, "uint64"),
            "total_dirty": betterproto2.field(22, "uint64"),
            "total_writeback": betterproto2.field(23, "uint64"),
            "total_pg_pg_in": betterproto2.field(24, "uint64"),
            "total_pg_pg_out": betterproto2.field(25, "uint64"),
            "total_pg_fault": betterproto2.field(26, "uint64"),
            "total_pg_maj_fault": betterproto2.field(27, "uint64"),
            "total_inactive_anon": betterproto2.field(28, "uint64"),
            "total_active_anon": betterproto2.field(29, "uint64"),
            "total_inactive_file": betterproto2.field(30, "uint64"),
            "total_active_file": betterproto2.field(31, "uint64"),
            "total_unevictable": betterproto2.field(32, "uint64"),
            "usage": betterproto2.field(33, "message"),
            "swap": betterproto2.field(34, "message"),
            "kernel": betterproto2.field(35, "message"),
            "kernel_tcp": betterproto2.field(36, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.cache
        if v:
            a(b'\x08' + vi(v))
        v = self.rss
        if v:
            a(b'\x10' + vi(v))
        v = self.rss_huge
        if v:
            a(b'\x18' + vi(v))
        v = self.mapped_file
        if v:
            a(b' ' + vi(v))
        v = self.dirty
        if v:
            a(b'(' + vi(v))
        v = self.writeback
        if v:
            a(b'0' + vi(v))
        v = self.pg_pg_in
        if v:
            a(b'8' + vi(v))
        v = self.pg_pg_out
        if v:
            a(b'@' + vi(v))
        v = self.pg_fault
        if v:
            a(b'H' + vi(v))
        v = self.pg_maj_fault
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
        v = self.hierarchical_memory_limit
        if v:
            a(b'\x80\x01' + vi(v))
        v = self.hierarchical_swap_limit
        if v:
            a(b'\x88\x01' + vi(v))
        v = self.total_cache
        if v:
            a(b'\x90\x01' + vi(v))
        v = self.total_rss
        if v:
            a(b'\x98\x01' + vi(v))
        v = self.total_rss_huge
        if v:
            a(b'\xa0\x01' + vi(v))
        v = self.total_mapped_file
        if v:
            a(b'\xa8\x01' + vi(v))
        v = self.total_dirty
        if v:
            a(b'\xb0\x01' + vi(v))
        v = self.total_writeback
        if v:
            a(b'\xb8\x01' + vi(v))
        v = self.total_pg_pg_in
        if v:
            a(b'\xc0\x01' + vi(v))
        v = self.total_pg_pg_out
        if v:
            a(b'\xc8\x01' + vi(v))
        v = self.total_pg_fault
        if v:
            a(b'\xd0\x01' + vi(v))
        v = self.total_pg_maj_fault
        if v:
            a(b'\xd8\x01' + vi(v))
        v = self.total_inactive_anon
        if v:
            a(b'\xe0\x01' + vi(v))
        v = self.total_active_anon
        if v:
            a(b'\xe8\x01' + vi(v))
        v = self.total_inactive_file
        if v:
            a(b'\xf0\x01' + vi(v))
        v = self.total_active_file
        if v:
            a(b'\xf8\x01' + vi(v))
        v = self.total_unevictable
        if v:
            a(b'\x80\x02' + vi(v))
        v = self.usage
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x8a\x02' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.swap
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x92\x02' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.kernel
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x9a\x02' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.kernel_tcp
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\xa2\x02' + (VI[n] if n < 16384 else vi(n)))
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
                self.cache = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rss = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.rss_huge = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.mapped_file = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.dirty = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.writeback = x
            elif t == 56:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pg_pg_in = x
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pg_pg_out = x
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pg_fault = x
            elif t == 80:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pg_maj_fault = x
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
                self.hierarchical_memory_limit = x
            elif t == 136:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.hierarchical_swap_limit = x
            elif t == 144:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_cache = x
            elif t == 152:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_rss = x
            elif t == 160:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_rss_huge = x
            elif t == 168:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_mapped_file = x
            elif t == 176:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_dirty = x
            elif t == 184:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_writeback = x
            elif t == 192:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_pg_pg_in = x
            elif t == 200:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_pg_pg_out = x
            elif t == 208:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_pg_fault = x
            elif t == 216:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_pg_maj_fault = x
            elif t == 224:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_inactive_anon = x
            elif t == 232:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_active_anon = x
            elif t == 240:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_inactive_file = x
            elif t == 248:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_active_file = x
            elif t == 256:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total_unevictable = x
            elif t == 266:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "usage")
                x = self.usage
                if x is None:
                    x = self.usage = MemoryEntry._blank()
                x._merge(b, p, q)
                p = q
            elif t == 274:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "swap")
                x = self.swap
                if x is None:
                    x = self.swap = MemoryEntry._blank()
                x._merge(b, p, q)
                p = q
            elif t == 282:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "kernel")
                x = self.kernel
                if x is None:
                    x = self.kernel = MemoryEntry._blank()
                x._merge(b, p, q)
                p = q
            elif t == 290:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "kernel_tcp")
                x = self.kernel_tcp
                if x is None:
                    x = self.kernel_tcp = MemoryEntry._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,)))
        if p != n:
            raise past_end(self, "its last field")


class MemoryEntry(Message):
    limit: "int"
    usage: "int"
    max: "int"
    failcnt: "int"

    def __init__(
        self,
        *,
        limit: int = 0,
        usage: int = 0,
        max: int = 0,
        failcnt: int = 0,
    ) -> None:
        self.__dict__ = {
            "limit": limit,
            "usage": usage,
            "max": max,
            "failcnt": failcnt,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "limit": 0,
            "usage": 0,
            "max": 0,
            "failcnt": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "limit": betterproto2.field(1, "uint64"),
            "usage": betterproto2.field(2, "uint64"),
            "max": betterproto2.field(3, "uint64"),
            "failcnt": betterproto2.field(4, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.limit
        if v:
            a(b'\x08' + vi(v))
        v = self.usage
        if v:
            a(b'\x10' + vi(v))
        v = self.max
        if v:
            a(b'\x18' + vi(v))
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
                self.limit = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.usage = x
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
                self.failcnt = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class MemoryOomControl(Message):
    oom_kill_disable: "int"
    under_oom: "int"
    oom_kill: "int"

    def __init__(
        self,
        *,
        oom_kill_disable: int = 0,
        under_oom: int = 0,
        oom_kill: int = 0,
    ) -> None:
        self.__dict__ = {
            "oom_kill_disable": oom_kill_disable,
            "under_oom": under_oom,
            "oom_kill": oom_kill,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "oom_kill_disable": 0,
            "under_oom": 0,
            "oom_kill": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "oom_kill_disable": betterproto2.field(1, "uint64"),
            "under_oom": betterproto2.field(2, "uint64"),
            "oom_kill": betterproto2.field(3, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.oom_kill_disable
        if v:
            a(b'\x08' + vi(v))
        v = self.under_oom
        if v:
            a(b'\x10' + vi(v))
        v = self.oom_kill
        if v:
            a(b'\x18' + vi(v))
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
                self.oom_kill_disable = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.under_oom = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.oom_kill = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class BlkIOStat(Message):
    io_service_bytes_recursive: "list[BlkIOEntry]"
    io_serviced_recursive: "list[BlkIOEntry]"
    io_queued_recursive: "list[BlkIOEntry]"
    io_service_time_recursive: "list[BlkIOEntry]"
    io_wait_time_recursive: "list[BlkIOEntry]"
    io_merged_recursive: "list[BlkIOEntry]"
    io_time_recursive: "list[BlkIOEntry]"
    sectors_recursive: "list[BlkIOEntry]"

    def __init__(
        self,
        *,
        io_service_bytes_recursive: list[BlkIOEntry] | None = None,
        io_serviced_recursive: list[BlkIOEntry] | None = None,
        io_queued_recursive: list[BlkIOEntry] | None = None,
        io_service_time_recursive: list[BlkIOEntry] | None = None,
        io_wait_time_recursive: list[BlkIOEntry] | None = None,
        io_merged_recursive: list[BlkIOEntry] | None = None,
        io_time_recursive: list[BlkIOEntry] | None = None,
        sectors_recursive: list[BlkIOEntry] | None = None,
    ) -> None:
        self.__dict__ = {
            "io_service_bytes_recursive": [] if io_service_bytes_recursive is None else io_service_bytes_recursive,
            "io_serviced_recursive": [] if io_serviced_recursive is None else io_serviced_recursive,
            "io_queued_recursive": [] if io_queued_recursive is None else io_queued_recursive,
            "io_service_time_recursive": [] if io_service_time_recursive is None else io_service_time_recursive,
            "io_wait_time_recursive": [] if io_wait_time_recursive is None else io_wait_time_recursive,
            "io_merged_recursive": [] if io_merged_recursive is None else io_merged_recursive,
            "io_time_recursive": [] if io_time_recursive is None else io_time_recursive,
            "sectors_recursive": [] if sectors_recursive is None else sectors_recursive,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "io_service_bytes_recursive": [],
            "io_serviced_recursive": [],
            "io_queued_recursive": [],
            "io_service_time_recursive": [],
            "io_wait_time_recursive": [],
            "io_merged_recursive": [],
            "io_time_recursive": [],
            "sectors_recursive": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "io_service_bytes_recursive": betterproto2.field(1, "message", repeated=True),
            "io_serviced_recursive": betterproto2.field(2, "message", repeated=True),
            "io_queued_recursive": betterproto2.field(3, "message", repeated=True),
            "io_service_time_recursive": betterproto2.field(4, "message", repeated=True),
            "io_wait_time_recursive": betterproto2.field(5, "message", repeated=True),
            "io_merged_recursive": betterproto2.field(6, "message", repeated=True),
            "io_time_recursive": betterproto2.field(7, "message", repeated=True),
            "sectors_recursive": betterproto2.field(8, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.io_service_bytes_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_serviced_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_queued_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_service_time_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_wait_time_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_merged_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.io_time_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sectors_recursive
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "io_service_bytes_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_service_bytes_recursive.append(x)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io_serviced_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_serviced_recursive.append(x)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io_queued_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_queued_recursive.append(x)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io_service_time_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_service_time_recursive.append(x)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io_wait_time_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_wait_time_recursive.append(x)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io_merged_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_merged_recursive.append(x)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "io_time_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.io_time_recursive.append(x)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sectors_recursive")
                x = BlkIOEntry._blank()
                x._merge(b, p, q)
                self.sectors_recursive.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8,)))
        if p != n:
            raise past_end(self, "its last field")


class BlkIOEntry(Message):
    op: "str"
    device: "str"
    major: "int"
    minor: "int"
    value: "int"

    def __init__(
        self,
        *,
        op: str = "",
        device: str = "",
        major: int = 0,
        minor: int = 0,
        value: int = 0,
    ) -> None:
        self.__dict__ = {
            "op": op,
            "device": device,
            "major": major,
            "minor": minor,
            "value": value,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "op": "",
            "device": "",
            "major": 0,
            "minor": 0,
            "value": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "op": betterproto2.field(1, "string"),
            "device": betterproto2.field(2, "string"),
            "major": betterproto2.field(3, "uint64"),
            "minor": betterproto2.field(4, "uint64"),
            "value": betterproto2.field(5, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.op
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.device
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.major
        if v:
            a(b'\x18' + vi(v))
        v = self.minor
        if v:
            a(b' ' + vi(v))
        v = self.value
        if v:
            a(b'(' + vi(v))
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
                    raise past_end(self, "op")
                self.op = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "device")
                self.device = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.major = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.minor = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.value = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
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


class CgroupStats(Message):
    nr_sleeping: "int"
    nr_running: "int"
    nr_stopped: "int"
    nr_uninterruptible: "int"
    nr_io_wait: "int"

    def __init__(
        self,
        *,
        nr_sleeping: int = 0,
        nr_running: int = 0,
        nr_stopped: int = 0,
        nr_uninterruptible: int = 0,
        nr_io_wait: int = 0,
    ) -> None:
        self.__dict__ = {
            "nr_sleeping": nr_sleeping,
            "nr_running": nr_running,
            "nr_stopped": nr_stopped,
            "nr_uninterruptible": nr_uninterruptible,
            "nr_io_wait": nr_io_wait,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "nr_sleeping": 0,
            "nr_running": 0,
            "nr_stopped": 0,
            "nr_uninterruptible": 0,
            "nr_io_wait": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "nr_sleeping": betterproto2.field(1, "uint64"),
            "nr_running": betterproto2.field(2, "uint64"),
            "nr_stopped": betterproto2.field(3, "uint64"),
            "nr_uninterruptible": betterproto2.field(4, "uint64"),
            "nr_io_wait": betterproto2.field(5, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.nr_sleeping
        if v:
            a(b'\x08' + vi(v))
        v = self.nr_running
        if v:
            a(b'\x10' + vi(v))
        v = self.nr_stopped
        if v:
            a(b'\x18' + vi(v))
        v = self.nr_uninterruptible
        if v:
            a(b' ' + vi(v))
        v = self.nr_io_wait
        if v:
            a(b'(' + vi(v))
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
                self.nr_sleeping = x
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_running = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_stopped = x
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_uninterruptible = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nr_io_wait = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")
