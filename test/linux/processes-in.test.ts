import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { processesIn } from '../../linux/namespace-holders.js';
import { temporaryDirectory } from '../runner/temporary.js';

/** A /proc with these processes: the namespace of each, a letter of /proc/PID/stat for one without, or nothing any more. */
function procOf(processes: Readonly<Record<number, number | string | undefined>>): string {
  const proc = temporaryDirectory('proc');
  for (const [pid, what] of Object.entries(processes)) {
    mkdirSync(join(proc, pid, 'ns'), { recursive: true });
    if (typeof what === 'number') symlinkSync(`net:[${what}]`, join(proc, pid, 'ns', 'net'));
    if (typeof what === 'string') writeFileSync(join(proc, pid, 'stat'), `${pid} (a) ${what} 1 1 1`);
  }
  return proc;
}

test('the processes in a namespace are told, and a zombie hides nobody', (t) => {
  t.deepEqual(processesIn(7, procOf({ 1: 5, 20: 7, 300: 7, 31: 'Z' })), {
    pids: [300, 20],
    bound: [],
    complete: true,
  });
});

test('who has ended before it was looked at may have started another', (t) => {
  t.deepEqual(processesIn(7, procOf({ 1: 5, 20: undefined })), { pids: [], bound: [], complete: false });
});
