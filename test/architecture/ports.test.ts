// What a class takes of others is declared beside it, and small: no bag of everything.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../../agent', import.meta.url));
const MOST = 8;

/** What takes more today. A number here only falls. */
const LARGER: Readonly<Record<string, number>> = {
  ActorPorts: 10,
  AdmissionPorts: 11,
  AgentPorts: 12,
  LimitPorts: 9,
  ManagerPorts: 9,
  RecoveryPorts: 14,
  SandboxPorts: 10,
  TakeDownPorts: 10,
  UpdatePorts: 10,
};

/** Who has all rooms at once: the assembly, and what it hands out whole. */
const ALL = [
  'daemon/assembly/assembly.ts',
  'daemon/assembly/density.ts',
  'daemon/assembly/workloads.ts',
  'daemon/assembly/world.ts',
];

interface Declared {
  readonly path: string;
  readonly parents: readonly string[];
  readonly members: readonly string[];
}

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

/** Interfaces by name; members are the lines at the first level of indentation, as the formatter leaves them. */
function interfaces(): ReadonlyMap<string, Declared> {
  const found = new Map<string, Declared>();
  for (const { path, text } of sources)
    for (const [, name = '', parents = '', body = ''] of text.matchAll(
      /^(?:export )?interface (\w+)(?: extends ([^{]*))? \{\n(.*?)^\}/gms,
    ))
      found.set(name, {
        path,
        parents: parents.match(/\b[A-Z]\w*\b/g) ?? [],
        members: [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?]?[:(<]/gm)].map(([, member = '']) => member),
      });
  return found;
}

function membersOf(name: string, all: ReadonlyMap<string, Declared>): ReadonlySet<string> {
  const declared = all.get(name);
  return new Set([
    ...(declared?.members ?? []),
    ...(declared?.parents ?? []).flatMap((one) => [...membersOf(one, all)]),
  ]);
}

test('the ports of a class are few, those that it inherits among them', (t) => {
  const all = interfaces();
  const ports = [...all.keys()].filter((name) => /Ports?$/.test(name));
  t.true(ports.length > 40);
  const large = ports.flatMap((name) => {
    const { size } = membersOf(name, all);
    return size > MOST ? [[name, size] as const] : [];
  });
  t.deepEqual(Object.fromEntries(large), LARGER, `at most ${MOST} members`);
});

test('nobody but the assembly has all rooms at once', (t) => {
  const importers = sources
    .filter(({ path, text }) => path !== 'daemon/world.ts' && /\bWorld\b[^;]*from '[./]*world\.js'/.test(text))
    .map(({ path }) => path);
  t.deepEqual(importers.sort(), ALL);
});
