import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { METHODS } from '../../../agent/control/methods.js';
import { parseTenantChange } from '../../../agent/density/tenant-settings.js';
import { Tenants } from '../../../agent/density/tenants.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { Gi } from './shapes.js';

const config = configSchema.parse({
  density: { max_workloads_per_tenant: 50 },
  tenant: {
    acme: { memory: '4Gi', limits: { memory: '5Gi', cpu_weight: 200, io: [{ device: '/dev/vda', readBps: '1M' }] } },
  },
});
const open = async (directory = temporaryDirectory('tenants'), damaged: unknown[] = []) => {
  const tenants = new Tenants({ directory, config, onDamaged: (entry) => damaged.push(entry) });
  await tenants.load();
  return { tenants, directory, damaged };
};
const fine = () => undefined;

test('the protocol over the file over the default, each value with where it comes from', async (t) => {
  const { tenants } = await open();
  t.deepEqual(tenants.get('acme').quota, { workloads: 50, memory: 4 * Gi });
  await tenants.change('acme', parseTenantChange({ quota: { memory: '2Gi', cpu: 1.5 }, limits: { pids: 99 } }), fine);
  const { quota, limits, sources } = tenants.get('acme');
  t.deepEqual(quota, { workloads: 50, memory: 2 * Gi, cpu: 1.5 });
  t.deepEqual(limits, { memory: 5 * Gi, cpuWeight: 200, io: [{ device: '/dev/vda', readBps: 1_000_000 }], pids: 99 });
  t.like(sources, {
    'quota.workloads': 'default',
    'quota.memory': 'protocol',
    'limits.memory': 'file',
    'limits.pids': 'protocol',
  });
  await tenants.change('acme', parseTenantChange({ quota: { memory: null } }), fine);
  t.is(tenants.get('acme').quota.memory, 4 * Gi);
});

test('what was set is there after a restart, and gone after a removal', async (t) => {
  const { tenants, directory } = await open();
  await tenants.change('new', parseTenantChange({ guaranteed: { cpu: 1 }, licences: { db: 2 } }), fine);
  const again = (await open(directory)).tenants;
  t.deepEqual(again.get('new').guaranteed, { cpu: 1 });
  t.deepEqual(again.get('new').licences, { db: 2 });
  t.true(again.known('new'));
  await again.remove('new', fine);
  t.false((await open(directory)).tenants.known('new'));
});

test('a torn, a foreign and a half-written file are set aside or ignored, and nothing else is lost', async (t) => {
  const { tenants, directory } = await open();
  await tenants.change('good', parseTenantChange({ quota: { cpu: 1 } }), fine);
  const text = readFileSync(join(directory, 'tenants/good.json'), 'utf8');
  writeFileSync(join(directory, 'tenants/torn.json'), text.slice(0, 20));
  writeFileSync(join(directory, 'tenants/other.json'), text);
  writeFileSync(join(directory, 'tenants/half.json.tmp'), text.slice(0, 9));
  const { tenants: again, damaged } = await open(directory);
  t.is(damaged.length, 2);
  t.deepEqual(again.names(), ['acme', 'good']);
  t.deepEqual(readdirSync(join(directory, 'tenants')), ['good.json', 'other.json.damaged', 'torn.json.damaged']);
});

test('a check that throws leaves file and memory as they were', async (t) => {
  const { tenants, directory } = await open();
  const refuse = () => {
    throw new Error('no');
  };
  await t.throwsAsync(tenants.change('x', parseTenantChange({ quota: { cpu: 1 } }), refuse), { message: 'no' });
  t.false(tenants.known('x'));
  t.deepEqual(readdirSync(join(directory, 'tenants')), []);
});

test('listeners hear of what has changed, and of nothing else', async (t) => {
  const { tenants } = await open();
  const heard: string[] = [];
  tenants.onChange(({ name, limits }) => heard.push(`${name} ${limits.pids ?? 'none'}`));
  await tenants.change('a', parseTenantChange({ limits: { pids: 5 } }), fine);
  await tenants.change('a', parseTenantChange({ limits: { pids: 5 } }), fine);
  t.deepEqual(heard, ['a 5']);
  tenants.setConfig({ ...config, tenant: { b: { limits: { pids: 7 } } } }, new Map());
  t.deepEqual(heard, ['a 5', 'acme none', 'b 7']);
  await tenants.remove('a', fine);
  t.deepEqual(heard.at(-1), 'a none');
});

test('absurd quantities are refused by name', (t) => {
  for (const [change, field] of [
    [{ quota: { memory: '-1' } }, 'quota.memory'],
    [{ quota: { memory: -5 } }, 'quota.memory'],
    [{ quota: { memory: '99999999Ti' } }, 'quota.memory'],
    [{ quota: { memory: 2 ** 60 } }, 'quota.memory'],
    [{ quota: { cpu: -1 } }, 'quota.cpu'],
    [{ quota: { cpu: 1e300 } }, 'quota.cpu'],
    [{ quota: { workloads: 1.5 } }, 'quota.workloads'],
    [{ quota: { workloads: 1e12 } }, 'quota.workloads'],
    [{ quota: { colour: 1 } }, 'quota'],
    [{ limits: { cpuWeight: 0 } }, 'limits.cpuWeight'],
    [{ limits: { memory: 0 } }, 'limits.memory'],
    [{ limits: { memory: '100K' } }, 'limits.memory'],
    [{ licences: { db: -1 } }, 'licences.db'],
  ] as const) {
    const error = t.throws(() => parseTenantChange(change), { code: 'invalid_quota' }, JSON.stringify(change));
    t.regex(error?.message ?? '', new RegExp(field.replace('.', '\\.')));
  }
});

test('no tenant is named as the cgroup of the supervisor, which would be its own', (t) => {
  const spec = { id: 'web-1', tenant: 'supervisor', driver: 'exec', exec: { command: ['/bin/true'] } };
  t.throws(() => parseSpec(spec), { code: 'invalid_spec', message: /tenant: .*supervisor/ });
  t.false(METHODS['tenant.set'].safeParse({ tenant: 'supervisor' }).success);
  t.false(configSchema.safeParse({ tenant: { supervisor: {} } }).success);
});
