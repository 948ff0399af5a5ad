// Compares the elements in the kernel with what the sandboxes need.
import type { Host } from '../host.js';
import type { SandboxNetwork } from '../types.js';
import { type Entry, entriesOf, entryText, linkKey, placeOf, sameContent } from './entries.js';
import { deletePolicies, readPolicies } from './policy.js';
import { readEntries } from './read.js';
import type { Family } from './sets.js';
import { tableLoaded } from './setup.js';
import { commitSteps, type Step } from './steps.js';

export interface Missing {
  /** Whose sandbox it is; of an element of several (a tenant group), one of them. */
  readonly owner: string;
  readonly text: string;
}

export interface Audit {
  /** Elements that are absent, or there with other content; `applyEntries` of the owner's sandbox mends it. */
  readonly missing: readonly Missing[];
  /** Elements that no sandbox needs; `removeUnknown` deletes them. */
  readonly unknown: readonly string[];
}

/** `desired` is every sandbox of the host. Reads only. Throws SysError; ENOENT when the inet table is not loaded. */
export function auditEntries(host: Host, table: string, desired: readonly SandboxNetwork[]): Audit {
  const { missing, unknown, unused } = compare(host, table, desired);
  return {
    missing: [...missing].map(([entry, owner]) => ({ owner, text: entryText(entry) })),
    unknown: [...unknown.map(entryText), ...unused.map((name) => `inet ${name}`)],
  };
}

/** Deletes the elements that no sandbox of `desired`, all of the host, needs; how many. Throws SysError. */
export function removeUnknown(host: Host, table: string, desired: readonly SandboxNetwork[]): number {
  const { unknown, unused } = compare(host, table, desired);
  const steps = unknown.map((entry): Step => ({ entry, what: 'delete' }));
  // What changed under our hands is looked for again the next time.
  const elements = commitSteps(host, table, steps) ? unknown.length : 0;
  return elements + (deletePolicies(host, table, unused) ? unused.length : 0);
}

function compare(host: Host, table: string, desired: readonly SandboxNetwork[]) {
  const wanted = new Map<string, { entry: Entry; owner: string }>();
  for (const network of desired)
    for (const entry of entriesOf(network)) wanted.set(placeOf(entry), { entry, owner: network.owner });
  const links = new Set(desired.map(({ hostLink }) => linkKey(hostLink).toString('hex')));
  const families: Family[] = tableLoaded(host, table, 'bridge') ? ['inet', 'bridge'] : ['inet'];
  const unknown: Entry[] = [];
  for (const entry of families.flatMap((family) => readEntries(host, table, family))) {
    const want = wanted.get(placeOf(entry));
    if (want !== undefined) {
      if (sameContent(want.entry.element, entry.element)) wanted.delete(placeOf(entry));
    } else if (!entry.set.startsWith('dropped_') || !links.has(entry.element.key.toString('hex'))) {
      unknown.push(entry);
    }
  }
  const missing = new Map([...wanted.values()].map(({ entry, owner }) => [entry, owner]));
  const used = new Set(desired.flatMap(entriesOf).map(({ element }) => element.jump));
  return { missing, unknown, unused: readPolicies(host, table).filter((name) => !used.has(name)) };
}
