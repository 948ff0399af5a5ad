import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { applyValues } from '../../cgroups/apply.js';
import { differences, isAchieved, readLines, readValues } from '../../cgroups/values.js';
import { SysError } from '../../linux/errors.js';
import { fc } from '../runner/property.js';
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
  t.deepEqual(await applyValues(dir, values, { fresh: true }), values);
  const held = values.map((value) => ({ ...value, previous: value.value }));
  t.deepEqual(await applyValues(dir, values), held);
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

test('what is held for each device is read from the file; what is not there holds nothing', (t) => {
  const dir = scratch(t);
  const lines = ['254:0 rbps=1048576 wbps=max riops=max wiops=max', '8:0 rbps=max wbps=max riops=9 wiops=max'];
  writeFileSync(join(dir, 'io.max'), lines.map((line) => `${line}\n`).join(''));
  writeFileSync(join(dir, 'io.latency'), '');
  const held = readLines(dir, ['io.max', 'io.weight', 'io.latency']);
  t.deepEqual(
    held,
    lines.map((value) => ({ file: 'io.max', value })),
  );
  t.deepEqual(readLines(join(dir, 'gone'), ['io.max']), []);
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

test('what is read back may be said in other words', (t) => {
  const same: readonly (readonly [file: string, wanted: string, got: string])[] = [
    ['cpuset.cpus', '3,0-1', '0-1,3'],
    ['cpuset.cpus', '', ''],
    ['cpu.uclamp.min', '33.30', '33.30'],
    ['cpu.uclamp.max', '100.00', 'max'],
    ['io.max', '8:0 rbps=max wbps=max riops=max wiops=max', ''],
    ['io.max', '8:0 wbps=5', '8:16 rbps=1 wbps=1 riops=1 wiops=1\n8:0 rbps=7 wbps=5 riops=max wiops=max'],
    ['io.weight', '8:0 default', 'default 100'],
    ['io.weight', '8:0 300', 'default 100\n8:0 300'],
    ['io.latency', '8:0 target=0', ''],
    ['rdma.max', 'mlx5_0 hca_handle=2 hca_object=max', 'mlx5_0 hca_handle=2 hca_object=max'],
    ['hugetlb.2MB.max', '4194305', '4194304'],
    ['hugetlb.1GB.max', '4194305', '0'],
  ];
  for (const [file, wanted, got] of same) t.true(isAchieved(file, wanted, got), `${file} ${wanted}`);
  const other: readonly (readonly [file: string, wanted: string, got: string])[] = [
    ['cpuset.cpus', '0-1', '0-2'],
    ['cpuset.cpus', '', '0'],
    ['cpuset.cpus', '0-31:2/4', ''],
    ['cpuset.cpus.partition', 'root', 'root invalid (Parent is not a partition root)'],
    ['cpu.uclamp.min', '33.30', '33.00'],
    ['io.max', '8:0 wbps=5', '8:16 rbps=max wbps=5 riops=max wiops=max'],
    ['io.weight', '8:0 300', 'default 300'],
    ['hugetlb.2MB.max', '4194305', '2097152'],
    ['misc.max', 'sev 1', 'sev 10'],
  ];
  for (const [file, wanted, got] of other) t.false(isAchieved(file, wanted, got), `${file} ${wanted}`);
});

test('one line of many is read, and what a missing line means', (t) => {
  const dir = scratch(t);
  writeFileSync(
    join(dir, 'io.max'),
    '8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=max riops=max wiops=max\n',
  );
  const at = (key: string) => ({ file: 'io.max', value: `${key} rbps=9` });
  t.deepEqual(readValues(dir, [at('8:16'), at('9:0'), { file: 'pids.max', value: '1' }]), [
    { file: 'io.max', value: '8:16 rbps=2 wbps=max riops=max wiops=max' },
    { file: 'io.max', value: '9:0 rbps=max wbps=max riops=max wiops=max' },
  ]);
});

test('a second writer is found, and only where it wrote', (t) => {
  const dir = scratch(t);
  const write = (file: string, text: string) => writeFileSync(join(dir, file), text);
  write('memory.max', '4096\n');
  write('cpu.max', 'max 100000\n');
  write('cpu.max.burst', '90000\n');
  write('pids.max', '10\n');
  const wanted = [
    { file: 'memory.max', value: '4097' },
    { file: 'cpu.max', value: '50000 100000' },
    { file: 'cpu.max.burst', value: '10000' },
    { file: 'pids.max', value: '10' },
    { file: 'memory.low', value: '5' },
  ];
  // The burst that was written is above the quota: it has to go first.
  t.deepEqual(differences(dir, wanted), [
    { file: 'cpu.max.burst', value: '10000' },
    { file: 'cpu.max', value: '50000 100000' },
  ]);
});

test('an idle group is not said to have lost its weight', (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'cpu.idle'), '1\n');
  writeFileSync(join(dir, 'cpu.weight'), '1\n');
  const wanted = [
    { file: 'cpu.weight', value: '200' },
    { file: 'cpu.idle', value: '1' },
  ];
  t.deepEqual(differences(dir, wanted), []);
});

test('what was written before an error is put back', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'pids.max'), '100');
  writeFileSync(join(dir, 'memory.max'), '8192');
  const values = [
    { file: 'memory.max', value: '4096' },
    { file: 'pids.max', value: '200' },
    { file: 'cpu.weight', value: '5' },
  ];
  await t.throwsAsync(applyValues(dir, values), { message: /cpu.weight.*ENOENT/ });
  t.is(readFileSync(join(dir, 'memory.max'), 'utf8'), '8192');
  t.is(readFileSync(join(dir, 'pids.max'), 'utf8'), '100');
});

test('a limit that this kernel does not have is passed over only when it was to be none', async (t) => {
  const dir = scratch(t);
  const none = [
    { file: 'cpu.max.burst', value: '0' },
    { file: 'memory.zswap.writeback', value: '1' },
    { file: 'io.latency', value: '8:0 target=0' },
    { file: 'hugetlb.2MB.max', value: 'max' },
  ];
  t.deepEqual(await applyValues(dir, none), []);
  await t.throwsAsync(applyValues(dir, [{ file: 'cpu.max.burst', value: '1000' }]), { instanceOf: SysError });
  await t.throwsAsync(applyValues(join(dir, 'gone'), none), { instanceOf: SysError });
});
