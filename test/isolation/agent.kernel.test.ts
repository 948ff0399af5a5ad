// A sandbox in the hands of the whole agent, which grants nothing beyond it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from '../agent/own-agent.js';
import { type OwnHost, openHost } from '../agent/own-host.js';
import { type Client, connect } from '../agent/told-client.js';

const PORT = 19_471;
let host: OwnHost;
let agent: OwnAgent;
let client: Client;

test.before(async () => {
  host = await openHost();
  const { directory, prefix, start } = host;
  const env = { BERTH_WEB_LISTEN: `127.0.0.1:${PORT}` };
  // As a node grants that says nothing of it.
  const args = ['--drivers.exec.allow', '[]'];
  agent = new OwnAgent({ directory, prefix, start, args, cgroup: `berth-test-sandbox-${process.pid}`, env });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client.close();
  await agent.end();
  host.end();
});

const spec = (id: string, exec: object = {}) => ({
  ...{ id, driver: 'exec' as const, network: { mode: 'none' as const } },
  exec: { command: ['/bin/sleep', '1000'], ...exec },
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await sleep(20);
  }
}

test.serial('what goes beyond the sandbox is refused, and leaves nothing', async (t) => {
  for (const exec of [{ user: 'root' }, { user: 'nobody' }, { isolation: 'none' as const }]) {
    const error = await t.throwsAsync(client.call('workload.create', { spec: spec('beyond', exec) }));
    t.like(error, { code: 'not_permitted' });
  }
  t.deepEqual((await client.call('workload.list', {})).workloads, []);
});

test.serial('the agent adopts it after kill -9, stops it, starts it again and removes all of it', async (t) => {
  await client.call('workload.create', { spec: spec('shut-in') });
  const before = await until('shut-in', ({ state }) => state === 'running');
  const pid = before.process?.pid ?? 0;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  t.regex(status, /^Uid:\s+20\d{8}\s/m);
  t.regex(status, /^Seccomp:\s+2$/m);
  await agent.kill('SIGKILL');
  await client.close();
  await agent.start();
  client = await connect(agent.socket);
  t.is((await until('shut-in', ({ state }) => state === 'running')).process?.pid, pid);

  await client.call('workload.stop', { id: 'shut-in' });
  const stopped = await until('shut-in', ({ state }) => state === 'exited');
  t.is(stopped.end?.cause, 'stopped');
  await client.call('workload.start', { id: 'shut-in' });
  const again = await until('shut-in', ({ state }) => state === 'running');
  t.not(again.process?.pid, pid);
  await client.call('workload.delete', { id: 'shut-in' });
  while ((await client.call('workload.list', {})).workloads.length > 0) await sleep(20);
  t.deepEqual(readdirSync(join(host.directory, 'run', 'uids')), []);
  t.deepEqual(readdirSync(join(host.directory, 'run', 'workloads')), []);
});
