// The attacks, as programs in Perl: it is on every Debian, and makes any system call without a module.

/** Numbers of system calls by Node's name of the architecture. */
export const CALLS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  x64: {
    ptrace: 101,
    mount: 165,
    umount2: 166,
    mknodat: 259,
    unshare: 272,
    clone: 56,
    keyctl: 250,
    bpf: 321,
    fsopen: 430,
    sethostname: 170,
    shmget: 29,
    process_vm_readv: 310,
    pidfd_open: 434,
    pidfd_getfd: 438,
    name_to_handle_at: 303,
    memfd_create: 319,
    open_by_handle_at: 304,
    perf_event_open: 298,
    io_uring_setup: 425,
    userfaultfd: 323,
    setns: 308,
    prctl: 157,
  },
  arm64: {
    ptrace: 117,
    mount: 40,
    umount2: 39,
    mknodat: 33,
    unshare: 97,
    clone: 220,
    keyctl: 219,
    bpf: 280,
    fsopen: 430,
    sethostname: 161,
    shmget: 194,
    process_vm_readv: 270,
    pidfd_open: 434,
    pidfd_getfd: 438,
    name_to_handle_at: 264,
    memfd_create: 279,
    open_by_handle_at: 265,
    perf_event_open: 241,
    io_uring_setup: 425,
    userfaultfd: 282,
    setns: 268,
    prctl: 167,
  },
};

/** What an attack aims at: all of it is the host's, made by the test. */
export interface Targets {
  /** A process of another user, with a secret in its environment. */
  readonly victim: number;
  /** A name in the abstract namespace of sockets, on which the victim listens. */
  readonly abstract: string;
  /** A unix socket below the runtime directory of the agent, on which the victim listens, for everybody. */
  readonly socket: string;
  /** A descriptor of the victim, of memory with "secret" in it. */
  readonly memfd: number;
  /** Of `stateFile`, for open_by_handle_at(2), in hexadecimal digits. */
  readonly handle: string;
  /** A port on 127.0.0.1, on which the victim listens. */
  readonly port: number;
  /** Key of a shared memory segment of the victim. */
  readonly shm: number;
  /** Files that everybody may read. */
  readonly runtimeFile: string;
  readonly stateFile: string;
  readonly temporaryFile: string;
  /** A file that everybody may write, below a directory that a sandbox shows. */
  readonly writable: string;
  /** A copy of id(1), setuid root, below a directory that a sandbox shows. */
  readonly setuid: string;
  /** cgroup.procs files outside of the attacker's cgroup, from the mount of cgroup v2 as the host and as a container sees it. */
  readonly cgroups: readonly string[];
}

/** Each attack yields true when it got what it wanted. `$_` may be changed; `$!` says why not. */
const ATTACKS: Readonly<Record<string, string>> = {
  'leave its cgroup': 'my $ok = 0; for (grep { -e } @{$T{cgroups}}) { $ok ||= put($_, "$$\\n") } $ok',
  'signal a process of the host': 'kill 0, $T{victim}',
  'choose the number of the next process': 'again("/proc/sys/kernel/ns_last_pid")',
  'see a process of the host': '-d "/proc/$T{victim}"',
  'trace a process of the host': 'call("ptrace", 0x4206, $T{victim}, 0, 0)',
  'read the memory of a process':
    'my $to = "\\0" x 8; my ($from) = get("/proc/$T{victim}/maps") =~ /^(\\w+)-/; ' +
    'my ($l, $r) = (pack("PQ", $to, 8), pack("QQ", hex($from), 8)); call("process_vm_readv", $T{victim}, $l, 1, $r, 1, 0)',
  'take a descriptor of a process':
    'my $p = syscall($N{pidfd_open}, $T{victim}, 0); $p >= 0 && call("pidfd_getfd", $p, 1, 0)',
  'open a memfd of a process': 'get("/proc/$T{victim}/fd/$T{memfd}") =~ /secret/',
  'enter a namespace of a process': 'my $n; open($n, "<", "/proc/$T{victim}/ns/net") && call("setns", fileno($n), 0)',
  'read the environment of a process': 'get("/proc/$T{victim}/environ") =~ /SECRET/',
  'reach files through /proc/1/root': 'get("/proc/1/root$T{stateFile}") ne ""',
  'reach files through /proc/PID/root': 'get("/proc/$T{victim}/root$T{stateFile}") ne ""',
  "read berth's runtime directory": 'get($T{runtimeFile}) ne ""',
  "read berth's state": 'get($T{stateFile}) ne ""',
  "open berth's state by its file handle":
    'my $m; open($m, "<", "/usr") && call("open_by_handle_at", fileno($m), pack("H*", $T{handle}), 0)',
  'read a temporary file of the host': 'get($T{temporaryFile}) ne ""',
  'write to a file of the host': 'put($T{writable}, "attacked")',
  'write a sysctl of the network': 'again("/proc/sys/net/ipv4/ip_local_port_range")',
  'write a sysctl of the host': 'again("/proc/sys/kernel/panic")',
  'write to /sys': 'again("/sys/kernel/mm/transparent_hugepage/enabled", qr/\\[(.*)\\]/)',
  'read memory of the kernel': 'length(get("/proc/kcore")) > 0',
  'see keys of the host': 'get("/proc/keys") ne ""',
  'mount a file system': 'call("mount", "none", $T{dir}, "tmpfs", 0, 0) && (call("umount2", $T{dir}, 2) || 1)',
  'open a file system': 'call("fsopen", "tmpfs", 0)',
  'make a device node': 'call("mknodat", -100, "$T{dir}/node", 0060600, 7 << 8)',
  'open a device of the host': 'open(F, "<", "/dev/kmsg")',
  'enter a new user namespace': 'inchild(sub { call("unshare", 0x10000000) })',
  'clone into a new user namespace':
    'my $p = syscall($N{clone}, 0x10000000 | 17, 0, 0, 0, 0); POSIX::_exit(0) if $p == 0; $p > 0 && waitpid($p, 0)',
  'enter a new mount namespace': 'inchild(sub { call("unshare", 0x20000) })',
  'open a raw socket': 'socket(S, 2, 3, 1)',
  'open a packet socket': 'socket(S, 17, 3, 768)',
  'use io_uring': 'my $p = "\\0" x 120; call("io_uring_setup", 1, $p)',
  'count events of the kernel': 'my $a = pack("LLQx112", 1, 128, 0); call("perf_event_open", $a, 0, -1, -1, 0)',
  'handle page faults': 'call("userfaultfd", 0)',
  'change a link by netlink': 'netlink(0, 16, 5, pack("CxSiII", 0, 0, 1, 0, 0))',
  'read the firewall by netlink': 'netlink(12, 0x0a10, 1, pack("CCn", 0, 0, 0))',
  'listen to processes by netlink':
    'socket(S, 16, 2, 11) && bind(S, pack("SxxLL", 16, 0, 1)) && ' +
    'send(S, pack("LSSLL", 40, 3, 0, 0, 0) . pack("LLLLSSL", 1, 1, 0, 0, 4, 0, 1), 0, pack("SxxLL", 16, 0, 0))',
  'use the keyring': 'call("keyctl", 0, -3, 1)',
  'load a BPF map': 'my $a = pack("L4x112", 2, 4, 4, 1); syscall($N{bpf}, 0, $a, 128) >= 0',
  "reach a server on the host's loopback":
    'socket(S, 2, 1, 6) && connect(S, pack("SnC4x8", 2, $T{port}, 127, 0, 0, 1))',
  'reach an abstract socket of the host': 'socket(S, 1, 1, 0) && connect(S, pack("Sxa*", 1, $T{abstract}))',
  'reach a unix socket of the agent': 'socket(S, 1, 1, 0) && connect(S, pack("Sa*", 1, $T{socket}))',
  'attach shared memory of the host': 'syscall($N{shmget}, $T{shm}, 0, 0) >= 0',
  'change the name of the host': 'my $h = get("/proc/sys/kernel/hostname"); again("/proc/sys/kernel/hostname")',
  'dump core': 'get("/proc/self/limits") !~ /core file size +0 +0/',
};

/** Only of a user other than root. */
const SETUID = { 'become root by a setuid program': 'my $o = qx($T{setuid} -u); chomp $o; $o eq "0"' };

/** What the kernel of the host, or a host that is itself a container, may refuse to root, too. */
export const NOT_EVERYWHERE = ['reach files through /proc/1/root', 'read memory of the kernel'];

export function attacksOf(asRoot: boolean): string[] {
  return [...Object.keys(ATTACKS), ...(asRoot ? [] : Object.keys(SETUID))];
}

/**
 * argv of a program that tries each attack and writes `NAME: done` or `NAME: refused (REASON)`, then a line of what it is. `merged 1`: its
 * equal pages are shared with those of others (KSM).
 */
export function attacker(targets: Targets, asRoot: boolean): string[] {
  const names = CALLS[process.arch] ?? {};
  const attacks = Object.entries({ ...ATTACKS, ...(asRoot ? {} : SETUID) });
  const script = `
    use strict; no warnings; require POSIX;
    my %N = (${perl(names)});
    my %T = (${perl(targets)});
    $T{dir} = "/tmp/attack-$$"; mkdir $T{dir};
    sub get { open(my $f, "<", $_[0]) or return ""; my $n = sysread($f, my $b, 4096); defined $n ? $b : "" }
    sub put { open(my $f, ">>", $_[0]) or return 0; defined syswrite($f, $_[1]) }
    sub again { my $v = get($_[0]); $v = $1 if $_[1] && $v =~ $_[1]; open(my $f, "+<", $_[0]) or return 0; defined syswrite($f, $v) }
    sub call { my ($n, @a) = @_; syscall($N{$n}, @a) >= 0 }
    sub netlink { my ($family, $type, $flags, $body) = @_;
      my $s; socket($s, 16, 3, $family) && send($s, pack("LSSLL", 16 + length($body), $type, $flags, 1, 0) . $body, 0) or return 0;
      my ($answer, $kind, $error); defined recv($s, $answer, 4096, 0) or return 0;
      (undef, $kind, undef, undef, undef, $error) = unpack("LSSLLl", $answer);
      $kind == 2 && $error != 0 ? do { $! = -$error; 0 } : 1 }
    sub inchild { my $c = shift; my $p = fork; if ($p == 0) { POSIX::_exit($c->() ? 0 : 1) } waitpid($p, 0); $? == 0 }
    $| = 1;
    ${attacks.map(([name, code]) => `$! = 0; my $r = eval { ${code} }; print ${quoted(name)}, $@ ? ": broken ($@)\\n" : $r ? ": done\\n" : ": refused ($!)\\n";`).join('\n')}
    rmdir $T{dir} or do { unlink "$T{dir}/node"; rmdir $T{dir} };
    my ($status, $merged) = (get("/proc/self/status"), syscall($N{prctl}, 68, 0, 0, 0, 0));
    print "uid $> capabilities ", $status =~ /CapEff:\\s+(\\w+)/, " seccomp ", $status =~ /Seccomp:\\s+(\\d)/, " merged $merged\\n";`;
  return ['/usr/bin/perl', '-e', script];
}

/**
 * argv of a process of the host that has something to attack; writes `PORT SHM MEMFD HANDLE` when it is ready. It listens at
 * `socket`, and HANDLE is the one of the file `state`, empty without one: an overlay has none. On SIGTERM it writes what it noticed: `noticed: WHAT`, or nothing.
 */
export function victim(abstract: string, socket: string, state = ''): string[] {
  const { name_to_handle_at: handleAt = 0, memfd_create: memfdCreate = 0 } = CALLS[process.arch] ?? {};
  const script = `
    use strict;
    my ($u, $s, $n, $m);
    socket($n, 1, 1, 0) && bind($n, pack("Sa*", 1, ${quoted(socket)})) && listen($n, 64) && chmod(0777, ${quoted(socket)}) or die "socket: $!";
    my $name = "secret";
    my $memfd = syscall(${memfdCreate}, $name, 0); $memfd >= 0 && open($m, "+>&=", $memfd) or die "memfd: $!";
    syswrite($m, $name);
    my ($handle, $mount, $path) = (pack("LLx128", 128, 0), pack("L", 0), ${quoted(state)});
    $path eq "" or syscall(${handleAt}, -100, $path, $handle, $mount, 0) == 0 or die "handle: $!";
    socket($u, 1, 1, 0) && bind($u, pack("Sxa*", 1, ${quoted(abstract)})) && listen($u, 64) or die "abstract: $!";
    socket($s, 2, 1, 6) && bind($s, pack("SnC4x8", 2, 0, 127, 0, 0, 1)) && listen($s, 64) or die "port: $!";
    my $key = 0x62720000 | ($$ & 0xffff);
    my $shm = shmget($key, 4096, 01666); defined $shm or die "shm: $!";
    my @noticed;
    $SIG{$_} = sub { push @noticed, "signal $_[0]" } for qw(HUP INT USR1 USR2 CONT CHLD WINCH);
    $SIG{TERM} = sub {
      for ([$u, "abstract"], [$n, "socket"], [$s, "port"]) {
        my ($set, $c) = (""); vec($set, fileno($_->[0]), 1) = 1;
        push @noticed, "connection by $_->[1]" if select($set, undef, undef, 0) > 0 && accept($c, $_->[0]);
      }
      open(my $status, "<", "/proc/self/status"); push @noticed, grep { /^TracerPid:\\s+[1-9]/ } <$status>;
      seek($m, 0, 0); sysread($m, my $found, 64); push @noticed, "memfd $found" if $found ne $name;
      print map { "noticed: $_\\n" } @noticed;
      shmctl($shm, 0, 0); exit 0
    };
    $| = 1;
    print join(" ", (unpack("SnC4", getsockname($s)))[1], $key, $memfd, $path eq "" ? () : unpack("H*", $handle)), "\\n";
    sleep 3600 while 1;`;
  return ['/usr/bin/perl', '-e', script];
}

function perl(table: object): string {
  return Object.entries(table)
    .map(([name, value]) => {
      const text = Array.isArray(value) ? `[${value.map((one) => quoted(String(one))).join(', ')}]` : undefined;
      return `${name} => ${text ?? (typeof value === 'number' ? value : quoted(String(value)))}`;
    })
    .join(', ');
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
