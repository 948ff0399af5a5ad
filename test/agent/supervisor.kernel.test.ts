// The agent while its supervisor is stopped or killed, on a host where no systemd starts it again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { connectSupervisor } from '../../systemd/supervisor/client.js';
import { OwnAgent } from './own-agent.js';
import { connect } from './told-client.js';

const name = `berth-supervisor-${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'berth-supervisor-'));
const web = `127.0.0.1:${19_000 + (process.pid % 1000)}`;
const agent = new OwnAgent({
  ...{ directory, cgroup: name },
  env: {
    BERTH_NETWORK_POOL: '10.201.38.0/24',
    BERTH_NETWORK_SLOTS: '0',
    BERTH_NETWORK_TABLE: `bsup${process.pid}`,
    BERTH_NETWORK_LINK_PREFIX: 'bs',
    BERTH_NETWORK_FORWARDING: 'leave',
    BERTH_WEB_LISTEN: web,
    BERTH_LIFECYCLE_START_DEADLINE: '3s',
  },
});

interface View {
  readonly state: string;
  readonly error: { readonly code: string } | null;
  readonly process: { readonly pid: number } | null;
}

const spec = (id: string) => ({
  ...{ id, driver: 'exec', network: { mode: 'none' } },
  exec: { isolation: 'none', command: ['/bin/sleep', '1000'] },
});
const create = (id: string) => agent.berth(['workload', 'create', '-f', '-'], spec(id));
const show = (id: string): View => JSON.parse(agent.berth(['workload', 'show', id, '--json']).stdout).workload;
const doctor = (): string => agent.berth(['doctor', '--json']).stdout;

async function supervisorPid(): Promise<number> {
  const supervisor = await connectSupervisor(join(directory, 'run', 'supervisor.sock'));
  try {
    return (await supervisor.hello()).pid;
  } finally {
    supervisor.close();
  }
}

/** Until the agent that starts says that its supervisor does not answer; throws when the agent ends before. */
async function toldBy(start: Promise<void>): Promise<void> {
  let ended: unknown;
  start.catch((error: unknown) => {
    ended = error;
  });
  while (!doctor().includes('supervisor_unavailable')) {
    if (ended !== undefined) throw ended;
    await sleep(100);
  }
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await sleep(100);
}

test.before(() => agent.start());

test.after.always(async () => {
  await agent.end();
  rmSync(directory, { recursive: true, force: true });
});

test.serial(
  'stopped: a start fails at its deadline, everything else answers, and nothing of the start lives on',
  async (t) => {
    t.is(create('before').status, 0);
    const pid = await supervisorPid();
    process.kill(pid, 'SIGSTOP');
    try {
      const late = create('late');
      t.is(late.status, 1);
      t.regex(late.stderr, /start_deadline/);
      await until(() => doctor().includes('supervisor_unavailable'));
      t.true(doctor().includes(`pid ${pid}`));
      t.is(agent.berth(['cleanup']).status, 0);
      t.is(agent.berth(['workload', 'delete', 'before', '--now']).status, 0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until(() => !doctor().includes('supervisor_unavailable'));
    t.is(show('late').state, 'failed');
    t.is(agent.berth(['workload', 'start', 'late']).status, 0);
    t.is(show('late').state, 'running');
  },
);

test.serial(
  'stopped while the agent starts: it serves and says why it is not ready, and adopts once it answers',
  async (t) => {
    t.is(create('adopted').status, 0);
    const { process: before } = show('adopted');
    const pid = await supervisorPid();
    await agent.kill('SIGKILL');
    process.kill(pid, 'SIGSTOP');
    const ended = await t.throwsAsync(async () => {
      const first = agent.start();
      await toldBy(first);
      await agent.kill('SIGTERM');
      await first;
    });
    t.regex(ended?.message ?? '', /waits for the supervisor/);
    const started = agent.start();
    try {
      await toldBy(started);
      t.true(doctor().includes(`pid ${pid}`));
      const client = await connect(agent.socket);
      t.is((await client.call('node.describe')).ready, false);
      await client.close();
      const readyz = await fetch(`http://${web}/readyz?verbose`);
      t.is(readyz.status, 503);
      t.regex(await readyz.text(), /supervisor_unavailable/);
      t.is((await fetch(`http://${web}/livez`)).status, 200);
      t.regex(await (await fetch(`http://${web}/metrics`)).text(), /^berth_/m);
      for (const args of [['cleanup'], ['workload', 'list'], ['workload', 'delete', 'adopted']]) {
        const refused = agent.berth(args);
        t.is(refused.status, 1, args.join(' '));
        t.regex(refused.stderr, /has not taken over the workloads yet/);
      }
    } finally {
      process.kill(pid, 'SIGCONT');
      await started;
    }
    t.is(show('adopted').state, 'running');
    t.deepEqual(show('adopted').process, before);
    while (doctor().includes('supervisor_unavailable')) await sleep(100);
    t.is(agent.berth(['workload', 'delete', 'adopted', '--now']).status, 0);
  },
);

test.serial('killed: it is started again and takes over what lives', async (t) => {
  t.is(create('lives').status, 0);
  const { process: before } = show('lives');
  const pid = await supervisorPid();
  process.kill(pid, 'SIGKILL');
  const after = create('after');
  t.true(after.status === 0 || /start_deadline/.test(after.stderr), after.stderr);
  await until(() => !doctor().includes('supervisor_unavailable'));
  t.not(await supervisorPid(), pid);
  t.deepEqual(show('lives').process, before);
  t.is(agent.berth(['workload', 'delete', 'lives']).status, 0);
});
