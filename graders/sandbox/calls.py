"""Which system calls a guest may make, by name. How they are filtered is in seccomp."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ALLOWED = _words("""
access alarm arch_prctl brk capget chdir clock_getres clock_gettime clock_nanosleep close close_range
copy_file_range dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd
eventfd2 exit exit_group faccessat faccessat2 fchdir fdatasync fgetxattr flistxattr fstat fstatfs fsync
futex futex_waitv get_mempolicy get_robust_list getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage
getsid getsockname getsockopt gettid gettimeofday getuid getxattr lgetxattr listxattr llistxattr lseek lstat madvise
membarrier mprotect mremap msync munmap nanosleep newfstatat pause pipe pipe2 pkey_alloc pkey_free
pkey_mprotect poll ppoll pread64 preadv pselect6 pwrite64 pwritev read readlink
readlinkat readv recvfrom restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend
rt_sigtimedwait sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler
sched_rr_get_interval sched_yield select sendfile set_robust_list set_tid_address setitimer setrlimit shutdown
sigaltstack stat statfs statx sysinfo time timer_create timer_delete timer_getoverrun timer_gettime timer_settime
timerfd_create timerfd_gettime timerfd_settime times umask uname wait4 waitid write writev
""")
"""Always: reading, memory, waiting, time, one's own identity and signals, sockets that are open already."""

SERVICE = _words("accept accept4 listen recvmsg sendmsg setsockopt")
"""For a guest that answers on a socket that was handed in."""

READ_ONLY = _words("""
fallocate ftruncate mkdir mkdirat rename renameat renameat2 rmdir truncate unlink unlinkat
""")
"""Refused as on a read-only disk: libraries know that answer."""

# What is in memory of a file, and what is not, outlives a run: whoever can ask and change it writes to the next one.
NOT_PERMITTED = _words("""
fadvise64 mincore preadv2 pwritev2 readahead
acct add_key adjtimex bind bpf capset chmod chown chroot clock_adjtime clock_settime connect creat delete_module
execve execveat fanotify_init fchmod fchmodat fchmodat2 fchown fchownat finit_module flock fork fremovexattr
fsconfig fsetxattr fsmount fsopen fspick futimesat init_module inotify_add_watch inotify_init inotify_init1 io_setup
io_submit io_uring_enter io_uring_register io_uring_setup ioperm iopl ioprio_set kcmp kexec_file_load kexec_load
keyctl landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown link linkat lookup_dcookie
lremovexattr lsetxattr mbind memfd_secret migrate_pages mknod mknodat mlock mlock2 mlockall modify_ldt mount
mount_setattr move_mount move_pages mq_open mq_unlink msgctl msgget msgrcv msgsnd munlock name_to_handle_at
open_by_handle_at open_tree perf_event_open personality pidfd_getfd pidfd_open pidfd_send_signal pivot_root
process_madvise process_vm_readv process_vm_writev ptrace quotactl reboot recvmmsg removexattr request_key
rt_sigqueueinfo rt_tgsigqueueinfo sched_setaffinity sched_setattr sched_setparam sched_setscheduler semctl semget
semop semtimedop sendmmsg set_mempolicy setdomainname setfsgid setfsuid setgid setgroups sethostname setns setpgid
setpriority setregid setresgid setresuid setreuid setsid settimeofday setuid setxattr shmat shmctl shmdt shmget
socket splice swapoff swapon symlink symlinkat syslog tee tkill umount2 unshare userfaultfd utime utimensat utimes
vfork vhangup vmsplice
""")
"""Refused with "operation not permitted", so that a program's author sees what it is about. All others do not exist."""
