// Programs that try to outlive their workload, in Perl. Each writes the range of local ports that it finds in its network namespace once all
// of it runs, and has MARK in the environment of every process.

/** In the environment of every process of an escape: `MARK=VALUE`. */
export const MARK = 'BERTH_ESCAPE';

const UNSHARE = process.arch === 'arm64' ? 97 : 272;
const MEMFD_CREATE = process.arch === 'arm64' ? 279 : 319;
const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

/** `$elsewhere`: cgroup.procs of a cgroup that is not the workload's. Most of them try to leave theirs, and go on where they may not. */
const prelude = (elsewhere: string) => `
  use POSIX ();
  $SIG{$_} = "IGNORE" for qw(TERM HUP INT QUIT USR1 USR2 ALRM);
  $SIG{CHLD} = "IGNORE";
  $| = 1;
  open(my $r, "<", "${RANGE}") or die "range: $!"; my $range = join " ", split " ", <$r>; close $r;
  sub leave { open(my $f, ">", "${elsewhere}") or return; syswrite($f, "$$\\n"); close $f }
  sub spoil { open(my $f, ">", "${RANGE}") or return; syswrite($f, "1024 1055\\n"); close $f }
  sub told { print "$range\\n" }
  sub closed { close STDIN; close STDOUT; close STDERR; POSIX::close($_) for 3 .. 63 }
  sub rest { select undef, undef, undef, 3600 while 1 }
  sub away { my $c = shift; my $p = fork; if (!$p) { POSIX::setsid(); if (fork) { POSIX::_exit(0) } $c->(); POSIX::_exit(0) } }
`;

/** By what they do. */
const ESCAPES: Readonly<Record<string, string>> = {
  'ignores signals': 'leave(); spoil(); told(); rest()',
  'a daemon that has closed everything': 'away(sub { leave(); spoil(); told(); closed(); rest() }); rest()',
  'a daemon whose parent ends when it is told to':
    '$SIG{TERM} = sub { exit 0 }; away(sub { $SIG{TERM} = "IGNORE"; leave(); told(); closed(); rest() }); rest()',
  // Not every host bounds the number of processes.
  'forks all the time':
    'told(); while (1) { if (!fork) { POSIX::setsid(); if (fork) { POSIX::_exit(0) } select undef, undef, undef, 0.05; POSIX::_exit(0) } ' +
    'select undef, undef, undef, 0.004 }',
  'always on its way into a new process':
    'away(sub { leave(); told(); while (1) { my $c = fork; POSIX::_exit(0) if $c; select undef, undef, undef, 0.005 } }); rest()',
  'holds its namespaces open': `away(sub { leave(); open(my $n, "<", "/proc/self/ns/net"); open(my $m, "<", "/proc/self/ns/mnt");
    open(my $l, "<", "/proc/self/ns/pid"); told(); close STDOUT; close STDERR; rest() }); rest()`,
  'runs from memory that has no file': `away(sub { leave(); my $name = "none"; my $fd = syscall(${MEMFD_CREATE}, $name, 0);
    open(my $to, ">&=", $fd); open(my $from, "<", "/bin/sleep"); local $/; syswrite($to, <$from>);
    told(); close STDOUT; close STDERR; exec {"/proc/self/fd/$fd"} "sleep", "3600" }); rest()`,
  'in user and network namespaces of its own': `away(sub { leave(); syscall(${UNSHARE}, 0x50000000); told(); closed(); rest() }); rest()`,
  'talks to a child by a socket': `socketpair(my $a, my $b, 1, 1, 0); away(sub { leave(); told(); close STDOUT; close STDERR;
    while (1) { sysread($b, my $x, 1) or select undef, undef, undef, 0.1 } }); rest()`,
};

export const ESCAPE_NAMES: readonly string[] = Object.keys(ESCAPES);

/** argv of the escape of that name. */
export function escapeArgv(name: string, elsewhere: string): string[] {
  return ['/usr/bin/perl', '-e', `${prelude(elsewhere)} ${ESCAPES[name] ?? 'die'}`];
}
