// Images of the node, and what other engines run beside berth.
import * as z from 'zod';
import { at, bytes, count, id, labels, tenant, texts } from './words.js';

export const imageView = z.strictObject({
  digest: z.string(),
  names: texts,
  fetched: bytes.describe('of its layers as they were fetched, bytes'),
  unpacked: bytes.describe('as they are used; a layer of several images counts in each'),
  pulledAt: at,
  usedAt: at.describe('when a workload was last seen with it, within an hour'),
  usedBy: z.array(z.strictObject({ workload: id, tenant })).describe('by id'),
  moreUsers: count.optional().describe('so many are not listed; absent: none'),
});

export const pullView = z.strictObject({
  image: z.string(),
  phase: z.enum(['fetch', 'unpack']),
  layer: count.describe('of `layers`'),
  layers: count,
});

export const removedImages = z.strictObject({
  images: z.array(z.strictObject({ digest: z.string(), names: texts })),
  freed: bytes.describe('on disk, without layers that other images have'),
});

const engineName = z.enum(['docker', 'podman', 'containerd', 'crio', 'lxc', 'libvirt', 'nspawn']);

export const engineView = z.strictObject({
  name: engineName,
  authority: z.enum(['off', 'observe', 'advise']),
  state: z
    .enum(['up', 'names', 'unreachable', 'absent', 'off'])
    .describe('names: its workloads are found by the names of their cgroups'),
  why: z.string().nullable().describe('why it is unreachable'),
  socket: z.string().nullable(),
  workloads: count,
  dropped: count.describe('found and not kept'),
});

const amounts = z.strictObject({
  cpu: z.number().nullable(),
  memory: z.number().nullable(),
  pids: z.number().nullable(),
});

export const adoptedView = z.strictObject({
  engine: engineName,
  id,
  name: z.string(),
  tenant,
  image: z.string().nullable(),
  labels,
  paused: z.boolean(),
  cgroup: z.string().nullable().describe('from the mount of cgroup v2; null: not found'),
  limits: amounts.describe('cores, bytes, processes; null: no limit'),
  use: amounts.describe('cores over 30 s or more, bytes, processes; null: not measured'),
  within: z.string().nullable().describe('why the ledger does not count it; null: it is counted'),
});
