// One file answers for all workloads of a tenant: nothing that runs may be missed by it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Activity } from '../../../agent/metrics/activity.js';
import { sampleBuffer } from '../../../cgroups/stats.js';

test('a tenant is quiet while its counter stands still, once for each round; what cannot be read never is', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'berth-activity-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const used = (usec: number) => writeFileSync(join(root, 'acme', 'cpu.stat'), `usage_usec ${usec}\n`);
  mkdirSync(join(root, 'acme'));
  used(10);
  const activity = new Activity((tenant) => join(root, tenant), sampleBuffer());
  t.teardown(() => activity.close());
  activity.begin();
  t.false(activity.quiet('acme'), 'nothing is known before');
  activity.begin();
  t.true(activity.quiet('acme'));
  used(11);
  t.true(activity.quiet('acme'), 'the next round will see it');
  activity.begin();
  t.false(activity.quiet('acme'));
  t.false(activity.quiet('nobody'));
  activity.begin();
  t.false(activity.quiet('nobody'));
  t.true(activity.quiet('acme'));
  // Nobody asked in a round: what happened meanwhile is not known any more.
  activity.begin();
  activity.begin();
  t.false(activity.quiet('acme'));
});
