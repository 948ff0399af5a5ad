// A host without memory: hogs that stall are let go on or taken down by the steps of the ladder, in order; whom it is
// promised to keeps running; and the agent answers all the time.
import test from 'ava';
import type { BerthEvent } from '../../agent/model/event.js';
import { create, reach } from './berth.js';
import { filesOf, limitsHeld, MOUNT, stallOf } from './figures.js';
import { fileOf, hold, leave, readCached, swap, thrash } from './hogs.js';
import { ALLOW_PLAIN, explain, MINUTES, openScenario, type Scenario, sh, TREE } from './scenario.js';

const MIB = 1 << 20;
const PRESSURE = '/etc/berth/berth.d/60-pressure.toml';
/** Says what it was told, and puts the first action off. */
const HOOK = `#!/bin/sh
cat >> /run/hook.json; echo >> /run/hook.json
[ -e /run/hook.once ] || { touch /run/hook.once; exit 75; }
`;

const settings = (mode: 'dry-run' | 'enforce'): string => `[pressure]
mode = "${mode}"
freeze_after = "3s"
kill_after = "8s"
release_after = "3s"
hook = "/usr/local/bin/hook"

[pressure.cooldown]
memory = "1s"
kill = "5s"

[pressure.futile]
watch = ["lab-watched"]
`;

let s: Scenario;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  // A host without memory under emulation may stand still for a minute; what the ladder does is tested, not the watchdog.
  const unit = 'WatchdogSec=15min\n';
  s = await openScenario('berth-pressure', `${ALLOW_PLAIN}[network]\nslots = 0\n\n[metrics]\ninterval = "1s"\n`, unit);
  await s.host.write('/usr/local/bin/hook', HOOK);
  await sh(s.host, 'chmod 755 /usr/local/bin/hook');
  await become('enforce');
});

/** The agent takes it while it runs; the reload ends when it has. */
async function become(mode: 'dry-run' | 'enforce'): Promise<void> {
  await s.host.write(PRESSURE, settings(mode));
  await sh(s.host, 'systemctl reload berth');
}

test.afterEach.always((t) => explain(t, s));

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

const exec = (id: string, name: string, command: readonly string[], memory: Record<string, unknown>) => ({
  ...{ id, tenant: 'acme', driver: 'exec', class: name, network: { mode: 'host' } },
  resources: { memory },
  exec: { isolation: 'none', command },
});

async function start(...specs: readonly Record<string, unknown>[]): Promise<void> {
  await Promise.all(specs.map((spec) => create(s.node, spec)));
  for (const { id } of specs) await reach(s.node, String(id), ['running']);
}

async function ready(id: string): Promise<void> {
  await s.host.waitFor(`grep -q ready /var/lib/berth/logs/${id}.log`, { what: `${id} to be ready` });
}

async function remove(...ids: readonly string[]): Promise<void> {
  const after = cursor();
  await Promise.all(ids.map((id) => s.node.call('workload.delete', { id, now: true })));
  for (const id of ids) await told((event) => event.type === 'workload.deleted' && event.workload === id, after);
}

const cursor = (): number => s.node.events.at(-1)?.cursor ?? 0;

function told(is: (event: BerthEvent) => boolean, after: number): Promise<BerthEvent> {
  return s.node.waitForEvent(is, { after, timeoutMs: 4 * MINUTES });
}

const actions = (after: number): readonly BerthEvent[] =>
  s.node.events.filter((event) => event.cursor > after && event.type === 'pressure.action');

/** Id, process and counted kills of a workload, which stay as they are while it is left alone. */
async function identity(id: string): Promise<string> {
  const { process } = await s.node.call('workload.get', { id });
  return sh(
    s.host,
    `cut -d' ' -f1,22 /proc/${process?.pid}/stat; awk '$1 == "oom_kill"' ${TREE}/acme/${id}/memory.events`,
  );
}

/** Milliseconds that each of `times` answers to `node.describe` takes over the open connection. */
async function answers(times: number): Promise<readonly number[]> {
  const took: number[] = [];
  while (took.length < times) {
    const begin = performance.now();
    await s.node.call('node.describe', {});
    took.push(performance.now() - begin);
  }
  return took.toSorted((a, b) => a - b);
}

test.serial('a hog that memory.high stalls without hope is let go on', async (t) => {
  t.timeout(5 * MINUTES);
  const after = cursor();
  await sh(s.host, fileOf('/var/tmp/cached', 100));
  await start(
    exec('stalled', 'burstable', hold(60), { high: '32Mi', limit: '128Mi', swap: 0 }),
    exec('reader', 'burstable', readCached('/var/tmp/cached'), { high: '32Mi', limit: '128Mi', swap: 0 }),
  );
  const group = `${TREE}/acme/stalled`;
  const stall = await stallOf(s.host, group, 'grep -q ready /var/lib/berth/logs/stalled.log', 240);
  // How long depends on the machine: it is printed. That it stalled and then came to its end is what was promised.
  t.log(`longest stall ${stall.longest.toFixed(1)} s, all in all ${stall.total.toFixed(1)} s`);
  t.true(stall.total > 0, 'memory.high has stalled it at all');
  const { data } = await told(({ type, workload }) => type === 'memory.futile' && workload === 'stalled', after);
  t.log(JSON.stringify(data));
  t.deepEqual(await filesOf(s.host, group, 'memory.high'), ['max']);
  t.is((await s.node.call('workload.get', { id: 'stalled' })).state, 'running');

  // Page cache that comes and goes under the same limit is what memory.high is for.
  t.deepEqual(await filesOf(s.host, `${TREE}/acme/reader`, 'memory.high'), [String(32 * MIB)]);
  t.deepEqual(
    s.node.events.filter(({ type, workload }) => type === 'memory.futile' && workload === 'reader'),
    [],
  );
  await remove('stalled', 'reader');
  // They stall at limits of their own on a host with memory to spare: nobody is sacrificed for it. That a scope reclaims of
  // its own page cache hurts no other.
  t.deepEqual(
    actions(after)
      .filter(({ data }) => data.action !== 'reclaim')
      .map(({ data }) => `${data.scope}: ${data.action} ${data.target}`),
    [],
  );
});

test.serial("a watched cgroup of somebody else's is let go on, too", async (t) => {
  t.timeout(5 * MINUTES);
  const after = cursor();
  const group = `${MOUNT}/lab-watched`;
  const script = hold(60).map((word) => `'${word}'`);
  await sh(
    s.host,
    `mkdir ${group}; echo 32M > ${group}/memory.high; echo 0 > ${group}/memory.swap.max
sh -c 'echo $$ > ${group}/cgroup.procs; exec "$@"' sh ${script.join(' ')} > /run/watched.log 2>&1 < /dev/null &`,
  );
  const stall = await stallOf(s.host, group, 'grep -q ready /run/watched.log', 240);
  t.log(`longest stall ${stall.longest.toFixed(1)} s, all in all ${stall.total.toFixed(1)} s`);
  t.true(stall.total > 0, 'memory.high has stalled it at all');
  await told(({ type, data }) => type === 'memory.futile' && JSON.stringify(data).includes('lab-watched'), after);
  t.deepEqual(await filesOf(s.host, group, 'memory.high'), ['max']);
  await sh(s.host, `echo 1 > ${group}/cgroup.kill; until rmdir ${group}; do sleep 0.1; done 2>/dev/null`);
});

const hogs = ['hog-1', 'hog-2', 'hog-3'];
let promised = '';

test.serial('a dry run names the steps and touches nothing; meanwhile the agent answers', async (t) => {
  t.timeout(8 * MINUTES);
  await become('dry-run');
  await sh(s.host, `rm -f /run/hook.json /run/hook.once; ${swap(1000)}`);
  await start(exec('vip', 'guaranteed', hold(40), { limit: '64Mi' }));
  await ready('vip');
  promised = await identity('vip');
  await sh(s.host, leave(600));
  const after = cursor();
  const quiet = await answers(10);
  await start(...hogs.map((id) => exec(id, 'besteffort', thrash(300, 10), {})));
  const held = await limitsHeld(s.host, TREE);
  const kill = await told(({ type, data }) => type === 'pressure.action' && data.action === 'kill', after);
  t.true(kill.data.dryRun);

  const full = 'awk \'$1 == "full" { print $2, $5 }\' /proc/pressure/memory';
  const before = await sh(s.host, full);
  const busy = await answers(40);
  const middle = (all: readonly number[]): string =>
    `${all[all.length >> 1]?.toFixed(0)} ms, worst ${all.at(-1)?.toFixed(0)} ms`;
  t.log(
    `node.describe: quiet ${middle(quiet)}; under pressure ${middle(busy)}; pressure ${before} -> ${await sh(s.host, full)}`,
  );
  t.is(busy.length, 40, 'the agent answers while the host has no memory');

  const named = new Set(actions(after).map(({ data }) => data.action));
  for (const step of ['reclaim', 'freeze', 'kill']) t.true(named.has(step), `${step} among ${[...named]}`);
  t.true(actions(after).every(({ data }) => data.dryRun === true));
  t.is(await limitsHeld(s.host, TREE), held);
  for (const id of hogs) t.is((await s.node.call('workload.get', { id })).state, 'running');
  t.is(await identity('vip'), promised);
  t.is(await sh(s.host, 'cat /run/hook.json 2>/dev/null || true'), '', 'no hook is run for what is not done');
});

const LADDER = ['suppress', 'reclaim', 'balloon', 'freeze', 'kill'];
/** Too many for what the milder steps may take away: with some slowed down and some frozen, the rest is more than there is. */
const crowd = Array.from({ length: 10 }, (_, index) => `crowd-${index}`);

test.serial('the ladder takes its steps in order, against the lowest class first, and takes them back', async (t) => {
  t.timeout(8 * MINUTES);
  await remove(...hogs);
  const after = cursor();
  await become('enforce');
  await start(...crowd.map((id) => exec(id, 'besteffort', thrash(130, 10), {})));
  const ended = await told(({ type, data }) => type === 'workload.ended' && data.cause === 'pressure', after);
  const { end } = await s.node.call('workload.get', { id: String(ended.workload) });
  t.like(end, { cause: 'pressure', actor: 'berth', signal: 'SIGKILL' }, end?.detail);
  t.regex(end?.detail ?? '', /ms\/s|available memory/);
  t.true(crowd.includes(String(ended.workload)));

  // A kill relieves: undoing a milder step may come before the next one, and is no step of the ladder.
  const taken = actions(after).filter(
    ({ data }) => data.scope === 'host' && data.resource === 'memory' && LADDER.includes(String(data.action)),
  );
  t.log(taken.map(({ data }) => `${data.action} ${data.target}`).join(', '));
  const named = new Set(taken.map(({ data }) => data.action));
  for (const step of ['suppress', 'reclaim', 'freeze', 'kill']) t.true(named.has(step), `${step} was taken`);
  // None is taken before the milder ones, but for those that had nothing to do, which says why.
  for (const [at, { data }] of taken.entries()) {
    const milder = LADDER.slice(0, LADDER.indexOf(String(data.action)));
    const passed = new Set((data.skipped as { step: string; reason: string }[]).map(({ step }) => step));
    const before = new Set(taken.slice(0, at).map((one) => one.data.action));
    t.deepEqual(
      milder.filter((step) => !passed.has(step) && !before.has(step)),
      [],
      `${data.action} ${data.target}`,
    );
  }
  t.true(taken.every(({ data }) => data.dryRun === false && crowd.includes(String(data.target))));
  t.is(await identity('vip'), promised);

  const hook = (await sh(s.host, 'cat /run/hook.json')).split('\n').filter((line) => line !== '');
  t.true(hook.length >= 2, 'asked again after its veto');
  const documents = hook.map((line) => JSON.parse(line) as Record<string, unknown>);
  t.true(
    documents.every(({ action }) => action === 'freeze' || action === 'kill'),
    hook[0],
  );
  const text = await sh(s.host, 'curl -sf http://127.0.0.1:9464/metrics | grep ^berth_pressure_actions_total');
  t.regex(text, /action="kill"/);

  // With them the pressure goes, and what was done to those who are left is undone.
  const rest = crowd.filter((id) => id !== ended.workload).slice(1);
  await remove(...rest);
  const survivor = crowd.find((id) => id !== ended.workload && !rest.includes(id)) ?? '';
  if ((await s.node.call('workload.get', { id: survivor })).end === null) {
    const files = ['cpu.max', 'cpu.weight', 'memory.high', 'cgroup.freeze'];
    // The ladder may kill one more before the memory of the others is back.
    await s.host.waitFor(
      `! cd ${TREE}/acme/${survivor} 2>/dev/null || [ "$(cat ${files.join(' ')} | xargs)" = "max 100000 1 max 0" ]`,
      { what: 'all steps to be taken back' },
    );
    const { state, end: later } = await s.node.call('workload.get', { id: survivor });
    t.is(later?.cause ?? state, later === null ? 'running' : 'pressure');
  }
  t.is(await identity('vip'), promised);
});
