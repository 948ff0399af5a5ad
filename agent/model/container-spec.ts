// What a spec says of the process in its container, whichever driver makes the container: names, limits, privileges, its end.
import * as z from 'zod';
import { duration } from '../base/values/amounts.js';

/** Signals that ask a process to end, by the numbers of Linux on x86 and ARM; SIGRTMIN+3 is how systemd is told to halt. */
export const STOP_SIGNALS = {
  ...{ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15, SIGWINCH: 28 },
  'SIGRTMIN+3': 37,
} as const;
export type StopSignal = keyof typeof STOP_SIGNALS;
const SIGNAL_NAMES = Object.keys(STOP_SIGNALS) as [StopSignal, ...StopSignal[]];

export const stop = z.strictObject({
  signal: z
    .enum(SIGNAL_NAMES)
    .optional()
    .meta({ description: 'sent to its first process; default: the stop signal of the image, otherwise SIGTERM' }),
  grace: duration({ most: '1h' })
    .max(32)
    .optional()
    .meta({ description: 'between the signal and the kill; the node has a default (lifecycle.stop_grace)' }),
});

/** setrlimit(2), without those that let a process starve others of the processor. */
export const RLIMIT_NAMES = [
  ...['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue'],
  ...['nofile', 'nproc', 'rss', 'sigpending', 'stack'],
] as const;
const UNLIMITED = 'unlimited';
/** The kernel has no more open files in a process, and refuses a limit above (fs.nr_open). */
const MOST_FILES = 1_048_576;

const amount = z
  .union([z.string().max(UNLIMITED.length), z.number()])
  .refine(
    (value) => value === UNLIMITED || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0),
    `must be a whole number of at least 0, or "${UNLIMITED}"`,
  );

const rlimit = z
  .strictObject({ soft: amount, hard: amount })
  .refine(({ soft, hard }) => rlimitValue(hard) >= rlimitValue(soft), {
    message: 'must be at least soft',
    path: ['hard'],
  });

export const rlimits = z
  .partialRecord(z.enum(RLIMIT_NAMES), rlimit)
  .superRefine((limits, ctx) => {
    if (limits.nofile !== undefined && rlimitValue(limits.nofile.hard) > MOST_FILES)
      ctx.addIssue({ code: 'custom', path: ['nofile', 'hard'], message: `must be at most ${MOST_FILES}` });
  })
  .optional()
  .meta({
    description:
      'limits of each process (setrlimit(2)): {"nofile": {"soft": 1024, "hard": 4096}}; bytes, seconds or pieces',
  });

/** Infinity for no limit. */
export function rlimitValue(amount: unknown): number {
  return amount === UNLIMITED ? Number.POSITIVE_INFINITY : Number(amount);
}

/** Those that a container can use without a system call that its seccomp filter refuses. */
export const CAPABILITY_NAMES = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'IPC_LOCK', 'IPC_OWNER', 'KILL', 'LEASE'],
  ...['NET_ADMIN', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_RAW', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID'],
  ...['SYS_CHROOT', 'SYS_NICE', 'SYS_PTRACE', 'SYS_RESOURCE'],
] as const;
export type CapabilityName = (typeof CAPABILITY_NAMES)[number];
const name = z.enum(CAPABILITY_NAMES);

export const capabilities = z
  .strictObject({
    drop: z
      .array(z.enum([...CAPABILITY_NAMES, 'ALL']))
      .max(CAPABILITY_NAMES.length + 1)
      .default([])
      .meta({ description: 'taken from those that root of the container has; "ALL": all of them' }),
    add: z.array(name).max(CAPABILITY_NAMES.length).default([]).meta({
      description: 'beside them, where drivers.capabilities or tenant.NAME.capabilities of the node has them',
    }),
  })
  .superRefine(({ drop, add }, ctx) => {
    for (const [at, one] of add.entries())
      if (drop.includes(one)) ctx.addIssue({ code: 'custom', path: ['add', at], message: `must not be in drop, too` });
  });

/** RFC 1123, and what fits into __NEW_UTS_LEN. */
export const hostname = z
  .string()
  .max(63)
  .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i, 'must be a host name of [A-Za-z0-9.-]')
  .optional()
  .meta({ description: 'of the container; absent: the id of the workload' });
