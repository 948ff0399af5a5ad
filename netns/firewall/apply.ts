// Elements of sandboxes, put into the kernel: one transaction, one send, whatever the number of workloads.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import type { SandboxNetwork } from '../types.js';
import { type Entry, entriesOf, linkKey, placeOf, sameContent } from './entries.js';
import { readEntries } from './read.js';
import { dropSet, type Family, REASONS } from './sets.js';
import { commitSteps, type Step } from './steps.js';

const { ENOENT } = constants.errno;

/** What to change: `remove` holds the sandboxes as they are, `add` as they shall be; an update has both. */
export interface Change {
  readonly add: readonly SandboxNetwork[];
  readonly remove: readonly SandboxNetwork[];
}

/**
 * Brings the elements of sandboxes into the tables. Idempotent: what is there already stays (with its counters and
 * tracked connections), what is there with other content is replaced, what is missing need not be deleted. Established
 * connections are not touched. What several sandboxes share, tenant groups and policies, is added but never removed
 * (`removeUnknown` does).
 * Throws SysError; ENOENT when the tables are gone: then `setupFirewall` and all sandboxes again.
 */
export function applyEntries(host: Host, table: string, change: Change): void {
  try {
    const wanted = byPlace(change.add);
    const before = byPlace(change.remove);
    const kept = new Set(change.add.map(({ hostLink }) => hostLink));
    const counters = dropCounters(change.remove.filter(({ hostLink }) => !kept.has(hostLink)));
    if (commitSteps(host, table, difference(wanted, before, counters))) return;
    // The kernel disagrees with what the caller believed, which it does only after a crash or by a foreign hand: look,
    // and change the difference. Also the way of every removal before Linux 6.3.
    const steps = mending(host, table, wanted, before, counters);
    if (commitSteps(host, table, steps)) return;
  } catch (error) {
    // A table that is not loaded holds nothing that would have to go.
    if (change.add.length > 0 || !(error instanceof SysError) || error.errno !== ENOENT) throw error;
    return;
  }
  const note = 'someone else changes the elements of the table at the same time, repeat the call';
  throw new SysError('NFT_MSG_NEWSETELEM', constants.errno.EAGAIN, { path: table, note });
}

function difference(
  wanted: ReadonlyMap<string, Entry>,
  before: ReadonlyMap<string, Entry>,
  counters: readonly Entry[],
): Step[] {
  const deleted: Step[] = [];
  const added: Step[] = [];
  for (const [place, entry] of before) {
    const next = wanted.get(place);
    const stays = next === undefined ? entry.set === 'groups' : sameContent(entry.element, next.element);
    if (!stays) deleted.push({ entry, what: 'delete' });
  }
  for (const [place, entry] of wanted) {
    const old = before.get(place);
    if (old === undefined || !sameContent(old.element, entry.element)) added.push({ entry, what: 'add' });
  }
  return [...deleted, ...counters.map((entry): Step => ({ entry, what: 'destroy' })), ...added];
}

function mending(
  host: Host,
  table: string,
  wanted: ReadonlyMap<string, Entry>,
  before: ReadonlyMap<string, Entry>,
  counters: readonly Entry[],
): Step[] {
  const families = new Set([...wanted.values(), ...before.values()].map(({ family }) => family));
  const goneCounters = new Set(counters.map(placeOf));
  const added = new Map(wanted);
  const deleted: Step[] = [];
  for (const entry of [...families].flatMap((family) => readEntries(host, table, family))) {
    const place = placeOf(entry);
    const want = wanted.get(place);
    if (want !== undefined && sameContent(want.element, entry.element)) {
      added.delete(place);
      continue;
    }
    const former = before.has(place) && entry.set !== 'groups';
    if (want !== undefined || former || goneCounters.has(place)) deleted.push({ entry, what: 'delete' });
  }
  return [...deleted, ...[...added.values()].map((entry): Step => ({ entry, what: 'add' }))];
}

function byPlace(networks: readonly SandboxNetwork[]): Map<string, Entry> {
  return new Map(networks.flatMap(entriesOf).map((entry) => [placeOf(entry), entry]));
}

function dropCounters(networks: readonly SandboxNetwork[]): Entry[] {
  return networks.flatMap(({ hostLink, attachment }) => {
    const family: Family = attachment.mode === 'bridge' ? 'bridge' : 'inet';
    return REASONS[family].map((reason) => ({ family, set: dropSet(reason), element: { key: linkKey(hostLink) } }));
  });
}
