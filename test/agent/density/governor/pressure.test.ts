import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostStalls, pressureBetween, someOf } from '../../../../agent/density/governor/pressure.js';
import { temporaryDirectory } from '../../../runner/temporary.js';

function proc(files: Readonly<Record<string, string>>): string {
  const root = temporaryDirectory('pressure');
  mkdirSync(join(root, 'pressure'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'pressure', name), text);
  return root;
}
const text = (total: number) =>
  `some avg10=1.00 avg60=0.50 avg300=0.10 total=${total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n`;

test('the stall of the line "some" is read for all three, and its share of the time between two readings', (t) => {
  const stalls = hostStalls(proc({ cpu: text(1_000_000), io: text(5), memory: text(0) }));
  t.deepEqual(stalls?.io, { someUsec: 5, fullUsec: 7, someAvg10: 1, fullAvg10: 0 });
  const before = someOf(stalls);
  t.deepEqual(before, { cpu: 1_000_000, io: 5, memory: 0 });
  const after = someOf(hostStalls(proc({ cpu: text(1_500_000), io: text(5), memory: text(2_000_000) })));
  t.deepEqual(pressureBetween(before, after, 1000), { cpu: 0.5, io: 0, memory: 1 });
});

test('a kernel that keeps no pressure is no error, and a half of it is none', (t) => {
  t.is(hostStalls(proc({})), undefined);
  t.is(hostStalls(proc({ cpu: text(1), io: text(1) })), undefined);
  t.is(someOf(undefined), undefined);
  const one = { cpu: 1, io: 1, memory: 1 };
  t.deepEqual(pressureBetween(undefined, one, 1000), {});
  t.deepEqual(pressureBetween(one, undefined, 1000), {});
  t.deepEqual(pressureBetween(one, one, 0), {});
  t.deepEqual(pressureBetween(one, { cpu: 0, io: 1, memory: 1 }, 1000), { cpu: 0, io: 0, memory: 0 });
});
