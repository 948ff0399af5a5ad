// A driver and a family of metrics are added to a copy of the sources: each is files of its own and one entry of a table, and
// everything else knows it. What else has to be touched for one more shows here.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryDirectory } from '../runner/temporary.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const ROOMS = ['agent', 'cgroups', 'linux', 'netns', 'protocol', 'systemd'];

/** Files of the additions. */
const ADDED: Readonly<Record<string, string>> = {
  'agent/model/dummy-spec.ts': `
    import * as z from 'zod';
    import { driverKind } from './driver-kind.js';
    export const dummyKind = driverKind({
      section: z.strictObject({ word: z.string().meta({ description: 'of the dummy' }) }),
      example: { id: 'dummy-1', driver: 'dummy', network: { mode: 'none' }, dummy: { word: 'hello' } },
      describe: ({ word }) => \`dummy \${word}\`,
      alike: ({ word }) => [word],
    });`,
  'agent/drivers/dummy/index.ts': `
    import type { Driver } from '../driver.js';
    export const dummyDriver = (): Driver => ({
      name: 'dummy',
      requires: { program: 'dummy' },
      grants: async () => [],
      async check() {},
      confinement: async () => 'closed',
      tap: () => null,
      prepare: async ({ dummy }) => ({ argv: ['/bin/echo', dummy?.word ?? ''], env: {}, joinNetns: true }),
      async cleanup() {},
    });`,
  'agent/metrics/families/dummy.ts': `
    import type { Collectors } from '../collectors.js';
    import type { NodeSource } from './node.js';
    export function addDummyFamilies(c: Collectors, source: Pick<NodeSource, 'schedulers'>): void {
      c.gauge('berth_dummy_schedulers', 'Schedulers of this node.', [], () => [[{}, source.schedulers().length]]);
    }`,
};

interface Table {
  readonly imports: string;
  /** A line of today; the new entry comes before it. */
  readonly before: string;
  readonly entry: string;
}

const TABLES: Readonly<Record<string, Table>> = {
  'agent/model/driver-kinds.ts': {
    imports: "import { dummyKind } from './dummy-spec.js';",
    before: '  exec: execKind,',
    entry: '  dummy: dummyKind,',
  },
  'agent/drivers/index.ts': {
    imports: "import { dummyDriver } from './dummy/index.js';",
    before: '    external: externalDriver(),',
    entry: '    dummy: dummyDriver(),',
  },
  'agent/metrics/families/index.ts': {
    imports: "import { addDummyFamilies } from './dummy.js';",
    before: '  (c, { node }) => addNodeFamilies(c, node),',
    entry: '  (c, { node }) => addDummyFamilies(c, node),',
  },
};

/** Asks the rooms of the copy what they know of the additions. */
const QUESTIONS = `
  import { Registry } from 'prom-client';
  import { specHelp } from './dist/agent/cli/spec-help.js';
  import { configSchema } from './dist/agent/config/schema.js';
  import { usableDrivers } from './dist/agent/daemon/usable-drivers.js';
  import { createDrivers } from './dist/agent/drivers/index.js';
  import { Collectors } from './dist/agent/metrics/collectors.js';
  import { FAMILIES } from './dist/agent/metrics/families/index.js';
  import { describeProgram, DRIVER_KINDS } from './dist/agent/model/driver-kinds.js';
  import { storedSpec } from './dist/agent/model/stored-spec.js';
  import { parseSpec } from './dist/agent/model/spec.js';

  const spec = parseSpec(DRIVER_KINDS.dummy.example);
  const config = configSchema.parse({ density: { kind: { dummy: { workloads: 3 } } } });
  const drivers = createDrivers(config);
  const set = { find: (name) => drivers.get(name), host: { which: () => undefined, kvmUsable: false } };
  const registry = new Registry();
  const sources = { node: { schedulers: () => [{}, {}] }, sampled: {} };
  const collectors = new Collectors(registry);
  for (const add of FAMILIES) add(collectors, sources);
  console.log(JSON.stringify({
    described: describeProgram(spec),
    kept: storedSpec(spec).dummy,
    launch: (await drivers.get('dummy').prepare(spec)).argv,
    usable: usableDrivers(set, {}).find(({ name }) => name === 'dummy'),
    bound: config.density.kind.dummy.workloads,
    help: specHelp().includes('dummy.word') && specHelp().includes('"id": "dummy-1"'),
    page: (await registry.metrics()).match(/^berth_dummy_schedulers .*$/m)?.[0],
  }));
`;

/** The sources with all additions. */
function extendedCopy(): string {
  const copy = temporaryDirectory('additions');
  for (const room of ROOMS)
    cpSync(join(root, room), join(copy, room), {
      recursive: true,
      filter: (path) => !/\.[^/]+$/.test(path) || path.endsWith('.ts'),
    });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  const tsconfig = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const compilerOptions = { ...tsconfig.compilerOptions, sourceMap: false };
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ROOMS }));
  for (const [path, text] of Object.entries(ADDED)) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  }
  return copy;
}

test('a driver and a family of metrics are files of their own and an entry of a table', async (t) => {
  t.timeout(110_000);
  const copy = extendedCopy();
  for (const [path, { imports, before, entry }] of Object.entries(TABLES)) {
    const [head = '', tail, ...more] = readFileSync(join(copy, path), 'utf8').split(`\n${before}\n`);
    t.deepEqual([tail === undefined, more.length], [false, 0], `${path}: ${before}`);
    writeFileSync(join(copy, path), `${imports}\n${head}\n${entry}\n${before}\n${tail}`);
  }
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const compiled = await run(process.execPath, [tsc, '-p', copy]).catch(({ stdout }) => ({ stdout }));
  t.is(compiled.stdout, '', 'what does not compile has to be touched, too');
  writeFileSync(join(copy, 'questions.js'), QUESTIONS);
  const asked = await run(process.execPath, [join(copy, 'questions.js')]);
  t.deepEqual(JSON.parse(asked.stdout), {
    described: 'dummy hello',
    kept: { word: 'hello' },
    launch: ['/bin/echo', 'hello'],
    usable: { name: 'dummy', usable: false, reason: 'dummy is not installed' },
    bound: 3,
    help: true,
    page: 'berth_dummy_schedulers 2',
  });
});
