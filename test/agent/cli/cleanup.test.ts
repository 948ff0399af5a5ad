import test from 'ava';
import type { CleanupStep } from '../../../agent/workload/reaper.js';
import { berth, fakeAgent } from './fake.js';

const planned = (plan: readonly CleanupStep[]) => ({
  agent: fakeAgent({ 'node.cleanup': () => ({ removed: [], plan }) }),
});

test('a dry run says for each object what would be done and why', async (t) => {
  const plan: CleanupStep[] = [
    { kind: 'netns', name: 'berth-old', installation: null, action: 'keep', why: 'in use: process 7 is in it' },
    { kind: 'link', name: 'bt1', installation: '1a2b3c4d', action: 'remove', why: 'nobody uses it' },
  ];
  t.is(
    (await berth('cleanup --dry-run', planned(plan))).out,
    'would keep netns berth-old: in use: process 7 is in it\nwould remove link bt1 (installation 1a2b3c4d): nobody uses it\n',
  );
  t.is((await berth('cleanup --dry-run', planned([]))).out, 'nothing to remove\n');
});
