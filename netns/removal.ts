// Removal. One RTM_DELLINK waits 16-40 ms for RCU however many links it deletes, so a batch shares one by IFLA_GROUP.
// Slots that may be used again are flushed instead, which waits for nothing.
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { applyEntries, forgetConnections } from './firewall/index.js';
import { foreignTag, untagNamespace } from './foreign.js';
import type { Host } from './host.js';
import { statsOf } from './link-stats.js';
import { openNamed, removeNamespace } from './namespaces.js';
import { deleteGroup, deleteLink, setLink } from './netlink/link.js';
import { innerNameOf, isOurs } from './ownership.js';
import type { PatientRemoval } from './protocol.js';
import type { Request } from './rtnl.js';
import type { AfterStep } from './sandbox/base.js';
import { shapingLinks } from './shaping/index.js';
import { letGo } from './slots/held.js';
import { reclaimSlot } from './slots/reclaim.js';
import type { LinkStats, Removal, SandboxNetwork } from './types.js';
import { assertSandboxNames } from './validate.js';

/** The RTNL lock is held for a whole batch: with 25 a create that has to wait does so for about 25 ms. */
export const REMOVAL_BATCH = 25;
/** While nobody waits: an RCU cycle costs the same for all of them. */
export const IDLE_REMOVAL_BATCH = 100;

const { EAGAIN, ENODEV } = constants.errno;

/** What became of one removal. `recycled`: the slot is free, and these are the counters of its link. */
export interface Removed {
  readonly error?: SysError;
  readonly recycled?: LinkStats;
  /** Why a slot that should have been used again was deleted. */
  readonly unfit?: SysError;
  /** Nothing is deleted yet: to be asked for again a little later. */
  readonly again?: true;
  /** The slot has been taken back before: it is free, or somebody else's by now. */
  readonly gone?: true;
}

/** Flushes what can be used again and removes the rest, all in one wait: the caller bounds how many. */
export function removeSandboxes(
  host: Host,
  removals: readonly PatientRemoval[],
  afterStep: AfterStep = () => {},
): Removed[] {
  const results = removals.map(
    (removal): Removed => (handedOn(host, removal) ? { gone: true } : recycle(host, removal, afterStep)),
  );
  const isDone = ({ recycled, again, gone }: Removed) => recycled !== undefined || again === true || gone === true;
  const rest = removals.filter((_, position) => !isDone(results[position] ?? {}));
  const failures = deleteSandboxes(host, rest, afterStep);
  return results.map((result) => {
    if (isDone(result)) return result;
    const error = failures.shift();
    return error === undefined ? result : { ...result, error };
  });
}

/** A life that took the slot back may have ended before anyone was told: names of slots outlive their holders. */
function handedOn(host: Host, { netns, hostLink, owner }: Removal): boolean {
  const prefix = host.settings?.slots?.netnsPrefix;
  if (prefix === undefined || netns === null || hostLink === null || !netns.startsWith(prefix)) return false;
  const alias = host.rtnl.link({ name: hostLink })?.alias ?? '';
  return alias !== '' && alias !== owner;
}

/** Without `recycled` it is to be deleted. */
function recycle(host: Host, removal: PatientRemoval, afterStep: AfterStep): Removed {
  const { network } = removal;
  if (!removal.recycle || network === null || network.netns === null) return {};
  const { netns, hostLink } = network;
  const unfit = attempt(() => reclaimSlot(host, { ...network, netns }, afterStep));
  if (unfit === undefined) return { recycled: statsOf(host, hostLink) };
  return unfit.errno === EAGAIN && removal.patient ? { again: true } : { unfit };
}

/**
 * Links first, then the firewall, then names: until its elements go, an address that nobody has is still nobody
 * else's. A tap inside goes with its namespace, which the kernel takes down behind our back.
 */
function deleteSandboxes(host: Host, removals: readonly Removal[], afterStep: AfterStep): (SysError | undefined)[] {
  const indices: number[] = [];
  const failures = removals.map((removal) =>
    attempt(() => {
      assertSandboxNames(removal);
      const index = ownedLink(host, removal);
      if (index !== undefined) indices.push(index);
    }),
  );
  const valid = removals.filter((_, position) => failures[position] === undefined);
  // Before the links go, which may be what shows that a namespace is ours.
  const foreign = new Set(valid.filter((removal) => isForeign(host, removal)));
  const linkFailure = attempt(() => {
    for (const index of shapingLinks(host, valid)) if (index !== undefined) indices.push(index);
    deleteLinks(host, indices);
  });
  afterStep('links');
  const networks = valid.flatMap(({ network }) => (network === null ? [] : [network]));
  const rulesFailure = attempt(() => closeFirewall(host, networks));
  afterStep('firewall');
  return removals.map((removal, position) => {
    const { netns } = removal;
    const failure = failures[position] ?? linkFailure ?? rulesFailure;
    if (failure !== undefined || netns === null || foreign.has(removal)) return failure;
    return attempt(() => {
      letGo(host, netns);
      if (removal.network?.given !== undefined) untagNamespace(host, netns);
      removeNamespace(netns);
    });
  });
}

function isForeign(host: Host, { netns, hostLink, owner }: Removal): boolean {
  return netns !== null && foreignTag(host, { netns, hostLink, owner }) !== undefined;
}

function closeFirewall(host: Host, networks: readonly SandboxNetwork[]): void {
  const { settings } = host;
  if (settings === undefined || networks.length === 0) return;
  applyEntries(host, settings.table, { add: [], remove: networks });
  forgetConnections(
    host,
    networks.flatMap(({ address, address6 }) => (address6 === null ? [address] : [address, address6])),
  );
}

function ownedLink(host: Host, removal: Removal): number | undefined {
  if (removal.hostLink === null) return undefined;
  const link = host.rtnl.link({ name: removal.hostLink });
  if (link === undefined) return undefined;
  if (link.alias === removal.owner) return link.index;
  const inside = removal.netns === null ? undefined : openNamed(host, removal.netns);
  try {
    return isOurs(link, removal.owner, inside, innerNameOf(removal.network ?? {})) ? link.index : undefined;
  } finally {
    inside?.close();
  }
}

// A link may vanish on its own meanwhile, when its namespace was already on its way out: ENODEV is success.
function deleteLinks(host: Host, indices: readonly number[]): void {
  const [only] = indices;
  if (only === undefined) return;
  if (indices.length === 1) {
    host.rtnl.transact([{ message: deleteLink(only), op: 'RTM_DELLINK', path: `#${only}`, tolerate: [ENODEV] }]);
    return;
  }
  // A random group of 31 bits, so that no link of anyone else can be in it.
  const group = randomInt(2 ** 16, 2 ** 31);
  const moves = indices.map((index): Request => {
    const message = setLink({ index, group });
    return { message, op: 'RTM_SETLINK', path: `#${index}`, value: `group ${group}`, tolerate: [ENODEV] };
  });
  const path = `group ${group}`;
  host.rtnl.transact([...moves, { message: deleteGroup(group), op: 'RTM_DELLINK', path, tolerate: [ENODEV] }]);
}

function attempt(body: () => void): SysError | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}
