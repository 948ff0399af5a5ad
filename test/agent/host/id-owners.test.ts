import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readIdOwners, sharedIds } from '../../../agent/host/id-owners.js';
import { temporaryDirectory } from '../../runner/temporary.js';

test('users, groups and subordinate ids within a range that workloads get are told, others are not', async (t) => {
  const etc = temporaryDirectory('etc');
  writeFileSync(join(etc, 'passwd'), 'root:x:0:0::/root:/bin/sh\nci:x:200000:100::/:/bin/sh\n');
  writeFileSync(join(etc, 'group'), 'root:x:0:\nvm:x:300010:\n');
  writeFileSync(
    join(etc, 'subuid'),
    'alice:100000:65536\nbob:165536:65536\nnobody:5:0\nodd\n:1:1\n1000:4294967295:x\n',
  );
  const owners = await readIdOwners(etc);
  const ranges = { 'drivers.exec.uids': { first: 165_535, last: 200_000 }, other: { first: 300_000, last: 300_010 } };
  t.deepEqual(sharedIds(ranges, owners), [
    'drivers.exec.uids: 200000 of user ci',
    `drivers.exec.uids: 100000-165535 of alice in ${etc}/subuid`,
    `drivers.exec.uids: 165536-231071 of bob in ${etc}/subuid`,
    'other: 300010 of group vm',
  ]);
  t.deepEqual(sharedIds({ free: { first: 300_011, last: 400_000 } }, owners), []);
  t.deepEqual(await readIdOwners('/nonexistent'), []);
});
