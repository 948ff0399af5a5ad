import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { configureKsm, type KsmState, readKsm, requireKsm } from '../../../agent/host/ksm.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { specOf } from '../workload/fake-world.js';

const file = 'kernel/mm/ksm/run';

function sys(run?: string): string {
  const root = temporaryDirectory('ksm');
  if (run === undefined) return root;
  mkdirSync(join(root, 'kernel/mm/ksm'), { recursive: true });
  writeFileSync(join(root, file), `${run}\n`);
  return root;
}

test('the switch of the host is read, and whether this kernel lets a program inherit its own', (t) => {
  t.deepEqual(readKsm(sys(), '6.12.1'), { run: null, inherited: true });
  t.deepEqual(readKsm(sys('2'), '6.8.0-31-generic'), { run: 2, inherited: false });
  t.deepEqual(readKsm(sys('1'), '6.9-rc1'), { run: 1, inherited: true });
  t.deepEqual(readKsm(sys('0'), '10.0.0'), { run: 0, inherited: true });
});

test('who asks for merging and would not get it is refused, with what to do', (t) => {
  const asks = specOf({ resources: { memory: { ksm: true } } });
  const refused = (state: KsmState, spec = asks) =>
    t.throws(() => requireKsm(spec, state), { code: 'ksm_unavailable' });
  t.regex(refused({ run: null, inherited: true })?.message ?? '', /built without KSM/);
  t.regex(refused({ run: 1, inherited: false })?.message ?? '', /cannot pass it on/);
  for (const run of [0, 2] as const) t.regex(refused({ run, inherited: true })?.message ?? '', /off on this host/);
  t.notThrows(() => requireKsm(asks, { run: 1, inherited: true }));
  const { qemu } = parseSpec({ id: 'vm', driver: 'qemu', qemu: { kernel: '/k', initrd: '/i' } });
  t.notThrows(() => requireKsm({ ...asks, qemu }, { run: 1, inherited: false }), 'QEMU asks itself');
  t.notThrows(() => requireKsm(specOf({}), { run: null, inherited: false }), 'it does not ask');
});

test('merging is turned on where the configuration says so, with a warning of what stays, and never off', (t) => {
  const warnings: string[] = [];
  const log = { warn: (_data: object, message: string) => void warnings.push(message) };
  const now = (root: string) => readFileSync(join(root, file), 'latin1').trim();
  const host = sys('0');
  configureKsm('off', log, host);
  t.is(now(host), '0');
  configureKsm('on', log, host);
  t.is(now(host), '1');
  t.regex(warnings.join(), /it stays on without berth/);
  configureKsm('on', log, host);
  configureKsm('off', log, host);
  t.is(now(host), '1');
  t.is(warnings.length, 1);
  configureKsm('on', log, sys());
  t.regex(warnings[1] ?? '', /has no KSM/);
});
