import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { applyValues, isAchieved } from '../../cgroups/values.js';
import { SysError } from '../../linux/errors.js';
import { scratch } from './fixture.js';

test('memory limits may lose the part of a page, nothing else may change', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 4096, max: 2 ** 50 }), fc.constantFrom(4096, 16_384, 65_536), (bytes, page) => {
      t.true(isAchieved('memory.max', String(bytes), String(bytes - (bytes % page))));
    }),
  );
  t.false(isAchieved('memory.max', '1048576', '524288'));
  t.false(isAchieved('memory.max', '1048576', 'max'));
  t.false(isAchieved('memory.max', '1048576', '1052672'));
  t.true(isAchieved('memory.max', '9223372036854771712', 'max'));
  t.false(isAchieved('pids.max', '100', '99'));
});

test('a quota without period keeps the period', (t) => {
  t.true(isAchieved('cpu.max', 'max', 'max 100000'));
  t.true(isAchieved('cpu.max', '50000', '50000 20000'));
  t.false(isAchieved('cpu.max', '50000 100000', '50000 20000'));
});

test('writes, reads back and says what was achieved', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'pids.max'), '');
  writeFileSync(join(dir, 'memory.max'), '');
  const values = [
    { file: 'pids.max', value: '128' },
    { file: 'memory.max', value: '8192' },
  ];
  t.deepEqual(await applyValues(dir, values), values);
  t.deepEqual(await applyValues(dir, values, { fresh: true }), values);
  t.is(readFileSync(join(dir, 'pids.max'), 'utf8'), '128');
});

test('a file the kernel does not have is an error, not a new file', async (t) => {
  const dir = scratch(t);
  const error = await t.throwsAsync(applyValues(dir, [{ file: 'cpu.weight', value: '5' }]), { instanceOf: SysError });
  t.is(error?.errnoName, 'ENOENT');
  t.is(error?.path, join(dir, 'cpu.weight'));
  t.is(error?.value, '5');
  t.false(existsSync(join(dir, 'cpu.weight')));
});

test('no swap to limit is fine when none was wanted', async (t) => {
  const dir = scratch(t);
  t.deepEqual(await applyValues(dir, [{ file: 'memory.swap.max', value: '0' }]), []);
  await t.throwsAsync(applyValues(dir, [{ file: 'memory.swap.max', value: '4096' }]), { instanceOf: SysError });
});

test('a value that reads back otherwise is an error with both', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'pids.max'), '9999');
  const error = await t.throwsAsync(applyValues(dir, [{ file: 'pids.max', value: '12' }]), { instanceOf: SysError });
  t.regex(error?.message ?? '', /verify .*pids.max.*"12".*"1299"/);
});
