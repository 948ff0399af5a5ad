// Section [pressure]: when the host, a tenant or a workload counts as short of something, and what may be done about it.
//
// The default is `dry-run`: every step is told with its figures, and nothing is touched. `enforce` is for the operator to choose
// who has seen these, until its steps have been shown on hosts under real pressure. The rungs that hurt come last and late:
// guaranteed workloads are spared, freezing needs five seconds of act-level pressure, killing twenty and nothing gentler left.
import * as z from 'zod';
import { parseSize } from '../base/units.js';
import { duration } from '../base/values/amounts.js';

export const STEPS = ['suppress', 'reclaim', 'balloon', 'freeze', 'kill'] as const;

/** Stall per second. The kernel's window for it is 1 s, so no more than that can be asked. */
const stall = (text: string) => duration({ most: '1s' }).default(text);

const steps = (all: readonly (typeof STEPS)[number][]) => z.array(z.enum(STEPS)).default([...all]);
const share = (value: number) => z.number().min(0).max(1).default(value);

const floor = z
  .string()
  .refine(
    (s) => s === '' || parseSize(s) !== undefined || /^(?:\d|[1-4]\d|50)(?:\.\d+)?%$/.test(s),
    'must be a size such as "256Mi", or a share of memory up to "50%"',
  );

const scope = (some: string, full: string) => ({
  memory_some: stall(some).meta({ description: 'warn: per second, at least one task stalled for memory; 0s: never' }),
  memory_full: stall(full).meta({ description: 'act: per second, all tasks stalled for memory; 0s: never' }),
});

export const pressureSchema = z.strictObject({
  mode: z.enum(['off', 'dry-run', 'enforce']).default('dry-run').meta({
    description: 'enforce: act by steps before the kernel kills; dry-run: only tell what would be done',
  }),
  steps: steps(STEPS).meta({ description: 'what may be done, in the order suppress, reclaim, balloon, freeze, kill' }),
  spare: z
    .array(z.enum(['guaranteed', 'burstable', 'besteffort']))
    .default(['guaranteed'])
    .meta({ description: 'classes that are never frozen and never killed' }),
  release: share(0.5).meta({ description: 'pressure is over below this share of the thresholds' }),
  release_after: duration().default('10s').meta({
    description: 'and when it has been so for this long, things are undone; twice as long each time that it comes back',
  }),
  freeze_after: duration().default('5s').meta({ description: 'of act-level pressure, before anything is frozen' }),
  freeze_max: duration({ least: '1s' })
    .default('60s')
    .meta({ description: 'then a frozen workload is thawed, and not frozen again soon' }),
  kill_after: duration()
    .default('20s')
    .meta({ description: 'of act-level pressure with nothing gentler left, before a kill' }),
  min_available: floor.default('').meta({
    description: 'less available memory than this is act-level, too; empty: 4 % of memory, at most 1Gi',
  }),
  // The kernel runs a thread (psimon) for every cgroup that has one.
  max_triggers: z.number().int().min(4).max(100_000).default(512).meta({
    description: 'pressure triggers of the kernel at most; who gets none is looked at with each sample of the metrics',
  }),
  hook: z
    .string()
    .regex(/^(?:\/.*)?$/, 'must be an absolute path')
    .default('')
    .meta({
      description: 'run before a freeze or kill, with JSON on its stdin; exit code 75 puts it off once; empty: none',
    }),
  hook_timeout: duration({ least: '10ms', most: '1h' })
    .default('5s')
    .meta({ description: 'then the hook is killed, and the action goes on' }),
  cooldown: z
    .strictObject({
      memory: duration().default('4s').meta({ description: 'between two steps because of memory' }),
      cpu: duration().default('20s').meta({ description: 'between two steps because of cpu' }),
      io: duration().default('4s').meta({ description: 'between two steps because of io' }),
      kill: duration().default('15s').meta({ description: 'after a kill, until anything more is done' }),
    })
    .prefault({}),
  host: z
    .strictObject({
      ...scope('150ms', '100ms'),
      io_full: stall('200ms').meta({ description: 'act: per second, all tasks stalled for io; 0s: never' }),
      cpu_some: stall('300ms').meta({ description: 'act: per second, at least one task waits for a cpu; 0s: never' }),
    })
    .prefault({}),
  tenant: z
    .strictObject({
      ...scope('150ms', '100ms'),
      steps: steps(STEPS).meta({ description: 'what a tenant at its own limit may bring upon its own workloads' }),
    })
    .prefault({}),
  workload: z
    .strictObject({
      ...scope('300ms', '200ms'),
      steps: steps(['reclaim']).meta({ description: 'what a workload at its own limit may bring upon itself' }),
    })
    .prefault({}),
  futile: z
    .strictObject({
      action: z.enum(['raise_high', 'kill', 'tell']).default('raise_high').meta({
        description:
          'for a cgroup that memory.high stalls and reclaim cannot help: memory.high = max, a kill, or only told',
      }),
      window: duration({ least: '1s', most: '1h' }).default('6s').meta({ description: 'of stall before it is found' }),
      stalled: share(0.4).meta({ description: 'share of the window in which all tasks of the cgroup stand still' }),
      efficiency: share(0.1).meta({ description: 'pages reclaimed per page scanned, below which reclaim is futile' }),
      watch: z
        .array(z.string().regex(/^[^/].*[^/]$/, 'must be a path below the cgroup mount, without slashes at its ends'))
        .default([])
        .meta({
          description: 'cgroups of others to protect, such as "system.slice/docker-*.scope"; * in the last part',
        }),
    })
    .prefault({}),
});

export type PressureConfig = z.output<typeof pressureSchema>;
