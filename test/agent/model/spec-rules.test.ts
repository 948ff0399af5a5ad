// Which kind of workload takes which field: what a kind cannot carry out is refused by name, and what clashes, too.
import test from 'ava';
import { parseSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';

const command = ['/x'];
const KINDS = {
  sandbox: { driver: 'exec', exec: { command } },
  plain: { driver: 'exec', exec: { command, isolation: 'none' } },
  rootfs: { driver: 'oci', oci: { rootfs: '/r', command } },
  image: { driver: 'oci', image: 'docker://debian:13' },
  bundle: { driver: 'oci', oci: { bundle: '/b' } },
  qemu: { driver: 'qemu', qemu: { kernel: '/k', root: '/r' } },
  imageGuest: { driver: 'qemu', image: 'docker://debian:13' },
  firecracker: { driver: 'firecracker', firecracker: { kernel: '/k', root: { path: '/r' } } },
  external: { driver: 'external', external: {} },
} as const;
type Kind = keyof typeof KINDS;

const CONTAINERS: readonly Kind[] = ['sandbox', 'rootfs', 'image'];
const NAMED: readonly Kind[] = [...CONTAINERS, 'imageGuest'];
const DESCRIBED: readonly Kind[] = [...NAMED, 'plain'];
const PROCESSES: readonly Kind[] = [...CONTAINERS, 'plain', 'bundle'];
const GUESTS: readonly Kind[] = ['qemu', 'firecracker', 'imageGuest'];

const FIELDS: Readonly<Record<string, readonly [value: object, kinds: readonly Kind[]]>> = {
  env: [{ env: { A: '1' } }, DESCRIBED],
  envFile: [{ envFile: '/e' }, DESCRIBED],
  groups: [{ groups: [5] }, DESCRIBED],
  mounts: [{ mounts: [{ type: 'tmpfs', target: '/t' }] }, CONTAINERS],
  files: [{ files: [{ path: '/f', content: '' }] }, CONTAINERS],
  secrets: [{ secrets: [{ name: 'a' }] }, CONTAINERS],
  hostname: [{ hostname: 'a' }, NAMED],
  rlimits: [{ rlimits: { core: { soft: 0, hard: 0 } } }, CONTAINERS],
  capabilities: [{ capabilities: {} }, CONTAINERS],
  init: [{ init: true }, CONTAINERS],
  readOnlyRootfs: [{ readOnlyRootfs: true }, NAMED],
  'stop.signal': [{ stop: { signal: 'SIGINT' } }, [...PROCESSES, 'imageGuest']],
  'stop.grace': [{ stop: { grace: '1s' } }, [...PROCESSES, ...GUESTS]],
  'health.command': [{ health: { command } }, PROCESSES],
  health: [{ health: { tcp: 80 } }, [...PROCESSES, ...GUESTS]],
  idle: [{ idle: { suspendAfter: '10m' } }, GUESTS],
};

const wrong = (spec: object): readonly { field: string; problem: string }[] => {
  try {
    parseSpec({ id: 'a', ...spec });
    return [];
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return (error.data as { fields: { field: string; problem: string }[] }).fields;
  }
};

for (const [field, [value, kinds]] of Object.entries(FIELDS))
  for (const kind of Object.keys(KINDS) as Kind[])
    test(`${field}: ${kind} ${kinds.includes(kind) ? 'takes it' : 'refuses it by name'}`, (t) => {
      const found = wrong({ ...KINDS[kind], ...value });
      if (kinds.includes(kind)) t.deepEqual(found, []);
      else {
        t.is(found[0]?.field, field, JSON.stringify(found));
        t.regex(found[0]?.problem ?? '', /^does not go with (?:driver|exec|oci)/);
      }
    });

const files = (...paths: string[]) => ({ files: paths.map((path) => ({ path, content: '' })) });
const CLASHES: readonly (readonly [spec: object, field: string, problem: RegExp])[] = [
  [files('/a', '/a'), 'files.1.path', /^must not be within files\.0\.path, "\/a"/],
  [files('/a/b', '/a'), 'files.0.path', /within files\.1\.path, "\/a"/],
  [
    { mounts: [{ type: 'tmpfs', target: '/a' }], secrets: [{ name: 'x', path: '/a/x' }] },
    'secrets.0.path',
    /within mounts\.0\.target, "\/a"/,
  ],
  [{ mounts: [{ type: 'tmpfs', target: '/run' }], secrets: [{ name: 'x' }] }, 'secrets.0.path', /within mounts\.0/],
  [{ ...files('/run/secrets/x'), secrets: [{ name: 'x' }] }, 'secrets.0.path', /within files\.0\.path/],
  [{ secrets: [{ name: 'x' }, { name: 'x' }] }, 'secrets.1.path', /within secrets\.0\.path/],
  [{ files: [{ path: '/a' }] }, 'files.0', /^needs exactly one of content and contentBase64/],
  [{ files: [{ path: '/a', content: '', contentBase64: '' }] }, 'files.0', /^needs exactly one of/],
  [
    {
      files: Array(5)
        .fill(0)
        .map((_, at) => ({ path: `/f${at}`, content: 'x'.repeat(60_000) })),
    },
    'files',
    /262144 bytes/,
  ],
  [{ files: Array(33).fill({ path: '/a', content: '' }) }, 'files', /at most 32 entries/],
  [{ secrets: Array(33).fill({ name: 'a' }) }, 'secrets', /at most 32 entries/],
  [{ health: { command, tcp: 80 } }, 'health', /^needs exactly one of command, tcp and http/],
  [{ health: {} }, 'health', /^needs exactly one of command, tcp and http/],
  [{ health: { tcp: 80 }, network: { mode: 'none' } }, 'health', /berth asks by the network, but for health\.command/],
];

for (const [spec, field, problem] of CLASHES)
  test(`refused: ${JSON.stringify(spec).slice(0, 120)}`, (t) => {
    const found = wrong({ ...KINDS.sandbox, ...spec });
    t.deepEqual(
      found.map((one) => one.field),
      [field],
    );
    t.regex(found[0]?.problem ?? '', problem);
  });

test('a wrong file is refused without what it says', (t) => {
  for (const file of [
    { path: 'zq', content: 'zq-7f' },
    { path: '/f', contentBase64: 'zq-7f' },
    { path: '/f', content: 7 },
  ]) {
    const [found] = wrong({ ...KINDS.sandbox, files: [file] });
    t.notRegex(found?.problem ?? '', /zq-7f/);
    t.truthy(found);
  }
});
