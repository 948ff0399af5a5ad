// Everything on this host that carries a tag of berth and that no record of this agent explains, with whose it is and who
// uses it. Changes nothing.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTag } from '../../cgroups/tag.js';
import { defined } from '../../linux/defined.js';
import { sliced } from '../../linux/sliced.js';
import { linkNameFor } from '../../netns/names.js';
import type { Config } from '../config/schema.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { parseExecutionId } from '../model/execution.js';
import { isHelper } from '../model/helper-program.js';
import type { Installation } from '../model/tags.js';
import { NETNS_PREFIX, OWNER_PREFIX, parseNamespaceTag, parseTag, SLOT_PREFIX, whoseIs } from '../model/tags.js';
import type { NetworkPort } from '../network/network-port.js';
import type { Manager } from './manager.js';
import type { SupervisorPort } from './ports.js';

export type StrayKind = 'cgroup' | 'netns' | 'link' | 'process' | 'directory';

export interface Stray {
  readonly kind: StrayKind;
  readonly name: string;
  readonly id: string;
  /** Of its tag; null: no tag, or one of a version that did not say whose. */
  readonly installation: string | null;
  /** The tag as it is, for what removes by tag. */
  readonly tag: string | null;
  /** A sentence; null: nobody uses it. */
  readonly heldBy: string | null;
}

/** For the answer of the supervisor. */
const LIST_MS = 2000;

type Records = Pick<Manager, 'has' | 'known'>;

export interface StrayPorts {
  readonly cgroups: Pick<CgroupPort, 'list' | 'populated'>;
  readonly network: Pick<NetworkPort, 'list' | 'slots' | 'held'>;
  readonly supervisor: Pick<SupervisorPort, 'list'>;
  readonly config: Pick<Config, 'network' | 'paths'>;
  readonly installation: Pick<Installation, 'id'>;
}

export async function findStrays(ports: StrayPorts, records: Records, signal?: AbortSignal): Promise<readonly Stray[]> {
  const { cgroups, network, supervisor, config, installation } = ports;
  // The objects are listed before the journal is asked: a workload created in between is then known.
  const [groups, net, held, directories] = await Promise.all([
    cgroups.list(),
    network.list({ netnsPrefix: NETNS_PREFIX, ownerPrefix: OWNER_PREFIX }, { signal }),
    // What a supervisor that does not answer has is not known: everything counts as in use, and nothing is removed.
    supervisor.list({ deadlineMs: LIST_MS, ...defined({ signal }) }).catch(() => undefined),
    readdir(join(config.paths.runtime, 'workloads')).catch(() => []),
  ]);
  const busy = new Set<string>();
  for await (const { id, name } of sliced(groups)) if (cgroups.populated(name)) busy.add(id);
  for (const process of held ?? []) if (!process.exit) busy.add(workloadOf(process.id));
  const make = (kind: StrayKind, name: string, tag: string | null, id = idOf(tag, name)): Stray => ({
    ...{ kind, name, id, tag },
    installation: parseTag(tag ?? undefined)?.installation ?? null,
    heldBy: held === undefined ? 'the supervisor does not answer' : busy.has(id) ? `a process of "${id}" runs` : null,
  });
  // A free slot is no stray, and one in use has the name of a number: its link says whose it is.
  const slots = new Set(network.slots().names);
  const owners = new Map(net.links.map(({ name, owner }) => [name, owner]));
  const idInside = (netns: string): string => {
    if (!netns.startsWith(SLOT_PREFIX)) return netns.slice(NETNS_PREFIX.length);
    return idOf(owners.get(linkNameFor(config.network.link_prefix, netns)) ?? null, netns);
  };
  const directoryOf = (id: string) => join(config.paths.runtime, 'workloads', id);
  const tags = new Map(groups.map(({ id, tag }) => [id, tag]));
  const tagOfProcess = (id: string) => tags.get(id) ?? readTag(directoryOf(id)) ?? null;
  const found = [
    ...groups.flatMap(({ name, tag }) => (parseTag(tag) === undefined ? [] : [make('cgroup', name, tag ?? null)])),
    ...net.links.map(({ name, owner }) => make('link', name, owner)),
    ...net.netns.filter((name) => !slots.has(name)).map((name) => make('netns', name, null, idInside(name))),
    ...(held ?? []).flatMap(({ id }) =>
      isHelper(id) ? [] : [make('process', id, tagOfProcess(workloadOf(id)), workloadOf(id))],
    ),
    ...directories.map((name) => make('directory', name, readTag(directoryOf(name)) ?? null, name)),
  ];
  const { netns } = await records.known();
  const isRecorded = ({ kind, id, name }: Stray) => (kind === 'netns' ? netns.has(name) : records.has(id));
  const unexplained = found.filter(
    (stray) => !isRecorded(stray) || whoseIs(stray.installation, installation.id) === 'another',
  );
  return withSupervisors(unexplained, network, signal);
}

/** A namespace may be in use by somebody of whom neither the supervisor nor a cgroup of ours knows; and it has its own tag. */
async function withSupervisors(
  strays: readonly Stray[],
  network: StrayPorts['network'],
  signal: AbortSignal | undefined,
): Promise<readonly Stray[]> {
  const asked = strays.filter(({ kind }) => kind === 'netns' || kind === 'link');
  if (asked.length === 0) return strays;
  const states = await network.held(
    asked.map(({ kind, name }) => ({
      netns: kind === 'netns' ? name : null,
      hostLink: kind === 'link' ? name : null,
    })),
    { signal },
  );
  const known = new Map(asked.map((stray, at) => [stray, states[at]]));
  return strays.map((stray) => {
    const state = known.get(stray);
    if (state === undefined) return stray;
    const heldBy = state.heldBy ?? stray.heldBy;
    if (stray.kind !== 'netns') return { ...stray, heldBy };
    return { ...stray, heldBy, tag: state.tag, installation: parseNamespaceTag(state.tag) };
  });
}

/** What somebody runs inside a workload is the workload's. */
function workloadOf(id: string): string {
  return parseExecutionId(id)?.workload ?? id;
}

function idOf(tag: string | null, otherwise: string): string {
  return parseTag(tag ?? undefined)?.id ?? tag?.slice(OWNER_PREFIX.length) ?? otherwise;
}
