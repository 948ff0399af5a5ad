// Every key of the configuration with the extremes that are right and the values that are wrong: what the schema accepts, the parts
// of the agent are made with; what it refuses, it refuses with the key, the value and what would be right.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { stringify } from 'smol-toml';
import { type Shape, shapeOf } from '../../../agent/config/inspect.js';
import { invalid, loadConfig } from '../../../agent/config/load.js';
import { configSchema } from '../../../agent/config/schema.js';
import { merge, type Tree } from '../../../agent/config/tree.js';
import type { BerthError } from '../../../protocol/errors.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { makeParts } from './consumers.js';
import { ROWS, type Row } from './values.js';

/** Paths of all keys; tables of a person's own under NAME, entries of a list under 0. */
function paths(shape: Shape, path: readonly string[] = []): string[] {
  if (shape.kind === 'table') return [...shape.keys].flatMap(([key, child]) => paths(child, [...path, key]));
  if (shape.kind === 'map' && shape.value.kind === 'table') return paths(shape.value, [...path, 'NAME']);
  if (shape.kind === 'list' && shape.item.kind === 'table') return paths(shape.item, [...path, '0']);
  return [path.join('.')];
}

const KEYS = paths(shapeOf(configSchema)).filter((key) => key !== 'version');

/** The row with the longest pattern that fits: `*` stands for one part of a key. */
function rowOf(key: string): Row | undefined {
  const fits = Object.keys(ROWS).filter((pattern) =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`).test(key),
  );
  const best = fits.sort((a, b) => a.split('*').length - b.split('*').length)[0];
  return best === undefined ? undefined : ROWS[best];
}

/** What a table needs beside the key in question. */
const NEEDED: Readonly<Record<string, Tree>> = {
  'control.access.0': { groups: ['ops'], role: 'tenant', tenants: ['a'] },
  'control.scheduler.0': { url: 'wss://scheduler.example/berth' },
  'density.window.0': { name: 'night', cron: '0 22 * * *', duration: '8h' },
  'tenant.NAME.limits.io.0': { device: '8:0', weight: 1 },
};

function treeOf(key: string, value: unknown, beside: Tree): Tree {
  const parts = key.split('.');
  const build = (at: number): unknown => {
    if (at === parts.length) return value;
    const part = parts[at] ?? '';
    const inner = build(at + 1);
    if (part === '0') return [{ ...NEEDED[parts.slice(0, at + 1).join('.')], ...(inner as Tree) }];
    return { [part === 'NAME' ? 'name' : part]: inner };
  };
  return merge(beside, build(0) as Tree);
}

const directory = temporaryDirectory('keys');
let files = 0;

/** As `berth config check` with a file that says just this. */
async function check(tree: Tree) {
  const file = join(directory, `${++files}.toml`);
  writeFileSync(file, stringify(tree));
  return loadConfig({ env: {}, flags: [], defaults: { file, dropIns: join(directory, 'berth.d') } });
}

test('every key has a row here', (t) => {
  t.deepEqual(
    KEYS.filter((key) => rowOf(key) === undefined),
    [],
  );
  t.true(KEYS.length > 200);
});

test('every row has values that are right and values that are wrong', (t) => {
  for (const [key, { good, bad }] of Object.entries(ROWS)) {
    t.true(good.length > 0, key);
    t.true(bad.length > 0, key);
  }
});

for (const key of KEYS)
  test(key, async (t) => {
    const row = rowOf(key);
    if (row === undefined) return void t.fail('has no row');
    for (const value of row.good) {
      const { config } = await check(treeOf(key, value, row.beside ?? {}));
      await t.notThrowsAsync(makeParts(config), `${key} = ${JSON.stringify(value)}`);
    }
    for (const value of row.bad) {
      const says = `${key} = ${JSON.stringify(value)}`;
      const error = await t.throwsAsync<BerthError>(check(treeOf(key, value, row.beside ?? {})), undefined, says);
      t.is(error?.code, 'config_invalid', says);
      const message = error?.message ?? '';
      t.true(message.includes(key.replace('NAME', 'name').replace(/\.0\..*/, '')), `${says}: ${message}`);
      t.regex(message, /must|is |has |would|overlaps/, says);
    }
  });

test('the formatter of these errors says nothing where nothing is wrong', (t) => {
  t.is(invalid([{ origin: 'f:1', key: 'a.b', problem: 'must be 1' }]).message, 'f:1: a.b must be 1');
});
