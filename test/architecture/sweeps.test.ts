// A loop over all workloads holds the main loop for longer the more there are: it is sliced, or its reason stands here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../../agent', import.meta.url));

/** What has an item for each workload. */
const ALL =
  /\brecords\(\)|#actors\.values\(\)|\bactors\(\)|manager\.all\(\)|\bsubjects\(\)|\.holds\(\)|#known\.(?:values|keys)\(\)/;

/** Loops that are not sliced, and why that is right. */
const WHOLE: Readonly<Record<string, string>> = {
  'density/density.ts: this.ledger.holds()': 'once, at the start of the agent',
  'housekeeping.ts: manager.records()': 'waits for the disk at each of them',
  'metrics/sampler.ts: this.#known.keys()':
    'a look into a set for each, once a sample, in one moment with the list itself',
  'workload/manager.ts: this.#actors.values()': 'the end of the agent',
  'workload/manager.ts: this.records()': 'an addition for each, when somebody asks',
};

test('loops over all workloads give the main loop its turn', (t) => {
  const found = new Set<string>();
  let sliced = 0;
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const text = readFileSync(join(root, name), 'utf8');
    for (const [, wait = '', items = ''] of text.matchAll(
      /\bfor (await )?\((?:const|let) [^;]*? of (.+?)\)(?: \{|\n| \w)/g,
    )) {
      if (wait !== '' && /^(?:sliced|inSlices)\(/.test(items)) sliced++;
      else if (ALL.test(items)) found.add(`${name}: ${items}`);
    }
  }
  t.deepEqual([...found].sort(), Object.keys(WHOLE).sort());
  t.true(sliced >= 8, `${sliced} sliced loops`);
});
