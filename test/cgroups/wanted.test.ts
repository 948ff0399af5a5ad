import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { cpuWanted } from '../../cgroups/wanted.js';
import { ReadBuffer } from '../../linux/read-buffer.js';
import { temporaryDirectory } from '../runner/temporary.js';

const buffer = new ReadBuffer(4096);
const stat = 'usage_usec 250000\nuser_usec 200000\nsystem_usec 50000\n';
const pressure =
  'some avg10=1.00 avg60=0.00 avg300=0.00 total=750000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n';

test('what a cgroup used and what it waited for are both wanted; without pressure only the first is known', (t) => {
  const dir = join(temporaryDirectory('wanted'), 'web-1');
  t.is(cpuWanted(dir, buffer), undefined, 'it is not there');
  mkdirSync(dir);
  writeFileSync(join(dir, 'cpu.stat'), stat);
  t.is(cpuWanted(dir, buffer), 250_000);
  writeFileSync(join(dir, 'cpu.pressure'), pressure);
  t.is(cpuWanted(dir, buffer), 1_000_000);
  writeFileSync(join(dir, 'cpu.pressure'), '');
  t.is(cpuWanted(dir, buffer), 250_000, 'cgroup.pressure is 0');
});
