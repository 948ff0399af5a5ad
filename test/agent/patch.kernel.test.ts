// A patch by a real agent: what it changes is in the kernel, and an agent that is killed meanwhile leaves the old record or the new.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

let host: OwnHost;
let agent: OwnAgent;
let client: Client;

const spec = (id: string) => ({
  ...{ id, tenant: 'acme', driver: 'exec', labels: { app: 'web' } },
  exec: { isolation: 'none', command: ['/bin/sleep', '1000'], user: 'nobody' },
  network: { bandwidth: { ingress: '10Mbit', egress: '50Mbit' } },
});

test.before(async () => {
  host = await openHost();
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-11-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.221.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_test11',
      BERTH_NETWORK_LINK_PREFIX: 'b11',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
    },
  });
  await agent.start();
  client = await connect(agent.socket);
  await client.call('workload.create', { spec: spec('web') });
  await until('web', ({ state }) => state === 'running');
});

test.after.always(async () => {
  await client?.close();
  await agent.end();
  host.end();
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const rate = (mbit: number) => ({ bandwidth: { ingress: `${mbit}Mbit` } });

/** What the kernel lets through to it, in Mbit. */
async function inKernel(): Promise<number> {
  const { sandbox } = await client.call('workload.get', { id: 'web' });
  return Number(/tbf .*rate (\d+)Mbit/.exec(host.run(`tc qdisc show dev ${sandbox.hostLink}`))?.[1]);
}

test.serial('a patch is in the kernel when it is answered, and the rest of the specification stays', async (t) => {
  const patch = { network: rate(20), labels: { tier: 'front' } };
  const first = await client.call('workload.patch', { id: 'web', patch, ifGeneration: 1 });
  t.is(first.generation, 2);
  t.is(await inKernel(), 20);
  t.deepEqual(first.spec.labels, { app: 'web', tier: 'front' });
  t.deepEqual(first.spec.network.bandwidth?.egress, { rate: 50_000_000 });
  const again = await client.call('workload.patch', { id: 'web', patch, ifGeneration: 1 });
  t.is(again.generation, 2);
  t.deepEqual(again.changes, []);
  const late = client.call('workload.patch', { id: 'web', patch: { network: rate(30) }, ifGeneration: 1 });
  await t.throwsAsync(late, { code: 'conflict', message: /network\.bandwidth\.ingress\.rate/ } as never);
  t.is(await inKernel(), 20);
  const fixed = client.call('workload.patch', { id: 'web', patch: { network: { ...rate(30), mtu: 1300 } } });
  await t.throwsAsync(fixed, { code: 'immutable_field', message: /^network\.mtu / } as never);
  t.is(await inKernel(), 20);
});

test.serial('the command changes single fields of several workloads, and a dry run none', async (t) => {
  await client.call('workload.create', { spec: spec('other') });
  await until('other', ({ state }) => state === 'running');
  const dry = agent.berth(['workload', 'update', 'web', 'other', '--ingress-rate', '40Mbit', '--dry-run']);
  t.is(dry.status, 0, dry.stderr);
  t.regex(dry.stdout, /web would change\n +network\.bandwidth\.ingress\.rate +20000000 -> 40000000/);
  t.is(await inKernel(), 20);
  const done = agent.berth(['workload', 'update', 'web', 'other', '--ingress-rate', '40Mbit', '--label', 'app-']);
  t.is(done.status, 0, done.stderr);
  t.is(await inKernel(), 40);
  for (const id of ['web', 'other']) t.false('app' in (await client.call('workload.get', { id })).spec.labels);
  const wrong = agent.berth(['workload', 'update', 'web', 'nobody', '--priority', '7']);
  t.is(wrong.status, 4);
  t.is((await client.call('workload.get', { id: 'web' })).spec.priority, 7);
});

test.serial('output and events of those that a label selects, as a person asks for them', async (t) => {
  const talking = (id: string) => ({
    ...{ ...spec(id), labels: { talks: 'yes' } },
    exec: { isolation: 'none', command: ['/bin/sh', '-c', 'seq 1 50; printf end; exec sleep 1000'], user: 'nobody' },
  });
  for (const id of ['t1', 't2']) await client.call('workload.create', { spec: talking(id) });
  for (const id of ['t1', 't2'])
    while (!(await client.call('workload.logs', { id })).text.endsWith('end'))
      await new Promise((resolve) => setTimeout(resolve, 20));
  const logs = agent.berth(['workload', 'logs', '-l', 'talks=yes', '--tail', '2']);
  t.is(logs.stdout, 't1 | 50\nt1 | end\nt2 | 50\nt2 | end\n', logs.stderr);
  t.is(agent.berth(['workload', 'logs', 't1', '-n', '1']).stdout, 'end');
  const created = agent.berth(['events', '-l', 'talks', '--type', 'workload.created', '--json']);
  const { events } = JSON.parse(created.stdout) as { events: { workload: string }[] };
  t.deepEqual(
    events.map(({ workload }) => workload),
    ['t1', 't2'],
  );
  const dry = agent.berth(['workload', 'delete', '-l', 'talks', '--dry-run']);
  t.is(dry.stdout, 't1 (running): would delete\nt2 (running): would delete\n');
  t.is((await client.call('workload.list', { selector: 'talks' })).workloads.length, 2);
  const gone = agent.berth(['workload', 'delete', '-l', 'talks', '--now']);
  t.is(gone.stdout, 't1 deleted\nt2 deleted\n', gone.stderr);
  t.is(agent.berth(['workload', 'list', '-l', 'talks']).stdout, 'No workloads.\n');
  t.is((await client.call('workload.list', {})).workloads.length, 2);
});

test.serial('the specification that is printed is the one that is there, and an editor changes it', async (t) => {
  const printed = agent.berth(['workload', 'spec', 'web', '-o', 'yaml']);
  t.is(printed.status, 0, printed.stderr);
  const file = join(host.directory, 'web.yaml');
  writeFileSync(file, printed.stdout);
  const same = agent.berth(['workload', 'diff', 'web', '-f', file]);
  t.is(same.status, 0, same.stdout + same.stderr);
  writeFileSync(file, printed.stdout.replace('rate: 40000000', 'rate: 45000000'));
  const other = agent.berth(['workload', 'diff', 'web', '-f', file]);
  t.is(other.status, 1);
  t.regex(other.stdout, /network\.bandwidth\.ingress\.rate +40000000 -> 45000000/);
  t.is(await inKernel(), 40);
  const env = { ...agent.env, BERTH_CONNECT: agent.socket, EDITOR: "sed -i 's/rate: 40000000/rate: 46000000/'" };
  const edited = agent.berth(['workload', 'edit', 'web'], undefined, { env });
  t.is(edited.status, 0, edited.stderr);
  t.is(await inKernel(), 46);
  const untouched = agent.berth(['workload', 'edit', 'web'], undefined, { env: { ...env, EDITOR: 'true' } });
  t.is(untouched.stdout, 'web unchanged\n', untouched.stderr);
});

test.serial('killed while it is patched, the agent leaves one of the two, in record and kernel alike', async (t) => {
  for (let round = 0; round < 4; round++) {
    const before = await client.call('workload.get', { id: 'web' });
    const wanted = 50 + round;
    // The moment of the kill is another one in each round, and never known: both outcomes are right.
    const asked = client.call('workload.patch', { id: 'web', patch: { network: rate(wanted), priority: wanted } });
    const outcome = asked.then(
      () => true,
      () => false,
    );
    for (let turns = 0; turns < round * 2; turns++) await new Promise(setImmediate);
    await agent.kill('SIGKILL');
    const answered = await outcome;
    await client.close();
    await agent.start();
    client = await connect(agent.socket);
    const after = await until('web', ({ state }) => state === 'running');
    const isNew = after.generation === before.generation + 1;
    t.true(isNew || after.generation === before.generation);
    if (answered) t.true(isNew, 'what was answered is there');
    t.is(after.spec.priority, isNew ? wanted : before.spec.priority);
    t.deepEqual(
      after.spec.network.bandwidth?.ingress,
      isNew ? { rate: wanted * 1e6 } : before.spec.network.bandwidth?.ingress,
    );
    // The audit writes back what the killed agent had changed and not written down.
    while ((await inKernel()) !== (after.spec.network.bandwidth?.ingress?.rate ?? 0) / 1e6)
      await new Promise((resolve) => setTimeout(resolve, 50));
    t.is(after.process?.pid, before.process?.pid);
    const repeated = await client.call('workload.patch', {
      id: 'web',
      patch: { network: rate(wanted), priority: wanted },
    });
    t.is(repeated.generation, before.generation + 1);
  }
});
