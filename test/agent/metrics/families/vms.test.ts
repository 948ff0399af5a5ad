import test from 'ava';
import { Registry } from 'prom-client';
import { Collectors } from '../../../../agent/metrics/collectors.js';
import { addVmFamilies, type VmsSource } from '../../../../agent/metrics/families/vms.js';
import { parseText } from '../text.js';

async function pageOf(snapshots: ReturnType<VmsSource['snapshots']>) {
  const registry = new Registry();
  addVmFamilies(new Collectors(registry), { snapshots: () => snapshots });
  const { series } = parseText((await registry.metrics()).replaceAll('\n\n', '\n'));
  const of = (name: string) =>
    Object.fromEntries(
      [...series.values()].filter((one) => one.name === name).map(({ labels, value }) => [labels.tenant, value]),
    );
  return { count: of('berth_vm_snapshots'), bytes: of('berth_vm_snapshots_bytes') };
}

const snapshot = (tenant: string, ...bytes: number[]) => ({
  tenant,
  files: bytes.map((size, at) => ({ name: `${at}`, bytes: size, sha256: '' })),
});

test('snapshots and their bytes, by tenant', async (t) => {
  t.deepEqual(await pageOf([snapshot('acme', 10, 5), snapshot('other', 7), snapshot('acme', 1)]), {
    count: { acme: 2, other: 1 },
    bytes: { acme: 16, other: 7 },
  });
  t.deepEqual(await pageOf([]), { count: {}, bytes: {} });
});

test('of very many tenants those with the most bytes have series of their own, and nothing is lost', async (t) => {
  const many = Array.from({ length: 1000 }, (_, n) => snapshot(`t${n}`, n));
  const { count, bytes } = await pageOf([...many, snapshot('t999', 0)]);
  t.is(Object.keys(count).length, 201);
  t.is(bytes.t999, 999);
  t.is(count.t999, 2);
  t.is(bytes.t799, undefined);
  t.is(count._other, 800);
  t.is(bytes._other, (799 * 800) / 2);
});
