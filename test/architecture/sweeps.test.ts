// A loop over all workloads holds the main loop for longer the more there are: it is sliced, or its reason stands here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../../agent', import.meta.url));

/** What has an item for each workload. */
const ALL =
  /\brecords\(\)|#actors\.values\(\)|\bactors\(\)|manager\.all\(\)|\btargets\(\)|\.holds\(\)|#holds$|#known\.(?:values|keys)\(\)|#ladders\.(?:values|keys)\(\)|\bscopesOf\(/;

/** Loops that are not sliced, and why that is right. */
const WHOLE: Readonly<Record<string, string>> = {
  'density/ledger.ts: this.#holds': 'a new overcommit: a microsecond for each, and nothing may be granted between',
  'density/licence-views.ts: ledger.holds()': 'a look into a map for each, when somebody asks',
  'density/density.ts: this.ledger.holds()': 'once, at the start of the agent',
  'daemon/housekeeping.ts: manager.records()': 'waits for the disk at each of them',
  'metrics/sampler.ts: this.#known.keys()':
    'a look into a set for each, once a sample, in one moment with the list itself',
  'workload/idling.ts: this.#known.keys()': 'a look into two sets for each guest that may be suspended, once a sample',
  'workload/manager.ts: this.#actors.values()': 'the end of the agent',
  'workload/manager.ts: this.records()': 'an addition for each, when somebody asks',
  'workload/volumes.ts: this.#records()': 'a look at the mounts of each, when somebody asks',
};

const ASKED = 'when somebody asks';
/** With 4,000 workloads half a millisecond. */
const COMPARED = 'a comparison, a key or a look into a map for each';

/** Chains over all workloads in one turn (`records().map(...)`), and why that is right. */
const DRAINED = 'while the node is drained, fifty times a second at most';
const CHAINED: Readonly<Record<string, string>> = {
  'daemon/adapters/overhead.ts: manager.records().flatMap': 'VMs that run, each some seconds after its start',
  'density/tenant-admin.ts: ledger.holds()].flatMap': ASKED,
  'limits/drift.ts: world.targets().filter': COMPARED,
  'daemon/daemon.ts: manager.records().map': 'once a minute, of each workload its image; and when somebody deletes one',
  'daemon/adapters/limits.ts: manager.records().map': 'a reload of the configuration',
  'daemon/adapters/idle-machines.ts: manager.records().flatMap': COMPARED,
  'daemon/adapters/limit-targets.ts: manager.records().filter': COMPARED,
  'limits/watch.ts: world.targets().map': COMPARED,
  'network/drift.ts: world.targets()).filter': COMPARED,
  'network/drift.ts: world.targets()).map': COMPARED,
  'daemon/observe.ts: records().filter': COMPARED,
  'daemon/adapters/pressure-actuator.ts: manager.records().flatMap':
    'once, at the start of the agent, and after a reload',
  'daemon/assembly/workloads.ts: records().filter': 'once, at the start of the agent',
  'daemon/assembly/workloads.ts: records().map': 'once, at the start of the agent',
  'daemon/adapters/pressure-targets.ts: records().filter': COMPARED,
  'workload/draining.ts: this.#actors.values()].map': DRAINED,
  'workload/draining.ts: this.#records().filter': DRAINED,
  'workload/eviction.ts: ledger.holds()].flatMap': 'a create that preempts: check and commit are one turn',
  'workload/in-kernel.ts: this.#records().filter': 'made before, in slices; here only put together',
  'workload/in-kernel.ts: this.#records().some': COMPARED,
  'workload/manager.ts: this.#actors.values()].map': COMPARED,
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

test('chains over all workloads are known, each with its reason', (t) => {
  const chain =
    /\b(?:\w+\.)*#?\w+(?:\.(?:values|keys))?\(\)\]?\)?\s*\.(?:filter|map|flatMap|some|every|find|forEach|reduce)\(/g;
  const found = new Set<string>();
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    for (const [text] of readFileSync(join(root, name), 'utf8').matchAll(chain))
      if (ALL.test(text)) found.add(`${name}: ${text.replace(/\s+|\($/g, '')}`);
  }
  t.deepEqual([...found].sort(), Object.keys(CHAINED).sort());
});
