import test from 'ava';
import type { DrainView } from '../../../agent/model/drain.js';
import { DRAIN, fakeService } from '../control/fake-service.js';
import { type Answers, berth, fakeAgent } from './fake.js';

const session = { role: 'operator', tenants: null, allow: null } as const;
const NODE = { ...fakeService().describe(), cordoned: true, session };

/** An agent whose drain is looked at: the answer, then each look. */
function draining(views: readonly (DrainView | null)[], more: Answers = {}) {
  let at = 0;
  const next = (): DrainView | null => views[Math.min(at++, views.length - 1)] ?? null;
  return fakeAgent({
    'node.drain': () => ({ drain: next() }),
    'node.describe': () => ({ ...NODE, drain: next() }),
    ...more,
  });
}

const at = (over: Partial<DrainView>): DrainView => ({ ...DRAIN, total: 3, ...over });
const DONE = at({ phase: 'drained', stopped: 3, stopping: 0, left: [] });

test('drain: a line for each step, and how it ended', async (t) => {
  const agent = draining([at({ stopping: 2 }), at({ stopping: 2 }), at({ stopped: 2, stopping: 1 }), DONE]);
  const { exit, out } = await berth('node drain -l app=web --keep-class guaranteed --deadline 10m --grace 5s', {
    agent,
  });
  t.is(exit, 0);
  t.is(out, '0 of 3 stopped, 2 stopping\n2 of 3 stopped, 1 stopping\ndrained: 3 workloads stopped\n');
  t.deepEqual(agent.calls[0]?.params, {
    ...{ dryRun: false, selector: 'app=web', keepClass: 'guaranteed', deadline: 600_000, grace: 5000 },
  });
});

test('drain --json: one document', async (t) => {
  const { out, err } = await berth('node drain --json', { agent: draining([at({}), DONE]) });
  t.deepEqual([JSON.parse(out), err], [{ drain: DONE }, '']);
});

test('drain: what is left after the deadline is named', async (t) => {
  const left = [{ id: 'web', tenant: 'acme', state: 'stopping', problem: 'busy' } as const];
  const agent = draining([at({}), at({ phase: 'incomplete', stopped: 2, stopping: 1, left })]);
  const { exit, out } = await berth('node drain', { agent });
  t.is(exit, 1);
  t.regex(out, /incomplete: 2 of 3 stopped, 1 stopping, and the deadline is over\n {2}web stopping: busy\n$/);
});

test('drain: lifted by somebody else meanwhile', async (t) => {
  for (const last of [null, at({ phase: 'lifting' })]) {
    const { exit, err } = await berth('node drain', { agent: draining([at({}), last]) });
    t.is(exit, 1);
    t.regex(err, /the drain was lifted before it came to its end/);
  }
});

test('drain --detach does not wait; --dry-run names who would be stopped', async (t) => {
  t.is(
    (await berth('node drain --detach', { agent: draining([at({})]) })).out,
    'drain started; see `berth node status`\n',
  );
  const step = {
    id: 'web-1',
    tenant: 'acme',
    class: 'burstable',
    priority: 10,
    state: 'running',
    graceMs: 90_000,
  } as const;
  const agent = draining([], { 'node.drain': () => ({ drain: null, plan: [step], more: 3 }) });
  t.is(
    (await berth('node drain --dry-run', { agent })).out,
    'TENANT  ID     CLASS      PRIORITY  STATE    GRACE\nacme    web-1  burstable        10  running  1m30s\nand 3 more\n',
  );
  t.like(agent.calls[0]?.params as object, { dryRun: true });
  const none = draining([], { 'node.drain': () => ({ drain: null, plan: [], more: 0 }) });
  t.is((await berth('node drain --dry-run', { agent: none })).out, 'nothing to stop\n');
});

test('drain: a wrong duration, class or selector is a usage error', async (t) => {
  for (const line of ['--deadline soon', '--grace 5', '--keep-class noble', '-l =']) {
    const agent = draining([]);
    t.is((await berth(`node drain ${line}`, { agent })).exit, 2, line);
    t.deepEqual(agent.calls, [], line);
  }
});

test('uncordon says how many start again; status says how far a drain is', async (t) => {
  const agent = draining([at({ stopped: 2, stopping: 1 })], {
    'node.uncordon': () => ({ cordoned: false, resumed: 3 }),
  });
  t.is(
    (await berth('node uncordon', { agent })).out,
    'uncordoned: workloads are admitted\n3 that the drain had stopped start again\n',
  );
  t.regex(
    (await berth('node status', { agent })).out,
    /State {7}ready, cordoned, draining \(2 of 3 stopped, 1 stopping\)/,
  );
  t.regex((await berth('node status', { agent: draining([DONE]) })).out, /State {7}ready, cordoned, drained\n/);
});

test('cordon, and uncordon where nothing was drained', async (t) => {
  const agent = fakeAgent({
    'node.cordon': () => ({ cordoned: true }),
    'node.uncordon': () => ({ cordoned: false, resumed: 0 }),
  });
  t.is((await berth('node cordon', { agent })).out, 'cordoned: no workload is admitted\n');
  t.is((await berth('node uncordon', { agent })).out, 'uncordoned: workloads are admitted\n');
  t.deepEqual(JSON.parse((await berth('node uncordon --json', { agent })).out), { cordoned: false, resumed: 0 });
});
