// The walks of ARCHITECTURE.md: short enough to be followed, and every file on the way exists.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const MOST_STOPS = 12;
const ROOMS = ['agent', 'cgroups', 'netns', 'systemd', 'linux', 'protocol'];
const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');

const paths = ROOMS.flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((name) => `${room}/${name}`),
);

function section(title: string): string {
  const found = text.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`no section "${title}"`);
  return found;
}

/** A name without a folder is that of a file of any room. */
function exists(name: string): boolean {
  if (ROOMS.includes(name.split('/')[0] ?? '')) return existsSync(join(root, name));
  return paths.some((path) => path.endsWith(`/${name}`));
}

for (const title of ['The walk of one request', 'The walk of a kill'])
  test(`${title.toLowerCase()} has at most ${MOST_STOPS} stops`, (t) => {
    const stops = [...section(title).matchAll(/^(\d+)\. \*\*/gm)].map(([, number]) => Number(number));
    t.deepEqual(
      stops,
      stops.map((_, index) => index + 1),
    );
    t.true(stops.length > 5 && stops.length <= MOST_STOPS, String(stops.length));
  });

test('every source file that ARCHITECTURE.md names exists', (t) => {
  const named = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = '']) => name);
  t.true(named.length > 40);
  const missing = named.filter((name) => !(name.startsWith('test/') ? existsSync(join(root, name)) : exists(name)));
  t.deepEqual(missing, []);
});

test('every folder of a room that ARCHITECTURE.md names exists', (t) => {
  const named = [...text.matchAll(/`((?:agent|cgroups|netns|systemd|linux)\/[\w/-]*)`/g)].map(([, name = '']) => name);
  t.true(named.length > 5);
  t.deepEqual(
    named.filter((name) => !existsSync(join(root, name))),
    [],
  );
});
