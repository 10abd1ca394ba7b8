"""The default seccomp profile: what an ordinary container may call, everything else is EPERM (unknown: ENOSYS by runc)."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

_ALWAYS: Final = """
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd
getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername
getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents
io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr llistxattr _llseek lremovexattr lseek
lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod
mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock
munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open
pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2
prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall
rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid
setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address setuid
setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn
socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill
time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64
ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write
writev ptrace process_vm_readv process_vm_writev
""".split()

_BY_CAPABILITY: Final = {
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_SYS_ADMIN": (
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount "
        "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"
    ),
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module init_module finit_module",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "iopl ioperm",
    "CAP_SYS_TIME": "settimeofday stime clock_settime clock_settime64",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYSLOG": "syslog",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
}
_PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
# Every namespace flag of clone(2): making one needs CAP_SYS_ADMIN.
_NAMESPACE_FLAGS: Final = 0x7E020000
_AF_ALG, _AF_VSOCK = 38, 40
_EPERM, _ENOSYS = 1, 38
_ARCHITECTURES: Final = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
}


@lru_cache
def architectures() -> list[str]:
    """Return the system call interfaces that the profile has rules for: those that this kernel has.

    runc spends 4 ms of a container's start on the rules of each. Most kernels are built without x32; a call of an interface
    without rules ends the process.
    """
    known = _ARCHITECTURES.get(platform.machine(), [])
    return [name for name in known if name != "SCMP_ARCH_X32" or not _built_without_x32()]


def _built_without_x32() -> bool:
    """Return whether the running kernel says so itself; one that says nothing may have it."""
    try:
        with open("/proc/config.gz", "rb") as file:
            config = zlib.decompress(file.read(), wbits=31)
    except (OSError, zlib.error):
        try:
            with open(f"/boot/config-{platform.release()}", "rb") as file:
                config = file.read()
        except OSError:
            return False
    return b"# CONFIG_X86_X32_ABI is not set" in config


def default_profile(capabilities: Collection[str]) -> dict[str, Any]:
    """Return the spec's linux.seccomp for a process with these capabilities."""
    allow = "SCMP_ACT_ALLOW"
    rules: list[dict[str, Any]] = [{"names": sorted(set(_ALWAYS)), "action": allow}]
    # socketcall's arguments are in memory, where no rule sees them: 32-bit code would make any socket by it. ENOSYS makes libc
    # use socket. With the default EPERM runc would leave the rule out, and libseccomp adds one for socketcall to each for socket.
    rules.append({"names": ["socketcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    # A vsock reaches the hypervisor, an AF_ALG socket the kernel's crypto: neither is a container's business.
    rules.append({"names": ["socket"], "action": allow, "args": [{"index": 0, "value": _AF_ALG, "op": "SCMP_CMP_LT"}]})
    rules.append({"names": ["socket"], "action": allow, "args": [{"index": 0, "value": _AF_ALG + 1, "op": "SCMP_CMP_EQ"}]})
    rules.append({"names": ["socket"], "action": allow, "args": [{"index": 0, "value": _AF_VSOCK, "op": "SCMP_CMP_GT"}]})
    rules.extend(
        {"names": ["personality"], "action": allow, "args": [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}]}
        for value in _PERSONALITIES
    )
    if platform.machine() == "x86_64":
        rules.append({"names": ["arch_prctl", "modify_ldt"], "action": allow})
    elif platform.machine() == "aarch64":
        rules.append(
            {
                "names": [
                    "arm_fadvise64_64",
                    "arm_sync_file_range",
                    "sync_file_range2",
                    "breakpoint",
                    "cacheflush",
                    "set_tls",
                ],
                "action": allow,
            }
        )
    for capability, names in _BY_CAPABILITY.items():
        if capability in capabilities:
            rules.append({"names": names.split(), "action": allow})
    if "CAP_SYS_ADMIN" not in capabilities:
        masked = {"index": 0, "value": _NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
        rules.append({"names": ["clone"], "action": allow, "args": [masked]})
        # Its flags are in memory, where seccomp can't see them; ENOSYS makes libc fall back to clone.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "architectures": list(architectures()),  # of this spec alone
        "syscalls": rules,
    }
