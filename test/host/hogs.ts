// Workloads that take all they can get, each of one thing only. Small, the same each time, and of what Debian's minimal
// python3 has: no ctypes, no numpy. Each says `ready` in its output once it has what it was told to take.

const python = (script: string, ...args: readonly (string | number)[]): readonly string[] => [
  ...['/usr/bin/python3', '-u', '-c', script],
  ...args.map(String),
];

const MIB = 1 << 20;

/** One core, for ever. */
export const spin: readonly string[] = ['/bin/sh', '-c', 'while :; do :; done'];

/** `busyMs` of one core at a time, then as long idle as it takes to use `share` of a core. */
export function bursts(busyMs: number, share: number): readonly string[] {
  const script = `import sys, time
busy, share = float(sys.argv[1]) / 1000, float(sys.argv[2])
while True:
  end = time.process_time() + busy
  while time.process_time() < end: pass
  time.sleep(busy / share)`;
  return python(script, busyMs, share);
}

/** Anonymous memory, a mebibyte at a time, until somebody stops it. */
export const grow: readonly string[] = python(`held = []
while True: held.append(bytearray(b"x" * ${MIB}))`);

/** Takes `mib` of anonymous memory, a mebibyte each `pauseMs`, and rests. */
export function hold(mib: number, pauseMs = 0): readonly string[] {
  return python(`${TAKE}\ntime.sleep(1e6)`, mib, pauseMs);
}

/** Takes `mib` of anonymous memory, a mebibyte each `pauseMs`, and from then on writes to all pages of one or another of them. */
export function thrash(mib: number, pauseMs = 0): readonly string[] {
  const script = `${TAKE}
import random
draw, touch = random.Random(1), bytes(256)
while True: held[draw.randrange(len(held))][::4096] = touch`;
  return python(script, mib, pauseMs);
}

const TAKE = `import sys, time
held = []
for _ in range(int(sys.argv[1])):
  held.append(bytearray(b"x" * ${MIB}))
  time.sleep(int(sys.argv[2]) / 1000)
print("ready")`;

/** Takes `mib` of anonymous memory, reads `file` once, and rests with the page cache that it is charged for. */
export function holdCache(mib: number, file: string): readonly string[] {
  const script = `${TAKE}
import os
fd = os.open(sys.argv[3], os.O_RDONLY)
while os.read(fd, ${MIB}): pass
print("cached")
time.sleep(1e6)`;
  return python(script, mib, 0, file);
}

/** Reads `file` again and again through the page cache. */
export function readCached(file: string): readonly string[] {
  const script = `import os, sys
print("ready")
while True:
  fd = os.open(sys.argv[1], os.O_RDONLY)
  while os.read(fd, ${MIB}): pass
  os.close(fd)`;
  return python(script, file);
}

/** 64 MiB of `file`, again and again, past the page cache; writing makes the file. */
export function direct(file: string, how: 'read' | 'write', block: string): readonly string[] {
  const side = how === 'read' ? `if=${file} of=/dev/null iflag=direct` : `if=/dev/zero of=${file} oflag=direct`;
  const count = `count=$(( ${64 * MIB} / $(numfmt --from=iec ${block}) ))`;
  return ['/bin/sh', '-c', `while :; do dd ${side} bs=${block} ${count} conv=notrunc 2>/dev/null || exit 1; done`];
}

/** Doubles itself until it may not, and goes on trying. */
export const fork: readonly string[] = python(`import os, time
while True:
  try: os.fork()
  except OSError: time.sleep(0.2)`);

/** A file of `mib` that nobody has in the page cache. */
export function fileOf(path: string, mib: number): string {
  return `dd if=/dev/zero of=${path} bs=1M count=${mib} 2>/dev/null; sync ${path}; dd of=${path} oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null`;
}

/**
 * Leaves the host about `mib` to live on: the rest goes to huge pages, which nobody reclaims and which, being empty, cost
 * the machine outside nothing.
 */
export function leave(mib: number): string {
  return `free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo); sysctl -qw vm.nr_hugepages=$(( (free - ${mib}) / 2 ))`;
}

/** Swap on the disk of the lab. */
export function swap(mib: number): string {
  return `dd if=/dev/zero of=/var/swap bs=1M count=${mib} 2>/dev/null; chmod 600 /var/swap; mkswap /var/swap > /dev/null; swapon /var/swap`;
}
