import test from 'ava';
import type { Escaped } from '../../../agent/model/record.js';
import { killEscaped } from '../../../agent/workload/processes.js';

/** No process has it: above the most that a kernel gives out. */
const FIRST = 2 ** 22 + 1;

test('one that is a new process at each look is followed, and killed at sight once it is noted', async (t) => {
  const asked: boolean[] = [];
  const told: Escaped[] = [];
  const members = async (_netns: string, { kill = false } = {}) => {
    asked.push(kill);
    // More looks than may find nobody (EMPTY_ROUNDS): each has ended by the time the answer is here.
    const pid = FIRST + asked.length;
    const bound = asked.length <= 30 ? [{ pid, startTime: 1, comm: 'perl' }] : [];
    return { pids: bound.map((one) => one.pid), bound, complete: bound.length === 0 };
  };
  await killEscaped({ members }, 'berth-web-1', async (found) => {
    t.true(told.length > 0 || asked.every((kill) => !kill), 'nobody is killed before the first is noted');
    told.push(...found);
  });
  t.deepEqual([asked[0], new Set(asked.slice(1))], [false, new Set([true])]);
  t.is(asked.length, 31);
  t.is(told.length, 30);
});
