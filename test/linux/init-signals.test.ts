import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isShieldedFrom } from '../../linux/init-signals.js';

/** Bit of SIGTERM. */
const TERM = '0000000000004000';
const NONE = '0000000000000000';

const shielded = (t: { teardown(fn: () => void): void }, pids: string, masks: Record<string, string> = {}): boolean => {
  const proc = mkdtempSync(join(tmpdir(), 'berth-proc-'));
  t.teardown(() => rmSync(proc, { recursive: true }));
  mkdirSync(join(proc, '7'));
  const fields = { SigBlk: NONE, SigIgn: NONE, SigCgt: NONE, ...masks };
  const lines = Object.entries(fields).map(([name, mask]) => `${name}:\t${mask}`);
  writeFileSync(join(proc, '7', 'status'), [`NSpid:\t${pids}`, ...lines, ''].join('\n'));
  return isShieldedFrom(7, constants.signals.SIGTERM, proc);
};

test('the first process of a namespace is shielded from a signal that it does not expect', (t) => {
  t.true(shielded(t, '7\t1'));
  t.true(shielded(t, '7\t4\t1'));
  t.true(shielded(t, '7\t1', { SigCgt: '0000000000000002' }));
});

test('a handler, a mask and a wish to ignore it stand as they are', (t) => {
  for (const field of ['SigBlk', 'SigIgn', 'SigCgt']) t.false(shielded(t, '7\t1', { [field]: TERM }), field);
});

test('other processes are not, nor one that is gone', (t) => {
  t.false(shielded(t, '7'));
  t.false(shielded(t, '7\t12'));
  t.false(shielded(t, '1'));
  t.false(isShieldedFrom(7, constants.signals.SIGTERM, '/nonexistent'));
});
