// What a workload may ask of cpu, memory, io and the rest: section `resources` of its spec. The names are the field's, the
// units those people write; agent/limits turns them into the kernel's files.
import * as z from 'zod';
import { MIN_QUOTA_USEC, PERIOD_USEC } from '../../cgroups/cpu.js';
import { boundedMap } from '../base/bounds.js';
import { parseSize } from '../base/units.js';
import { cores, microseconds, size } from '../base/values/amounts.js';
import { cpuList } from '../base/values/cpu-list.js';

/** Entries of what goes by names of the kernel or of pools. */
const MOST_NAMES = 64;

const weight = z.number().int().min(1).max(10_000);
/** The kernel keeps two digits (cgroup-v2.rst, cpu.uclamp.min). */
const percent = z
  .number()
  .min(0)
  .max(100)
  .refine((value) => Number(value.toFixed(2)) === value, 'must have at most two digits after the point');
/** kernel/cgroup/rdma.c takes an int. */
const rdmaCount = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

const cpu = z
  .strictObject({
    request: cores(0.001, 4096).optional().meta({ description: 'cores promised; counts in the ledger' }),
    limit: cores(0.01, 4096).optional().meta({ description: 'cores at most: cpu.max' }),
    weight: weight.optional().meta({ description: 'cpu.weight; without it 100 for each core requested' }),
    period: microseconds(1000, 1_000_000)
      .optional()
      .meta({ description: 'of the limit; "100ms" where nothing is said' }),
    burst: microseconds(0, 1_000_000).optional().meta({
      description:
        'saved-up time that may be used above the limit: cpu.max.burst; the node has a default (cgroups.cpu_burst)',
    }),
    idle: z.boolean().optional().meta({ description: 'runs only when nothing else wants to: cpu.idle' }),
    uclampMin: percent.optional().meta({ description: 'cpu.uclamp.min, percent' }),
    uclampMax: percent.optional().meta({ description: 'cpu.uclamp.max, percent' }),
    cpus: cpuList('cpus').optional().meta({ description: 'cpus it may run on: cpuset.cpus' }),
    mems: cpuList('memory nodes').optional().meta({ description: 'memory nodes it may use: cpuset.mems' }),
  })
  .refine((c) => c.request === undefined || c.limit === undefined || c.request <= c.limit, {
    message: 'request must not exceed limit',
    path: ['request'],
  })
  .refine((c) => c.uclampMin === undefined || c.uclampMax === undefined || c.uclampMin <= c.uclampMax, {
    message: 'must not exceed uclampMax',
    path: ['uclampMin'],
  })
  .refine((c) => c.idle !== true || c.weight === undefined, {
    message: 'does not go with "idle": an idle group has no weight',
    path: ['weight'],
  })
  .refine((c) => c.limit !== undefined || (c.burst === undefined && c.period === undefined), {
    message: 'is needed with burst and period',
    path: ['limit'],
  })
  .superRefine(({ limit, period = PERIOD_USEC, burst = 0 }, ctx) => {
    if (limit === undefined) return;
    const say = (path: string, message: string): void => ctx.addIssue({ code: 'custom', path: [path], message });
    const quota = Math.round(limit * period);
    if (quota < MIN_QUOTA_USEC)
      say(
        'limit',
        `is a quota of ${quota / 1000}ms in a period of ${period / 1000}ms, and the kernel takes no less than 1ms: with this period the smallest limit is ${MIN_QUOTA_USEC / period}, with this limit the shortest period is ${Math.ceil(MIN_QUOTA_USEC / limit) / 1000}ms`,
      );
    else if (burst > quota)
      say('burst', `must not exceed the quota, which is ${quota / 1000}ms in a period of ${period / 1000}ms`);
  });

const memory = z
  .strictObject({
    request: size.optional().meta({ description: 'bytes promised; counts in the ledger' }),
    limit: size.optional().meta({ description: 'bytes at most: memory.max' }),
    swap: size
      .optional()
      .meta({ description: 'bytes of swap at most: memory.swap.max; the node has a default by class' }),
    ksm: z.boolean().default(false).meta({
      description:
        'equal pages are kept once (KSM), across all workloads and tenants that ask for it: how long a write takes then tells one what another has in memory',
    }),
    zswap: size.optional().meta({ description: 'bytes of compressed swap at most: memory.zswap.max' }),
    high: size.optional().meta({
      description:
        'bytes above which it is slowed down and reclaimed: memory.high. What cannot be given back stalls; berth lifts it then',
    }),
  })
  .refine((m) => m.limit === undefined || m.limit >= 1 << 20, { message: 'must be at least 1Mi', path: ['limit'] })
  .refine((m) => m.request === undefined || m.limit === undefined || m.request <= m.limit, {
    message: 'request must not exceed limit',
    path: ['request'],
  })
  .refine((m) => m.high === undefined || m.limit === undefined || m.high <= m.limit, {
    message: 'high must not exceed limit',
    path: ['high'],
  })
  .refine((m) => m.high === undefined || m.high >= 1 << 20, { message: 'must be at least 1Mi', path: ['high'] });

const rate = size.refine((n) => n >= 4096, 'must be at least 4Ki a second');
const operations = z.number().int().min(1).max(1_000_000_000);

/** include/linux/kdev_t.h: 12 and 20 bits. */
function isNumbered(text: string): boolean {
  const [major, minor] = text.split(':').map(Number);
  return text.startsWith('/') || ((major ?? 0) < 2 ** 12 && (minor ?? 0) < 2 ** 20);
}

/** Of one block device; the fields of io.max, io.weight and io.latency (cgroup-v2.rst, "IO"). */
export const ioDevice = z
  .strictObject({
    device: z
      .string()
      .regex(/^(\/dev\/[^\0]{1,250}|\d{1,4}:\d{1,7})$/, 'must be a device such as "/dev/vda" or "8:0"')
      .refine(isNumbered, 'must have a major number up to 4095 and a minor number up to 1048575')
      .meta({ description: 'a whole disk, by path or MAJOR:MINOR; a partition means its disk' }),
    readBps: rate.optional().meta({ description: 'bytes read a second at most' }),
    writeBps: rate.optional().meta({ description: 'bytes written a second at most' }),
    readIops: operations.optional().meta({ description: 'reads a second at most' }),
    writeIops: operations.optional().meta({ description: 'writes a second at most' }),
    weight: weight.optional().meta({ description: 'io.weight on this device' }),
    latency: microseconds(1, 60_000_000).optional().meta({ description: 'latency to protect: io.latency' }),
  })
  .refine(({ device: _device, ...limits }) => Object.values(limits).some((value) => value !== undefined), {
    message: 'limits nothing',
    path: ['device'],
  });

const name = z.string().regex(/^[A-Za-z0-9_.:/-]{1,127}$/, 'must be a name of the kernel');

export const resources = z.strictObject({
  cpu: cpu.optional(),
  memory: memory.optional(),
  pids: z.number().int().min(1).max(4_194_304).optional().meta({ description: 'pids.max' }),
  io: z
    .array(ioDevice)
    .max(64)
    .refine((all) => new Set(all.map(({ device }) => device)).size === all.length, 'names a device twice')
    .optional()
    .meta({ description: 'limits of block devices' }),
  ioWeight: weight.optional().meta({ description: 'io.weight on all devices' }),
  hugepages: z
    .partialRecord(z.enum(['64Ki', '2Mi', '32Mi', '512Mi', '1Gi', '16Gi']), size)
    .superRefine((pages, ctx) => {
      for (const [page, bytes] of Object.entries(pages))
        if (bytes !== undefined && bytes % (parseSize(page) ?? 1) !== 0)
          ctx.addIssue({ code: 'custom', path: [page], message: `must be a multiple of the page size ${page}` });
    })
    .optional()
    .meta({ description: 'bytes of huge pages at most, by their size: hugetlb.SIZE.max' }),
  misc: boundedMap(name, z.number().int().nonnegative(), MOST_NAMES)
    .optional()
    .meta({ description: 'misc.max, by resource' }),
  rdma: boundedMap(
    name,
    z.strictObject({
      handles: rdmaCount.optional(),
      objects: rdmaCount.optional(),
    }),
    MOST_NAMES,
  )
    .optional()
    .meta({ description: 'rdma.max, by device' }),
  licences: boundedMap(
    z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of a pool'),
    z.number().int().min(1).max(1_000_000),
    MOST_NAMES,
  )
    .optional()
    .meta({ description: 'licences it needs, by the pool of the node ([licence.NAME])' }),
  dmem: boundedMap(name, size, MOST_NAMES)
    .optional()
    .meta({ description: 'device memory in bytes at most, by region: dmem.max' }),
});

export type Resources = z.output<typeof resources>;
