// What berth exports, as the tests of dashboards and rules need it: read from a page on which everything has happened.
import { readdirSync, readFileSync } from 'node:fs';
import { fullPage } from '../agent/metrics/full-page.js';
import { parseText } from '../agent/metrics/text.js';

export interface Exported {
  /** Names of families: those of TYPE. */
  readonly families: ReadonlySet<string>;
  /** By series, `_bucket` and the like included: its labels with the values that were seen. */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
}

/** Families that have no series unless something went wrong, with their labels. */
const SELDOM = { berth_scrape_errors_total: ['family'] };

export async function exported(): Promise<Exported> {
  const { series, types } = parseText(await fullPage({ process: true }));
  const labels = new Map<string, Map<string, Set<string>>>();
  for (const { name, labels: own } of series.values()) {
    const known = labels.get(name) ?? new Map<string, Set<string>>();
    labels.set(name, known);
    for (const [label, value] of Object.entries(own))
      known.set(label, (known.get(label) ?? new Set<string>()).add(value));
  }
  for (const [name, own] of Object.entries(SELDOM))
    labels.set(name, new Map(own.map((label) => [label, new Set<string>()])));
  return { families: new Set([...types.keys(), ...Object.keys(SELDOM)]), labels };
}

/** Names of families as the sources of the agent define them, process and Node.js families aside. */
export function defined(): ReadonlySet<string> {
  const text = sources(new URL('../../../agent/', import.meta.url));
  // Defined where a name of its own stands in quotes; in a sentence or in the name of a file it does not.
  return new Set([...text.matchAll(/'(berth_[a-z0-9_]+[a-z0-9])'/g)].map(([, name = '']) => name));
}

/** Every word in quotes of the sources: codes of conditions are among them. */
export function quotedWords(): ReadonlySet<string> {
  const text = sources(new URL('../../../agent/', import.meta.url));
  return new Set([...text.matchAll(/'([a-z0-9_]+)'/g)].map(([, word = '']) => word));
}

function sources(directory: URL): string {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(new URL(path, directory), 'utf8'))
    .join('\n');
}
