// Quotas, reservations, licences and the dry run on a whole agent, as a person would use them; killed and started between.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { OwnAgent } from './own-agent.js';

const directory = mkdtempSync(join(tmpdir(), 'berth-density-'));
const config = join(directory, 'berth.toml');
const table = `berth_d${process.pid}`;
const agent = new OwnAgent({
  directory,
  cgroup: `berth-d${process.pid}`,
  args: ['--config', config],
  env: {
    BERTH_NETWORK_POOL: '10.201.9.0/28',
    BERTH_NETWORK_TABLE: table,
    BERTH_NETWORK_LINK_PREFIX: 'bd',
    BERTH_NETWORK_FORWARDING: 'leave',
    BERTH_NETWORK_SLOTS: '0',
    BERTH_WEB_LISTEN: '',
  },
});
const TOML = `
[density]
max_workloads = 3
preemption = "class"
[tenant.acme]
workloads = 2
[licence.db]
count = 1
[[density.window]]
name = "always"
cron = "0 0 * * *"
duration = "24h"
cpu_overcommit = 6
`;

function berth(line: string, input?: unknown) {
  const { status, stdout, stderr } = agent.berth(line.split(' '), input);
  return { exit: status, out: stdout, err: stderr };
}

const json = (line: string, input?: unknown) => JSON.parse(berth(`${line} --json`, input).out);
const spec = (id: string, over: object = {}) => ({
  ...{ id, tenant: 'acme', driver: 'exec', network: { mode: 'host' } },
  exec: { isolation: 'none', command: ['/bin/sleep', '600'] },
  ...over,
});
const row = (scope: string, dimension: string) =>
  json('node capacity').rows.find(
    (one: { scope: string; dimension: string }) => one.scope === scope && one.dimension === dimension,
  );

test.before(async () => {
  writeFileSync(config, TOML);
  await agent.start();
});

test.after.always(async () => {
  berth('workload delete --all --now');
  await agent.end();
  spawnSync('/usr/sbin/nft', ['delete', 'table', 'inet', table]);
  rmSync(directory, { recursive: true, force: true });
});

test.serial('capacity has every dimension of this kernel, the window that is open, and its ceilings', (t) => {
  const { rows, windows, ceilings } = json('node capacity');
  const dimensions = new Set(
    rows.filter(({ scope }: { scope: string }) => scope === 'host').map((one: { dimension: string }) => one.dimension),
  );
  for (const dimension of ['workloads', 'cpu', 'memory', 'addresses', 'neighbours', 'pids', 'fds', 'netns', 'disk'])
    t.true(dimensions.has(dimension), dimension);
  t.like(windows[0], { name: 'always', active: true, changes: { cpu_overcommit: 6 } });
  t.true(ceilings.length > 10);
  t.regex(berth('node capacity --all').out, /^Windows\n {2}always: open until /m);
});

test.serial('room is set aside over a kill of the agent, used by its workload, and by no other', async (t) => {
  const { reservation } = json('reserve -f - --ttl 5m', spec('kept', { resources: { licences: { db: 1 } } }));
  await agent.kill('SIGKILL');
  await agent.start();
  t.like(row('licence/db', 'licences'), { committed: 0, reserved: 1 });
  const other = berth('workload create -f - --json', spec('other', { resources: { licences: { db: 1 } } }));
  t.is(other.exit, 3);
  t.like(JSON.parse(other.out).results[0].error, { code: 'admission_refused', data: { scope: 'licence/db' } });
  t.is(berth('workload create -f -', spec('kept', { resources: { licences: { db: 1 } } })).exit, 0);
  t.like(row('licence/db', 'licences'), { committed: 1, reserved: 0 });
  t.is(json(`release ${reservation}`).error.code, 'reservation_committed');
  t.is(json('release nothing').error.code, 'reservation_not_found');
  t.regex(berth('licence list').out, /^db +instance +1 +1 +- +refuse +- +kept$/m);
});

test.serial(
  'the dry run says how many more there are, which dimension refuses first, and who would have to go',
  (t) => {
    t.like(json('fits -f -', spec('b')).answers[0], { fits: true, more: 1 });
    berth('workload create -f -', spec('low', { class: 'besteffort' }));
    const [answer] = json('fits -f -', spec('b')).answers;
    t.like(answer, { fits: false, more: 0 });
    t.like(answer.refusals[0], { dimension: 'workloads', scope: 'tenant/acme', limit: 2, used: 2 });
    t.deepEqual(
      answer.wouldGo.map(({ id }: { id: string }) => id),
      ['low'],
    );
    t.is(berth('fits -f -', spec('b')).exit, 3);
  },
);

test.serial(
  'a quota counts at once and over a kill; below its use it stops starts, and workloads when asked',
  async (t) => {
    t.is(json('tenant set nobody workloads=1').error.code, 'tenant_unknown');
    t.is(json('tenant set acme workloads=-1').error.code, 'invalid_quota');
    t.is(berth('tenant set acme workloads=3').exit, 0);
    await agent.kill('SIGKILL');
    await agent.start();
    t.regex(berth('tenant show acme').out, /^workloads +3 +protocol$/m);
    t.like(json('fits -f -', spec('b')).answers[0], { fits: true, more: 1 });
    t.is(json('tenant delete acme').error.code, 'tenant_in_use');
    t.deepEqual(json('tenant set acme workloads=1').tenant.over, ['workloads']);
    t.true(json('doctor').conditions.some(({ code }: { code: string }) => code === 'tenant_over_quota'));
    t.deepEqual(json('tenant set acme workloads=1 --evict').evicted, ['low']);
    berth('workload wait low --for exited --timeout 30s');
    t.is(row('tenant/acme', 'workloads').committed, 1);
  },
);

test.serial('what was granted is in the audit, what is returned as well', (t) => {
  t.is(berth('workload delete kept --now').exit, 0);
  const entries = json('licence audit').entries.map(({ type, workload }: { type: string; workload: string }) => [
    type,
    workload,
  ]);
  t.deepEqual(entries, [
    ['grant', 'kept'],
    ['return', 'kept'],
  ]);
});

test.serial(
  'a higher class has a lower one stopped when it asks, over a kill of the agent, and both say so',
  async (t) => {
    t.is(berth('tenant set acme workloads=1').exit, 0);
    t.is(berth('workload create -f -', spec('humble', { class: 'besteffort' })).exit, 0);
    const noble = spec('noble', { network: { mode: 'host' } });
    t.is(json('workload create -f -', noble).results[0].error.code, 'admission_refused');
    const plan = berth('fits -f - --preempt', noble);
    t.is(plan.exit, 0);
    t.regex(plan.out, /^ {4}humble +besteffort +100 +acme .*workloads of tenant\/acme 1$/m);
    t.is(berth('fits -f - --preempt', spec('equal', { class: 'besteffort' })).exit, 3);
    const accepted = json('workload create -f - --preempt --detach', noble).results[0].workload;
    t.deepEqual(accepted.preemption.waitingFor, ['humble']);
    await agent.kill('SIGKILL');
    await agent.start();
    t.is(berth('workload wait noble --for running --timeout 30s').exit, 0);
    const humble = json('workload show humble').workload;
    t.like(humble, { state: 'exited', end: { cause: 'preempted', by: { workload: 'noble', tenant: 'acme' } } });
    t.regex(berth('workload show noble').out, /^Preempted +humble \(besteffort, priority 100\)$/m);
    t.like(row('tenant/acme', 'workloads'), { committed: 1, reserved: 0 });
    t.is(json('workload start humble').results[0].error.code, 'admission_refused');
    t.is(berth('workload delete noble --now').exit, 0);
    t.is(berth('workload start humble').exit, 0);
    t.is(berth('workload delete humble --now').exit, 0);
  },
);

test.serial('a plan of what would be lifted changes nothing', (t) => {
  const before = readFileSync('/proc/sys/kernel/keys/maxkeys', 'utf8');
  const { settings } = json('doctor --fix --dry-run');
  for (const { before: old, after } of settings) t.true(after > old);
  t.is(readFileSync('/proc/sys/kernel/keys/maxkeys', 'utf8'), before);
  t.is(json('doctor --rollback').error.code, 'rollback_missing');
});
