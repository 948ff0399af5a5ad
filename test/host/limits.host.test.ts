// Limits with real hogs under them: each is held to what it was given, dies or is refused by the right rule, and nobody
// else is hurt; changes that would kill are refused, and what others change is put back.
import test, { type ExecutionContext } from 'ava';
import type { BerthEvent } from '../../agent/model/event.js';
import { create, leftovers, reach, removeAll } from './berth.js';
import { cpuUsage, filesOf, ioStat, limitedTenant, limitsHeld, limitsOfTenant, MOUNT, ratesOf } from './figures.js';
import { bursts, direct, fileOf, fork, grow, hold, holdCache, spin } from './hogs.js';
import {
  ALLOW_PLAIN,
  berthCommand,
  counters,
  errorOf,
  explain,
  MINUTES,
  openScenario,
  type Scenario,
  sh,
  TREE,
} from './scenario.js';

const MIB = 1 << 20;
const TENANTS = '/etc/berth/berth.d/60-tenants.toml';

let s: Scenario;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  const toml = `${ALLOW_PLAIN}[network]
slots = 0

[metrics]
interval = "1s"

[lifecycle]
stop_grace = "1s"

[cgroups]
repairs = 2

[tenant.globex.limits]
memory = "96Mi"
`;
  s = await openScenario('berth-limits', toml);
});

test.afterEach.always((t) => explain(t, s));

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

const exec = (id: string, command: readonly string[], resources: Record<string, unknown> = {}, more = {}) => ({
  id,
  tenant: 'acme',
  driver: 'exec',
  network: { mode: 'host' },
  resources,
  exec: { isolation: 'none', command },
  ...more,
});

async function start(...specs: readonly Record<string, unknown>[]): Promise<void> {
  await Promise.all(specs.map((spec) => create(s.node, spec)));
  for (const { id } of specs) await reach(s.node, String(id), ['running']);
}

async function ready(id: string, word = 'ready'): Promise<void> {
  await s.host.waitFor(`grep -q ${word} /var/lib/berth/logs/${id}.log`, { what: `${id} to be ${word}` });
}

async function remove(...ids: readonly string[]): Promise<void> {
  const after = cursor();
  await Promise.all(ids.map((id) => s.node.call('workload.delete', { id, now: true })));
  for (const id of ids) await told('workload.deleted', id, after);
}

const cursor = (): number => s.node.events.at(-1)?.cursor ?? 0;

function told(type: string, workload: string | undefined, after: number): Promise<BerthEvent> {
  const is = (event: BerthEvent): boolean => event.type === type && event.workload === workload;
  return s.node.waitForEvent(is, { after, timeoutMs: 3 * MINUTES });
}

const since = (after: number, type: string): readonly BerthEvent[] =>
  s.node.events.filter((event) => event.cursor > after && event.type === type);

/** pid and start time of what runs, and how often the kernel has killed in it. */
async function unharmed(...ids: readonly string[]): Promise<string> {
  const views = await Promise.all(ids.map((id) => s.node.call('workload.get', { id })));
  return sh(
    s.host,
    views
      .map(
        ({ id, spec, process }) =>
          `echo ${id} $(cut -d' ' -f1,22 /proc/${process?.pid}/stat) $(awk '$1 == "oom_kill" { print $2 }' ${TREE}/${spec.tenant}/${id}/memory.events)`,
      )
      .join('; '),
  );
}

const metric = (line: string): Promise<string> =>
  sh(s.host, `curl -sf http://127.0.0.1:9464/metrics | grep -E '${line}' || true`);

interface Rate {
  readonly what: string;
  /** A shell command that prints a number. */
  readonly counter: string;
  readonly limit: number;
}

/**
 * Looks at hogs for ten seconds and prints how near to its limit each comes. Only the upper side is asserted: without the limit
 * a hog takes several times as much, and a machine that is busy can only make it take less.
 */
async function heldTo(t: ExecutionContext, rates: readonly Rate[]): Promise<void> {
  const measured = await ratesOf(
    s.host,
    rates.map(({ counter }) => counter),
    10,
  );
  for (const [i, { what, limit }] of rates.entries()) {
    const share = (measured[i] ?? 0) / limit;
    t.log(`${what}: ${(share * 100).toFixed(1)} % of it`);
    t.true(share > 0 && share < 1.25, `${what}: ${share}`);
  }
}

test.serial('cpu hogs are held to their quotas, the default burst included', async (t) => {
  t.timeout(5 * MINUTES);
  await start(
    exec('third', spin, { cpu: { limit: 0.3 } }),
    exec('half', spin, { cpu: { limit: 0.5, burst: '10ms' } }),
    exec('bursty', bursts(60, 0.05), { cpu: { limit: 0.2 } }),
  );
  t.deepEqual(await filesOf(s.host, `${TREE}/acme`, 'third/cpu.max', 'third/cpu.max.burst', 'half/cpu.max.burst'), [
    '30000 100000',
    '6000',
    '10000',
  ]);
  await heldTo(t, [
    { what: 'limit 0.3', counter: cpuUsage(`${TREE}/acme/third`), limit: 0.3e6 },
    { what: 'limit 0.5', counter: cpuUsage(`${TREE}/acme/half`), limit: 0.5e6 },
  ]);
  for (const id of ['third', 'half'])
    t.true(((await counters(s.host, `acme/${id}/cpu.stat`)).nr_throttled ?? 0) > 0, id);
  await remove('third', 'half');
});

test.serial('a memory hog dies at its limit, with the figures, and nobody else is hurt', async (t) => {
  t.timeout(5 * MINUTES);
  await start(exec('quiet', hold(8), { memory: { limit: '32Mi' } }));
  await ready('quiet');
  const before = await unharmed('quiet', 'bursty');
  const after = cursor();
  // Slowly, so that there is a minute before its end to be told of.
  await create(s.node, exec('hog', hold(64, 100), { memory: { limit: '32Mi', swap: 0 } }));
  const { end } = await reach(s.node, 'hog', ['failed', 'exited']);
  t.like(end, { cause: 'limit', actor: 'kernel', signal: 'SIGKILL' }, end?.detail);
  t.like(end?.memory, { limit: 32 * MIB, peak: 32 * MIB });
  t.is(end?.victim?.command, 'python3');
  t.true((end?.victim?.memory ?? 0) > 16 * MIB, JSON.stringify(end?.victim));
  t.regex(end?.detail ?? '', /memory limit.*32Mi/);
  t.true((end?.pressure?.length ?? 0) > 0, 'the pressure before its end is in the record');
  t.is((await told('workload.ended', 'hog', after)).data.cause, 'limit');
  t.regex(await metric('^berth_ends_total\\{.*cause="limit"'), / 0*1$/);
  const shown = await berthCommand(s.host, ['workload', 'show', 'hog']);
  t.like(shown.document.workload.end, { cause: 'limit' });
  t.is(await unharmed('quiet', 'bursty'), before);
  await remove('hog');
});

test.serial('at the limit of a tenant its own workload dies, by the name of the tenant', async (t) => {
  t.timeout(5 * MINUTES);
  t.deepEqual(await filesOf(s.host, TREE, 'globex/memory.max'), ['']);
  await start(exec('small', hold(16), { memory: { limit: '48Mi' } }, { tenant: 'globex' }));
  await ready('small');
  t.deepEqual(await filesOf(s.host, TREE, 'globex/memory.max'), [String(96 * MIB)]);
  const before = await unharmed('quiet', 'small');
  await create(s.node, exec('large', grow, {}, { tenant: 'globex' }));
  const { end } = await reach(s.node, 'large', ['failed', 'exited']);
  t.like(end, { cause: 'tenant', actor: 'kernel' }, end?.detail);
  t.like(end?.memory?.tenant, { limit: 96 * MIB, peak: 96 * MIB });
  t.regex(end?.detail ?? '', /tenant globex.*96Mi/);
  t.is(await unharmed('quiet', 'small'), before);
  await remove('large');
});

test.serial('a fork bomb is stopped by pids.max, and said to be', async (t) => {
  t.timeout(5 * MINUTES);
  const after = cursor();
  await start(exec('bomb', fork, { pids: 32, cpu: { limit: 0.3 } }));
  const { data } = await told('workload.pids_refused', 'bomb', after);
  t.true(Number(data.refused) > 0);
  t.deepEqual(await filesOf(s.host, `${TREE}/acme/bomb`, 'pids.max', 'pids.peak'), ['32', '32']);
  await remove('bomb');
  t.is(await sh(s.host, `ls -d ${TREE}/acme/bomb 2>/dev/null; pgrep -f '[o]s.fork' || true`), '');
});

test.serial('io hogs are held to their rates', async (t) => {
  t.timeout(5 * MINUTES);
  await sh(s.host, fileOf('/var/tmp/read', 64));
  await start(
    exec('writer', direct('/var/tmp/written', 'write', '256K'), { io: [{ device: '/dev/vda', writeBps: '4Mi' }] }),
    exec('reader', direct('/var/tmp/read', 'read', '64K'), { io: [{ device: '/dev/vda', readIops: 50 }] }),
  );
  const [writer, reader] = [`${TREE}/acme/writer`, `${TREE}/acme/reader`];
  t.regex((await filesOf(s.host, writer, 'io.max')).join(), /^254:0 rbps=max wbps=4194304 riops=max wiops=max$/);
  await s.host.waitFor(`[ $(${ioStat(writer, 'wbytes')}) -gt 0 ] && [ $(${ioStat(reader, 'rios')}) -gt 0 ]`);
  await heldTo(t, [
    { what: '4 MiB/s written', counter: ioStat(writer, 'wbytes'), limit: 4 * MIB },
    { what: '50 reads/s', counter: ioStat(reader, 'rios'), limit: 50 },
  ]);
  await remove('writer', 'reader');
});

test.serial('memory grows at once, shrinks by what can be given back, and otherwise not at all', async (t) => {
  t.timeout(5 * MINUTES);
  await sh(s.host, fileOf('/var/tmp/cache', 60));
  const spec = (limit: string, more = {}) =>
    exec('elastic', holdCache(24, '/var/tmp/cache'), { memory: { limit, swap: 0 }, ...more });
  const update = (limit: string, more = {}) =>
    s.node.call('workload.update', { id: 'elastic', spec: spec(limit, more) });
  const files = () => filesOf(s.host, `${TREE}/acme/elastic`, 'memory.max', 'memory.high', 'cpu.max');
  await start(spec('100Mi'));
  await ready('elastic', 'cached');
  const before = await unharmed('elastic');

  await update('200Mi');
  t.deepEqual(await files(), [String(200 * MIB), 'max', 'max 100000']);
  // 28 MiB of it are the process; the file's pages go.
  t.true(Number(await sh(s.host, `cat ${TREE}/acme/elastic/memory.current`)) > 70 * MIB);
  await update('48Mi');
  t.deepEqual(await files(), [String(48 * MIB), 'max', 'max 100000']);

  const refused = await errorOf(update('16Mi', { cpu: { limit: 0.5 } }));
  t.is(refused.code, 'shrink_refused', refused.message);
  t.like(refused.data, { limit: 16 * MIB });
  t.true(Number(refused.data?.used) > 24 * MIB, JSON.stringify(refused.data));
  t.deepEqual(await files(), [String(48 * MIB), 'max', 'max 100000']);
  t.is((await s.node.call('workload.get', { id: 'elastic' })).spec.resources.memory?.limit, 48 * MIB);
  t.is(await unharmed('elastic'), before);
  await remove('elastic');
});

test.serial('what others change is put back, but not for ever; a reload of systemd changes nothing', async (t) => {
  t.timeout(5 * MINUTES);
  const file = `${TREE}/acme/quiet/memory.max`;
  const right = String(32 * MIB);
  const wrong = String(64 * MIB);
  for (const round of [1, 2]) {
    const after = cursor();
    await sh(s.host, `echo ${wrong} > ${file}`);
    const repaired = await told('cgroup.repaired', 'quiet', after);
    t.like(repaired.data, { file: 'memory.max', wanted: right, got: wrong }, `round ${round}`);
    t.is(since(after, 'cgroup.drift').length, 1);
    t.is(await sh(s.host, `cat ${file}`), right);
  }
  const held = await limitsHeld(s.host, TREE);
  await sh(s.host, 'systemctl daemon-reload; systemctl set-property --runtime berth-workloads.service CPUWeight=200');
  t.is(await limitsHeld(s.host, TREE), held);

  const after = cursor();
  await sh(s.host, `echo ${wrong} > ${file}`);
  await told('cgroup.contested', 'quiet', after);
  t.deepEqual(since(after, 'cgroup.repaired'), []);
  t.is(await sh(s.host, `cat ${file}`), wrong);
  const { conditions } = await s.node.call('node.describe', {});
  const found = conditions.find(({ code }) => code === 'cgroup_second_writer');
  t.regex(found?.title ?? '', /quiet.*memory\.max/);
  t.regex(await metric('^berth_external_changes_total\\{.*kind="memory.max"'), / 0*3$/);
  await remove('quiet');
  const { conditions: none } = await s.node.call('node.describe', {});
  t.deepEqual(
    none.filter(({ code }) => code === 'cgroup_second_writer'),
    [],
  );
});

async function reload(toml: string): Promise<void> {
  await s.host.write(TENANTS, toml);
  await sh(s.host, 'sed -i /tenant.globex/,+1d /etc/berth/berth.d/50-scheduler.toml; systemctl reload berth');
}

test.serial('limits of a tenant change while its workloads run', async (t) => {
  t.timeout(5 * MINUTES);
  const before = await unharmed('small');
  await reload(limitedTenant('globex', '128Mi'));
  await s.host.waitFor(`[ "$(cat ${TREE}/globex/memory.max)" = ${128 * MIB} ]`);
  const rest = ['40', '50000 100000', '77', '9', '254:0 rbps=max wbps=8388608 riops=max wiops=max'];
  t.deepEqual(await limitsOfTenant(s.host, `${TREE}/globex`), [String(128 * MIB), ...rest]);

  // Below what its workload holds: the rest is done, and this is said and not done.
  await reload(limitedTenant('globex', '8Mi').replace('cpu = 0.5', 'cpu = 0.4'));
  await s.host.waitFor(`[ "$(cat ${TREE}/globex/cpu.max)" = "40000 100000" ]`);
  const over = async () => {
    const { conditions } = await s.node.call('node.describe', {});
    return conditions.find(({ code }) => code === 'tenant_over_limit');
  };
  for (const end = Date.now() + MINUTES; (await over()) === undefined && Date.now() < end; );
  t.regex((await over())?.title ?? '', /globex/);
  t.is((await limitsOfTenant(s.host, `${TREE}/globex`))[0], String(128 * MIB));

  await reload('');
  await s.host.waitFor(`[ "$(cat ${TREE}/globex/memory.max)" = max ]`);
  t.deepEqual(await limitsOfTenant(s.host, `${TREE}/globex`), ['max', 'max', 'max 100000', '100', 'max', '']);
  t.is(await over(), undefined);
  t.is(await unharmed('small'), before);
});

test.serial('a stop within a shrink leaves the old limit; later changes count from the next start', async (t) => {
  t.timeout(8 * MINUTES);
  await reload(limitedTenant('globex', '128Mi'));
  await s.host.waitFor(`grep -q wbps=8388608 ${TREE}/globex/io.max`);
  // Dozens of steps by what can be given back, and then a rest that cannot.
  const spec = (limit: string) => exec('shrinking', holdCache(24, '/var/tmp/holes'), { memory: { limit, swap: 0 } });
  await sh(s.host, 'truncate -s 400M /var/tmp/holes');
  await start(spec('440Mi'));
  await ready('shrinking', 'cached');
  const before = await unharmed('small', 'shrinking');
  const max = `${TREE}/acme/shrinking/memory.max`;
  const refused = errorOf(s.node.call('workload.update', { id: 'shrinking', spec: spec('16Mi') }));
  const stopped = await sh(
    s.host,
    `until [ "$(cat ${max})" -lt ${440 * MIB} ]; do :; done
from=$(date +%s%N); systemctl stop berth; echo $(( ($(date +%s%N) - from) / 1000000 ))
cat ${max} ${TREE}/acme/shrinking/memory.current; systemctl show -P Result berth; systemctl show -P ActiveState berth`,
  );
  const [ms, held, used, ...unit] = stopped.split('\n');
  t.log(`stopped after ${ms} ms, ${used} bytes in use`);
  // `timeout`: systemd had to kill it.
  t.deepEqual(unit, ['success', 'inactive']);
  t.is(held, String(440 * MIB));
  const { code, message } = await refused;
  t.true(code === 'shutting_down' || code === 'cannot_connect', `${code}: ${message}`);
  await s.host.write(TENANTS, '');
  const after = cursor();
  await sh(s.host, 'systemctl start berth');
  await s.node.waitForEvent(({ type }) => type === 'agent.started', { after, timeoutMs: 2 * MINUTES });
  await s.host.waitFor(`[ -z "$(cat ${TREE}/globex/io.max)" ] && [ "$(cat ${TREE}/globex/memory.max)" = max ]`);
  t.deepEqual(await limitsOfTenant(s.host, `${TREE}/globex`), ['max', 'max', 'max 100000', '100', 'max', '']);
  t.is(await unharmed('small', 'shrinking'), before);
  t.is(await sh(s.host, `cat ${max}`), String(440 * MIB));
  const { spec: kept, generation } = await s.node.call('workload.get', { id: 'shrinking' });
  t.deepEqual([kept.resources.memory?.limit, generation], [440 * MIB, 1]);
  await remove('shrinking');
});

test.serial('a guaranteed workload has its memory and its cpu to itself, down the whole path', async (t) => {
  t.timeout(5 * MINUTES);
  const cpus = () => filesOf(s.host, TREE, 'acme/bursty/cpuset.cpus.effective', 'globex/small/cpuset.cpus.effective');
  const agent = await sh(s.host, 'systemctl show -P ControlGroup berth');
  t.deepEqual(await cpus(), ['0-1', '0-1']);
  const resources = { cpu: { limit: 1 }, memory: { limit: '48Mi' } };
  await start(exec('vip', hold(16), resources, { class: 'guaranteed', tenant: 'initech' }));
  await ready('vip');
  t.deepEqual(await filesOf(s.host, `${TREE}/initech`, 'vip/cpuset.cpus.effective'), ['1']);
  await s.host.waitFor(`[ "$(cat ${TREE}/acme/bursty/cpuset.cpus.effective)" = 0 ]`);
  t.deepEqual(await cpus(), ['0', '0']);
  const capacity = await berthCommand(s.host, ['node', 'capacity']);
  t.regex(JSON.stringify(capacity.document), /"vip"/);

  const path = [`${TREE}/initech/vip`, `${TREE}/initech`, TREE, `${MOUNT}/berth.slice`];
  const min = await Promise.all(path.map(async (each) => Number((await filesOf(s.host, each, 'memory.min'))[0])));
  t.is(min[0], 48 * MIB);
  for (const [i, bytes] of min.entries()) t.true(bytes >= 48 * MIB, `${path[i]}: memory.min ${bytes}`);
  // What is kept for the agent is kept all the way, too, and is not what was promised to workloads.
  const own = Number((await filesOf(s.host, `${MOUNT}${agent}`, 'memory.min'))[0]);
  t.true(own >= 64 * MIB, `${agent}: memory.min ${own}`);
  t.regex(agent, /^\/berth\.slice\//);
  t.true((min[3] ?? 0) >= (min[2] ?? 0) + own, `${min} and ${own}`);

  await remove('vip');
  await s.host.waitFor(`[ "$(cat ${TREE}/acme/bursty/cpuset.cpus.effective)" = 0-1 ]`);
  t.deepEqual(await cpus(), ['0-1', '0-1']);
  t.deepEqual(await filesOf(s.host, TREE, 'initech/memory.min'), ['']);
});

test.serial('throttled while hardly busy: said, with the change that cures it', async (t) => {
  t.timeout(6 * MINUTES);
  const found = async () => {
    const { conditions } = await s.node.call('node.describe', {});
    return conditions.find(({ code }) => code === 'cpu_throttled_idle')?.title ?? '';
  };
  // The agent looks each minute at what happened in it.
  for (const end = Date.now() + 3 * MINUTES; !(await found()).includes('bursty') && Date.now() < end; )
    await s.node.waitForEvent(() => true, { after: cursor(), timeoutMs: 2000 }).catch(() => undefined);
  t.regex(await found(), /bursty.*resources\.cpu\.burst = "20ms"/);
  const stat = await counters(s.host, 'acme/bursty/cpu.stat');
  t.true((stat.nr_throttled ?? 0) > 0);
});

test.serial('nothing is left of them, and no step of the ladder was taken against anybody', async (t) => {
  t.timeout(5 * MINUTES);
  await removeAll(s.node);
  t.is(await leftovers(s.target), '');
  t.is(await sh(s.host, `ls ${TREE} | grep -E '^(acme|globex|initech)$' || true`), '');
  t.regex(await metric('^berth_cgroup_dying_descendants'), / [0-9]+$/m);
  t.deepEqual(since(0, 'pressure.action'), []);
});
