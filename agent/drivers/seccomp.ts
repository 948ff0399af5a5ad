// The system calls of a container: what Docker's default profile lets through without any capability, as an allow list.
// Everything else fails with EPERM. See seccomp(2) and the OCI runtime specification, `linux.seccomp`.

interface Condition {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_LT' | 'SCMP_CMP_MASKED_EQ';
}

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly Condition[];
}

export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e02_0000;
/** Families below it are the usual ones. AF_ALG, AF_VSOCK, AF_XDP and others above are hardly ever used and often broken into. */
const AF_ALG = 38;
/** PER_LINUX, PER_LINUX32, both with UNAME26, and the question which one it is. */
const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffff_ffff];

const FILES = `access chdir chmod chown chown32 chroot close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
  fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
  fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
  ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek
  lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv
  preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename renameat
  renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync
  sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice
  write writev io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`;

const MEMORY = `brk cachestat get_mempolicy madvise map_shadow_stack memfd_create memfd_secret membarrier mincore mlock mlock2
  mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
  process_madvise process_mrelease process_vm_readv process_vm_writev remap_file_pages shmat shmctl shmdt shmget`;

const PROCESSES = `arch_prctl capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getegid
  getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid
  getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill
  landlock_add_rule landlock_create_ruleset landlock_restrict_self modify_ldt nanosleep pause pidfd_getfd pidfd_open
  pidfd_send_signal prctl prlimit64 ptrace rseq sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
  sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address
  setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid setregid32
  setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sysinfo tgkill times
  tkill ugetrlimit uname vfork wait4 waitid waitpid`;

const SIGNALS_AND_TIME = `alarm adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
  clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer getrandom gettimeofday restart_syscall rt_sigaction
  rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
  rt_tgsigqueueinfo setitimer sigaltstack signalfd signalfd4 sigprocmask sigreturn time timer_create timer_delete
  timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64`;

const WAITING_AND_SOCKETS = `accept accept4 bind connect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
  epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake
  getpeername getsockname getsockopt ipc listen mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
  mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd _newselect pipe pipe2 poll ppoll ppoll_time64
  pselect6 pselect6_time64 recv recvfrom recvmmsg recvmmsg_time64 recvmsg select semctl semget semop semtimedop
  semtimedop_time64 send sendmmsg sendmsg sendto setsockopt shutdown socketpair`;

/** By Node's name of this machine's architecture: its own, and the 32-bit one that its kernels also run. */
const ARCHITECTURES: Readonly<Record<string, { readonly native: string; readonly compatible: string }>> = {
  x64: { native: 'SCMP_ARCH_X86_64', compatible: 'SCMP_ARCH_X86' },
  arm64: { native: 'SCMP_ARCH_AARCH64', compatible: 'SCMP_ARCH_ARM' },
};

/**
 * `compatible`: 32-bit programs run, too; socketcall(2), by which they open sockets, shows no family to the filter.
 * Without it such a program is killed, and the filter is made in half the time.
 */
export function seccompProfile(compatible: boolean, machine: string = process.arch): SeccompProfile {
  const known = ARCHITECTURES[machine];
  const architectures = known === undefined ? [] : [known.native, ...(compatible ? [known.compatible] : [])];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures,
    syscalls: [
      allow(`${FILES} ${MEMORY} ${PROCESSES} ${SIGNALS_AND_TIME} ${WAITING_AND_SOCKETS}`),
      ...(compatible ? [allow('socketcall')] : []),
      ...PERSONALITIES.map((value) => allow('personality', { index: 0, value, op: 'SCMP_CMP_EQ' })),
      allow('socket', { index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }),
      allow('clone', { index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
      // Its flags are behind a pointer. The C library then falls back to clone, whose flags the filter sees.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ],
  };
}

function allow(names: string, ...args: readonly Condition[]): Rule {
  const listed = names.trim().split(/\s+/);
  return { names: listed, action: 'SCMP_ACT_ALLOW', ...(args.length === 0 ? {} : { args }) };
}
