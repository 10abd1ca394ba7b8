"""What a cgroup v1 hierarchy measured.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos._lean import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi, vu32

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
    __slots__ = ("hugetlb", "pids", "cpu", "memory", "blkio", "rdma", "network", "cgroup_stats", "memory_oom_control", )
    __fields__ = ("hugetlb", "pids", "cpu", "memory", "blkio", "rdma", "network", "cgroup_stats", "memory_oom_control", )
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
        self.hugetlb = [] if hugetlb is None else hugetlb
        self.pids = pids
        self.cpu = cpu
        self.memory = memory
        self.blkio = blkio
        self.rdma = rdma
        self.network = [] if network is None else network
        self.cgroup_stats = cgroup_stats
        self.memory_oom_control = memory_oom_control
        self._unknown_fields = b""

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
    __slots__ = ("usage", "max", "failcnt", "pagesize", )
    __fields__ = ("usage", "max", "failcnt", "pagesize", )
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
        self.usage = usage
        self.max = max
        self.failcnt = failcnt
        self.pagesize = pagesize
        self._unknown_fields = b""

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
    __slots__ = ("current", "limit", )
    __fields__ = ("current", "limit", )
    current: "int"
    limit: "int"

    def __init__(
        self,
        *,
        current: int = 0,
        limit: int = 0,
    ) -> None:
        self.current = current
        self.limit = limit
        self._unknown_fields = b""

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
    __slots__ = ("usage", "throttling", )
    __fields__ = ("usage", "throttling", )
    usage: "CPUUsage | None"
    throttling: "Throttle | None"

    def __init__(
        self,
        *,
        usage: CPUUsage | None = None,
        throttling: Throttle | None = None,
    ) -> None:
        self.usage = usage
        self.throttling = throttling
        self._unknown_fields = b""

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
    __slots__ = ("total", "kernel", "user", "per_cpu", )
    __fields__ = ("total", "kernel", "user", "per_cpu", )
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
        self.total = total
        self.kernel = kernel
        self.user = user
        self.per_cpu = [] if per_cpu is None else per_cpu
        self._unknown_fields = b""

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
    __slots__ = ("periods", "throttled_periods", "throttled_time", )
    __fields__ = ("periods", "throttled_periods", "throttled_time", )
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
        self.periods = periods
        self.throttled_periods = throttled_periods
        self.throttled_time = throttled_time
        self._unknown_fields = b""

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
    __slots__ = ("cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "pg_pg_in", "pg_pg_out", "pg_fault", "pg_maj_fault", "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable", "hierarchical_memory_limit", "hierarchical_swap_limit", "total_cache", "total_rss", "total_rss_huge", "total_mapped_file", "total_dirty", "total_writeback", "total_pg_pg_in", "total_pg_pg_out", "total_pg_fault", "total_pg_maj_fault", "total_inactive_anon", "total_active_anon", "total_inactive_file", "total_active_file", "total_unevictable", "usage", "swap", "kernel", "kernel_tcp", )
    __fields__ = ("cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "pg_pg_in", "pg_pg_out", "pg_fault", "pg_maj_fault", "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable", "hierarchical_memory_limit", "hierarchical_swap_limit", "total_cache", "total_rss", "total_rss_huge", "total_mapped_file", "total_dirty", "total_writeback", "total_pg_pg_in", "total_pg_pg_out", "total_pg_fault", "total_pg_maj_fault", "total_inactive_anon", "total_active_anon", "total_inactive_file", "total_active_file", "total_unevictable", "usage", "swap", "kernel", "kernel_tcp", )
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
        self.cache = cache
        self.rss = rss
        self.rss_huge = rss_huge
        self.mapped_file = mapped_file
        self.dirty = dirty
        self.writeback = writeback
        self.pg_pg_in = pg_pg_in
        self.pg_pg_out = pg_pg_out
        self.pg_fault = pg_fault
        self.pg_maj_fault = pg_maj_fault
        self.inactive_anon = inactive_anon
        self.active_anon = active_anon
        self.inactive_file = inactive_file
        self.active_file = active_file
        self.unevictable = unevictable
        self.hierarchical_memory_limit = hierarchical_memory_limit
        self.hierarchical_swap_limit = hierarchical_swap_limit
        self.total_cache = total_cache
        self.total_rss = total_rss
        self.total_rss_huge = total_rss_huge
        self.total_mapped_file = total_mapped_file
        self.total_dirty = total_dirty
        self.total_writeback = total_writeback
        self.total_pg_pg_in = total_pg_pg_in
        self.total_pg_pg_out = total_pg_pg_out
        self.total_pg_fault = total_pg_fault
        self.total_pg_maj_fault = total_pg_maj_fault
        self.total_inactive_anon = total_inactive_anon
        self.total_active_anon = total_active_anon
        self.total_inactive_file = total_inactive_file
        self.total_active_file = total_active_file
        self.total_unevictable = total_unevictable
        self.usage = usage
        self.swap = swap
        self.kernel = kernel
        self.kernel_tcp = kernel_tcp
        self._unknown_fields = b""

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
    __slots__ = ("limit", "usage", "max", "failcnt", )
    __fields__ = ("limit", "usage", "max", "failcnt", )
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
        self.limit = limit
        self.usage = usage
        self.max = max
        self.failcnt = failcnt
        self._unknown_fields = b""

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
    __slots__ = ("oom_kill_disable", "under_oom", "oom_kill", )
    __fields__ = ("oom_kill_disable", "under_oom", "oom_kill", )
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
        self.oom_kill_disable = oom_kill_disable
        self.under_oom = under_oom
        self.oom_kill = oom_kill
        self._unknown_fields = b""

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
    __slots__ = ("io_service_bytes_recursive", "io_serviced_recursive", "io_queued_recursive", "io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive", )
    __fields__ = ("io_service_bytes_recursive", "io_serviced_recursive", "io_queued_recursive", "io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive", )
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
        self.io_service_bytes_recursive = [] if io_service_bytes_recursive is None else io_service_bytes_recursive
        self.io_serviced_recursive = [] if io_serviced_recursive is None else io_serviced_recursive
        self.io_queued_recursive = [] if io_queued_recursive is None else io_queued_recursive
        self.io_service_time_recursive = [] if io_service_time_recursive is None else io_service_time_recursive
        self.io_wait_time_recursive = [] if io_wait_time_recursive is None else io_wait_time_recursive
        self.io_merged_recursive = [] if io_merged_recursive is None else io_merged_recursive
        self.io_time_recursive = [] if io_time_recursive is None else io_time_recursive
        self.sectors_recursive = [] if sectors_recursive is None else sectors_recursive
        self._unknown_fields = b""

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
    __slots__ = ("op", "device", "major", "minor", "value", )
    __fields__ = ("op", "device", "major", "minor", "value", )
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
        self.op = op
        self.device = device
        self.major = major
        self.minor = minor
        self.value = value
        self._unknown_fields = b""

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
    __slots__ = ("current", "limit", )
    __fields__ = ("current", "limit", )
    current: "list[RdmaEntry]"
    limit: "list[RdmaEntry]"

    def __init__(
        self,
        *,
        current: list[RdmaEntry] | None = None,
        limit: list[RdmaEntry] | None = None,
    ) -> None:
        self.current = [] if current is None else current
        self.limit = [] if limit is None else limit
        self._unknown_fields = b""

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
    __slots__ = ("device", "hca_handles", "hca_objects", )
    __fields__ = ("device", "hca_handles", "hca_objects", )
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
        self.device = device
        self.hca_handles = hca_handles
        self.hca_objects = hca_objects
        self._unknown_fields = b""

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
    __slots__ = ("name", "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", )
    __fields__ = ("name", "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", )
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
        self.name = name
        self.rx_bytes = rx_bytes
        self.rx_packets = rx_packets
        self.rx_errors = rx_errors
        self.rx_dropped = rx_dropped
        self.tx_bytes = tx_bytes
        self.tx_packets = tx_packets
        self.tx_errors = tx_errors
        self.tx_dropped = tx_dropped
        self._unknown_fields = b""

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
    __slots__ = ("nr_sleeping", "nr_running", "nr_stopped", "nr_uninterruptible", "nr_io_wait", )
    __fields__ = ("nr_sleeping", "nr_running", "nr_stopped", "nr_uninterruptible", "nr_io_wait", )
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
        self.nr_sleeping = nr_sleeping
        self.nr_running = nr_running
        self.nr_stopped = nr_stopped
        self.nr_uninterruptible = nr_uninterruptible
        self.nr_io_wait = nr_io_wait
        self._unknown_fields = b""

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
