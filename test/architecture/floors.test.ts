// The house has floors. An import goes down, types too; so a reader who begins on any floor never has to climb, and
// whatever stands on one can be tried without what stands above.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** From the top. Rooms of one floor know nothing of each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['agent'],
  ['agent/daemon', 'agent/cli'],
  ['agent/control', 'agent/web'],
  ['agent/workload', 'agent/doctor', 'agent/metrics', 'agent/cni'],
  ['agent/density', 'agent/pressure'],
  ['agent/drivers', 'agent/images', 'agent/snapshots'],
  ['agent/network', 'agent/limits', 'agent/placement'],
  ['agent/ends', 'agent/config', 'agent/host', 'agent/discovery'],
  ['agent/model'],
  ['agent/base'],
  ['cgroups', 'netns', 'systemd'],
  ['linux'],
];

const TOPS = ['agent', 'cgroups', 'linux', 'netns', 'systemd'];

const files = new Map(
  TOPS.flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${top}/${name}`),
  ).map((path) => [path, importsOf(path)]),
);

function importsOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, specifier = '']) =>
    posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts'),
  );
}

function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'agent' && !second.endsWith('.ts') ? `${top}/${second}` : top;
}

function floorOf(path: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(roomOf(path)));
}

test('every room has its floor', (t) => {
  const rooms = new Set([...files.keys()].map(roomOf));
  t.deepEqual([...rooms].sort(), FLOORS.flat().sort());
});

test('an import goes down the floors', (t) => {
  const up: string[] = [];
  let seen = 0;
  for (const [path, imports] of files)
    for (const other of imports) {
      if (!files.has(other) || roomOf(other) === roomOf(path)) continue;
      seen++;
      if (floorOf(other) <= floorOf(path)) up.push(`${path} imports ${other}`);
    }
  t.deepEqual(up, []);
  t.true(seen > 1000);
});

test('no files import each other in a circle', (t) => {
  // A file without imports that are left is on no circle; what remains at the end is.
  const left = new Map([...files].map(([path, imports]) => [path, new Set(imports.filter((one) => files.has(one)))]));
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    const done = new Set([...left].filter(([, imports]) => imports.size === 0).map(([path]) => path));
    for (const path of done) left.delete(path);
    for (const imports of left.values()) for (const path of done) imports.delete(path);
  }
  t.deepEqual(
    [...left].map(([path, imports]) => `${path} -> ${[...imports].join(', ')}`),
    [],
  );
});
