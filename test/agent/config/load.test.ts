import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'smol-toml';
import { configJsonSchema, configMarkdown, defaultToml, dumpToml } from '../../../agent/config/document.js';
import { shapeAt, shapeOf } from '../../../agent/config/inspect.js';
import { type Loaded, loadConfig } from '../../../agent/config/load.js';
import { REMOVED } from '../../../agent/config/removed.js';
import { configSchema } from '../../../agent/config/schema.js';
import { flagOf, flatNames, type Problem, variableOf } from '../../../agent/config/sources.js';
import { BerthError } from '../../../protocol/errors.js';
import { fc } from '../../runner/property.js';

interface Sources {
  readonly file?: string;
  readonly dropIns?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: readonly (readonly [string, string])[];
  readonly named?: string;
}

function problemsOf(error: BerthError): readonly Problem[] {
  return (error.data?.problems ?? []) as readonly Problem[];
}

/** Loads from a directory of its own; names of files are told without it. */
async function load(t: ExecutionContext, sources: Sources): Promise<Loaded> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  if (sources.file !== undefined) writeFileSync(join(directory, 'berth.toml'), sources.file);
  mkdirSync(join(directory, 'berth.d'));
  for (const [name, text] of Object.entries(sources.dropIns ?? {}))
    writeFileSync(join(directory, 'berth.d', name), text);
  const strip = (text: string) => text.replaceAll(`${directory}/`, '');
  try {
    const loaded = await loadConfig({
      ...(sources.named === undefined ? {} : { file: join(directory, sources.named) }),
      env: sources.env ?? {},
      flags: (sources.flags ?? []).map(([name, value]) => ({ name, value })),
      defaults: { file: join(directory, 'berth.toml'), dropIns: join(directory, 'berth.d') },
    });
    return {
      ...loaded,
      origins: new Map([...loaded.origins].map(([key, origin]) => [key, strip(origin)])),
      files: loaded.files.map(strip),
      warnings: loaded.warnings.map((warning) => ({ ...warning, origin: strip(warning.origin) })),
    };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    const problems = problemsOf(error).map((p) => ({ ...p, origin: strip(p.origin) }));
    throw new BerthError(error.code, strip(error.message), { data: { problems } });
  }
}

test('no source at all gives the defaults', async (t) => {
  const { config, origins, files } = await load(t, {});
  t.deepEqual(config, configSchema.parse({}));
  t.is(origins.size, 0);
  t.deepEqual(files, []);
});

test('file < drop-ins in name order < environment < flag, with origins', async (t) => {
  const section = (values: readonly number[]) =>
    `[density]\n${['max_workloads', 'max_workloads_per_tenant', 'cpu_overcommit', 'memory_overcommit', 'reserved_cpu']
      .slice(0, values.length)
      .map((key, i) => `${key} = ${values[i]}`)
      .join('\n')}\n`;
  const { config, origins, files } = await load(t, {
    file: section([1, 1, 1, 1, 1]),
    dropIns: {
      '20-b.toml': section([3, 3, 3]),
      '10-a.toml': section([2, 2, 2, 2]),
      '.hidden.toml': 'x',
      'note.txt': 'x',
    },
    env: { BERTH_DENSITY_MAX_WORKLOADS: '4', BERTH_DENSITY_MAX_WORKLOADS_PER_TENANT: '4', OTHER: 'x' },
    flags: [['density.max-workloads', '5']],
  });
  const d = config.density;
  t.deepEqual(
    [d.max_workloads, d.max_workloads_per_tenant, d.cpu_overcommit, d.memory_overcommit, d.reserved_cpu],
    [5, 4, 3, 2, 1],
  );
  t.deepEqual(Object.fromEntries(origins), {
    'density.max_workloads': '--density.max-workloads',
    'density.max_workloads_per_tenant': 'BERTH_DENSITY_MAX_WORKLOADS_PER_TENANT',
    'density.cpu_overcommit': 'berth.d/20-b.toml:4',
    'density.memory_overcommit': 'berth.d/10-a.toml:5',
    'density.reserved_cpu': 'berth.toml:6',
  });
  t.deepEqual(files, ['berth.toml', 'berth.d/10-a.toml', 'berth.d/20-b.toml']);
});

test('tables are merged, lists replaced', async (t) => {
  const { config } = await load(t, {
    file: '[node.labels]\na = "1"\nb = "1"\n[[control.scheduler]]\nurl = "wss://a"\n[[control.scheduler]]\nurl = "wss://b"\n',
    dropIns: { 'x.toml': 'node.labels.b = "2"\n[[control.scheduler]]\nurl = "wss://c"\n' },
  });
  t.deepEqual(config.node.labels, { a: '1', b: '2' });
  t.deepEqual(
    config.control.scheduler.map(({ url }) => url),
    ['wss://c'],
  );
});

test('--config replaces the first file and must exist', async (t) => {
  const file = '[log]\nlevel = "warn"\n';
  const named = await load(t, { file: 'x = 1', dropIns: { 'my.toml': file }, named: 'berth.d/my.toml' });
  t.is(named.config.log.level, 'warn');
  await t.throwsAsync(load(t, { named: 'none.toml' }), {
    code: 'config_invalid',
    message: 'none.toml: there is no such file',
  });
});

test('every key can be set by variable and flag', async (t) => {
  const root = shapeOf(configSchema);
  for (const name of flatNames(root)) {
    const key = name.replace('NAME', 'acme-db');
    const shape = shapeAt(root, key.split('.'));
    const map = shape?.kind === 'map' && shape.value.kind === 'number' ? '{"a": 1}' : '{"a": "b"}';
    const sample = shape?.kind === 'list' ? '[]' : shape?.kind === 'map' ? map : sampleOf(key, shape?.fallback);
    const byEnv = await load(t, { env: { [variableOf(key)]: sample } });
    t.is(byEnv.origins.get(shape?.kind === 'map' ? `${key}.a` : key), variableOf(key), key);
    const byFlag = await load(t, { flags: [[flagOf(key).slice(2), sample]] });
    t.deepEqual(byFlag.config, byEnv.config, key);
    if (!name.includes('NAME')) t.deepEqual((await load(t, { flags: [[key, sample]] })).config, byEnv.config, key);
  }
});

function sampleOf(key: string, fallback: unknown): string {
  if (fallback !== undefined) return String(fallback);
  return key.endsWith('memory') ? '1Gi' : '2';
}

test('the variables of berth that are no keys are left alone', async (t) => {
  const env = { BERTH_CONNECT: '/x', BERTH_LAB_CACHE: '/y', BERTH_TENANT: 'acme', BERTH_WORKLOAD_ID: 'w' };
  t.deepEqual((await load(t, { env })).config, configSchema.parse({}));
});

const FILE_MISTAKES: readonly (readonly [string, string])[] = [
  ['[web]\nlisten = "9464"', 'berth.toml:2: web.listen must be an address with a port up to 65535'],
  ['[web]\nlisten = "127.0.0.1:99999"', 'berth.toml:2: web.listen must be an address with a port up to 65535'],
  ['[web]\nlisten = "metrics.example:80"', 'berth.toml:2: web.listen must be an address with a port up to 65535'],
  [
    '[lifecycle]\nreap_schedule = "every minute"',
    'berth.toml:2: lifecycle.reap_schedule must be a cron expression such as "0 22 * * 1-5"',
  ],
  ['[lifecycle]\nreap_schedule = "0 0 31 2 *"', 'berth.toml:2: lifecycle.reap_schedule must be a cron expression'],
  ['[node]\nname = "größe"', 'berth.toml:2: node.name must be printable ASCII'],
  [
    `[control]\nsocket = "/${'s'.repeat(119)}"`,
    'berth.toml:2: control.socket must be at most 107 bytes: the kernel takes no longer path for a socket',
  ],
  [
    `[paths]\nruntime = "/${'r'.repeat(100)}"`,
    'berth.toml:2: paths.runtime is too long: a socket below it, supervisor.sock',
  ],
  ['[control]\nheartbeat = "0s"', 'berth.toml:2: control.heartbeat must be a duration from 100ms to 1h (it is "0s")'],
  ['[metrics]\ninterval = "0s"', 'berth.toml:2: metrics.interval must be a duration from 100ms to 1h (it is "0s")'],
  [
    '[lifecycle]\nstop_grace = "5000d"',
    'berth.toml:2: lifecycle.stop_grace must be a duration from 0s to 3650d (it is "5000d")',
  ],
  [
    '[[control.scheduler]]\nid = "a"\nurl = "wss://user:PW@host/"',
    'berth.toml:3: control.scheduler.0.url must not hold a user or a password: name a file in token_file',
  ],
  [
    '[[control.scheduler]]\nurl = "wss://host/?token=T"',
    'berth.toml:2: control.scheduler.0.url must not hold a secret in its query: name a file in token_file',
  ],
  [
    '[[control.scheduler]]\nurl = "ws://192.0.2.1"\ninsecure = true\ntoken_file = "/t"',
    'berth.toml:2: control.scheduler.0.url would send the token where others can read it: use wss://',
  ],
  [
    '[[control.scheduler]]\nurl = "ws://192.0.2.1"',
    'berth.toml:2: control.scheduler.0.url is not encrypted: whoever is on the way could command this node',
  ],
  [
    '[density]\nmax_workload = 5',
    'berth.toml:2: density.max_workload is not a configuration key; did you mean density.max_workloads?',
  ],
  ['\n\n[densty]', 'berth.toml:3: densty is not a configuration key; did you mean density?'],
  ['xyzzy = 1', 'berth.toml:1: xyzzy is not a configuration key'],
  ['[density]\n\nmax_workloads = "5"', 'berth.toml:3: density.max_workloads must be a number (it is "5")'],
  ['density.max_workloads = 1.5', 'berth.toml:1: density.max_workloads must be a whole number (it is 1.5)'],
  ['density = 5', 'berth.toml:1: density must be a table (it is 5)'],
  ['[density]\ncpu_overcommit = 100', 'berth.toml:2: density.cpu_overcommit must be at most 20 (it is 100)'],
  ['[density]\ndefault_cpu_request = 0', 'berth.toml:2: density.default_cpu_request must be at least 0.001 (it is 0)'],
  [
    '[log]\nlevel = "loud"',
    'berth.toml:2: log.level must be one of "trace", "debug", "info", "warn", "error" (it is "loud")',
  ],
  [
    '[metrics]\ninterval = "5"',
    'berth.toml:2: metrics.interval must be a duration such as "500ms", "30s", "5m" or "7d" (it is "5")',
  ],
  [
    '[tenant.acme]\nmemory = "much"',
    'berth.toml:2: tenant.acme.memory must be a size such as "512Mi" or "1G", below 8192Ti (it is "much")',
  ],
  ['[tenant.Acme]\ncpu = 1', 'berth.toml:1: tenant.Acme must be 1-63 of [a-z0-9-], not starting or ending with "-"'],
  [
    '[tenant.supervisor]\ncpu = 1',
    'berth.toml:1: tenant.supervisor must not be "supervisor": the cgroup of that name is not a tenant\'s',
  ],
  ['[tenant.acme.limits]\nmemory = "1"', 'berth.toml:2: tenant.acme.limits.memory must be at least 1Mi (it is "1")'],
  [
    '[[control.scheduler]]\nurl = "wss://a"\n[[control.scheduler]]\nid = "b"',
    'berth.toml:3: control.scheduler.1.url is missing',
  ],
  [
    '[[control.scheduler]]\nurl = "wss://a"\n[[control.scheduler]]\nid = "b"\nurl = "http://b"',
    'berth.toml:5: control.scheduler.1.url must start with ws:// or wss://',
  ],
  [
    '# [drivers]\n[drivers]\nqemu = { accel = "fast" }',
    'berth.toml:3: drivers.qemu.accel must be one of "auto", "kvm", "tcg" (it is "fast")',
  ],
  [
    '[paths]\nstate = """/\nlevel = 3\n[log]\n"""\n[node.labels]\nx = [\n "a" ]',
    'berth.toml:7: node.labels.x must be a string',
  ],
  // Each schema leaves such a member of a map out.
  ['[node.labels]\n__proto__ = "x"', 'berth.toml:2: node.labels.__proto__ must not be named __proto__'],
  ['[licence.__proto__]\ncount = 1', 'berth.toml:1: licence.__proto__ must not be named __proto__'],
  ['version = 2', 'berth.toml:1: version must be one of 1 (it is 2)'],
  ['[log\nlevel', 'berth.toml:1:5: is not valid TOML: '],
];
for (const [file, message] of FILE_MISTAKES) {
  test(`mistake in a file: ${JSON.stringify(file)}`, async (t) => {
    const error = await t.throwsAsync<BerthError>(load(t, { file }), { code: 'config_invalid' });
    t.true(error.message.startsWith(message), error.message);
  });
}

const NAMED_MISTAKES: readonly (readonly [Sources, string])[] = [
  [
    { env: { BERTH_DENSTIY_MAX_WORKLOADS: '1' } },
    'BERTH_DENSTIY_MAX_WORKLOADS: is not a configuration key; did you mean BERTH_DENSITY_MAX_WORKLOADS?',
  ],
  [{ env: { BERTH_DENSITY: '1' } }, 'BERTH_DENSITY: is not a configuration key'],
  [
    { env: { BERTH_DENSITY_MAX_WORKLOADS: '1e' } },
    'BERTH_DENSITY_MAX_WORKLOADS: density.max_workloads must be a number (it is "1e")',
  ],
  [
    { env: { BERTH_LICENCE: '{"__proto__": {"count": 1}}' } },
    'BERTH_LICENCE: licence.__proto__ must not be named __proto__',
  ],
  [
    { env: { BERTH_CONTROL_SCHEDULER: 'ws://a' } },
    'BERTH_CONTROL_SCHEDULER: control.scheduler must be a list (it is "ws://a")',
  ],
  [{ flags: [['log.levle', 'x']] }, '--log.levle: is not a configuration key; did you mean --log.level?'],
  [{ flags: [['network.mtu', '5']] }, '--network.mtu: network.mtu must be at least 576 (it is 5)'],
  [
    { flags: [['tenant.Acme.cpu', '5']] },
    '--tenant.Acme.cpu: tenant.Acme must be 1-63 of [a-z0-9-], not starting or ending with "-"',
  ],
];
for (const [sources, message] of NAMED_MISTAKES) {
  test(`mistake outside the files: ${message}`, async (t) => {
    const error = await t.throwsAsync<BerthError>(load(t, sources), { code: 'config_invalid' });
    t.true(error.message.startsWith(message), error.message);
  });
}

test('all mistakes at once, also one that a later source hides', async (t) => {
  const error = await t.throwsAsync<BerthError>(
    load(t, {
      file: '[log]\nlevel = "loud"\n',
      dropIns: { 'a.toml': '[x\n', 'b.toml': '[web]\nlisten = 1\n' },
      env: { BERTH_LOG_LEVEL: 'info', BERTH_X_Y: '1' },
      flags: [['log.x', '1']],
    }),
  );
  const origins = problemsOf(error)
    .map(({ origin }) => origin)
    .sort();
  t.deepEqual(origins, ['--log.x', 'BERTH_X_Y', 'berth.d/a.toml:1:3', 'berth.d/b.toml:2', 'berth.toml:2']);
  t.true(error.message.startsWith('the configuration has 5 problems:\n  '));
});

test('a key named __proto__ pollutes nothing', async (t) => {
  await t.throwsAsync(load(t, { file: '[__proto__]\nx = 1\n' }), { code: 'config_invalid' });
  t.is(({} as Record<string, unknown>).x, undefined);
});

test('the default file loads, as it is and with every key that has a default taken in', async (t) => {
  const text = defaultToml();
  t.deepEqual((await load(t, { file: text })).config, configSchema.parse({}));
  const samples = text.split('\n').filter((line) => !/^#\w+ =$/.test(line));
  const cut = samples.filter((_, i) => {
    const header = samples.slice(0, i + 1).findLast((l) => /^#?\[/.test(l)) ?? '';
    return !header.startsWith('#');
  });
  const all = cut.map((line) => line.replace(/^#(?=\w+ = )/, '')).join('\n');
  t.true(Object.keys(parse(all)).length > 5);
  t.deepEqual((await load(t, { file: all })).config, configSchema.parse({}));
});

test('a dump loads to the same configuration', async (t) => {
  const label = fc.string({ unit: 'grapheme', maxLength: 20 });
  const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
  const config = fc.record(
    {
      node: fc.record({
        name: fc.stringMatching(/^[!-~]{0,20}$/),
        labels: fc.dictionary(
          fc.stringMatching(/^[a-zA-Z0-9_./-]{1,20}$/).filter((s) => s !== '__proto__'),
          label,
        ),
      }),
      density: fc.record({ max_workloads: fc.nat(), cpu_overcommit: fc.double({ min: 0.1, max: 20, noNaN: true }) }),
      tenant: fc.dictionary(
        id,
        fc.record({ workloads: fc.nat(), memory: fc.constantFrom('1Gi', '5M') }, { requiredKeys: [] }),
      ),
      control: fc.record({
        scheduler: fc.array(
          fc.record({ url: fc.constant('wss://a:1/x?y=%23'), scopes: fc.array(id) }, { requiredKeys: ['url'] }),
          { maxLength: 3 },
        ),
      }),
      log: fc.record({ level: fc.constantFrom('trace', 'error') }),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(config, async (input) => {
      const wanted = configSchema.parse(input);
      const text = dumpToml({
        config: wanted,
        origins: new Map([['log.level', '/x:1']]),
        files: [],
        warnings: [],
        where: () => 'default',
      });
      t.deepEqual((await load(t, { file: text })).config, wanted);
    }),
    { numRuns: 100 },
  );
});

test('documents name every key', (t) => {
  const markdown = configMarkdown();
  const schema = JSON.stringify(configJsonSchema());
  for (const name of flatNames(shapeOf(configSchema))) {
    const key = name.split('.').at(-1) ?? '';
    t.true(markdown.includes(`| \`${key}\` |`) || markdown.includes(`\`[[${name}]]\``), name);
    t.true(schema.includes(`"${key}"`), name);
  }
});

test('a value that may be a secret is not repeated, wherever it was written', async (t) => {
  const secret = 'hunter2';
  for (const [name, value] of [
    ['control.scheduler', `[{"url": "wss://a", "token_file": "${secret}"}]`],
    ['control.scheduler', `[{"url": "https://${secret}@a"}]`],
    ['control.scheduler', `wss://user:${secret}@a`],
    ['control.socket', `wss://user:${secret}@a`],
    ['web.config_file', secret],
  ] as const) {
    const loaded = loadConfig({ env: {}, flags: [{ name, value }], defaults: { file: '/none', dropIns: '/none' } });
    const error = await t.throwsAsync(loaded, { code: 'config_invalid' }, name);
    t.notRegex(JSON.stringify({ ...error, message: error?.message }), new RegExp(secret), name);
  }
});

test('a key of an earlier version is ignored with a warning, wherever it stands, and everything else counts', async (t) => {
  const { config, warnings, origins } = await load(t, {
    file: '[governor]\nmax_wait = "1m"\nrate = 2\nin_flight = "no number"\n',
    env: { BERTH_GOVERNOR_BURST: '7' },
    flags: [['governor.in-flight', '3']],
  });
  t.is(config.governor.max_wait, '1m');
  t.deepEqual(
    warnings.map(({ origin, key }) => `${origin} ${key}`),
    [
      'berth.toml:3 governor.rate',
      'berth.toml:4 governor.in_flight',
      'BERTH_GOVERNOR_BURST governor.burst',
      '--governor.in-flight governor.in_flight',
    ],
  );
  for (const { problem } of warnings) t.regex(problem, /^is not a configuration key any more and is ignored: .+/);
  t.deepEqual([...origins.keys()], ['governor.max_wait']);
  for (const key of REMOVED.keys()) t.is(shapeAt(shapeOf(configSchema), key.split('.')), undefined, `${key} is back`);
});
