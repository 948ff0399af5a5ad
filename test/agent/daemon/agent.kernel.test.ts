// The whole agent on this machine's kernel, as a person would run it without systemd.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { CapacityRow } from '../../../agent/model/capacity.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import type { BerthError } from '../../../protocol/errors.js';
import { OwnAgent } from '../own-agent.js';
import { type Client, connect } from '../told-client.js';

const directory = mkdtempSync(join(tmpdir(), 'berth-agent-'));
const name = `berth-t${process.pid}`;
const config = join(directory, 'berth.toml');
const table = `berth_t${process.pid}`;
const agent = new OwnAgent({
  directory,
  cgroup: name,
  args: ['--config', config],
  env: {
    BERTH_NETWORK_POOL: '10.201.7.0/29',
    BERTH_NETWORK_TABLE: table,
    BERTH_NETWORK_LINK_PREFIX: 'bq',
    BERTH_NETWORK_FORWARDING: 'leave',
    BERTH_NETWORK_SLOTS: '0',
    BERTH_WEB_LISTEN: '',
  },
});
let client: Client | undefined;

async function start(): Promise<void> {
  await agent.start();
  client = await connect(agent.socket);
}

async function kill(signal: NodeJS.Signals): Promise<void> {
  await client?.close();
  await agent.kill(signal);
}

const berth = (args: readonly string[], input?: unknown) => agent.berth(args, input);

function existing(): string[] {
  const links = spawnSync('ip', ['-o', 'link'], { encoding: 'utf8' }).stdout.match(/\bbq[^:@]+/g) ?? [];
  const names = existsSync('/run/netns') ? readdirSync('/run/netns').filter((each) => each.startsWith('berth-')) : [];
  return [...links, ...names];
}

async function settled(id: string): Promise<string> {
  for (;;) {
    const { state } = (await client?.call('workload.get', { id })) ?? { state: 'gone' };
    if (state === 'running' || state === 'exited' || state === 'failed') return state;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.before(async () => {
  writeFileSync(config, '');
  await start();
});

test.after.always(async () => {
  await client?.close();
  await agent.end();
  for (const each of existing())
    spawnSync('ip', each.startsWith('berth-') ? ['netns', 'delete', each] : ['link', 'delete', each]);
  spawnSync('/usr/sbin/nft', ['delete', 'table', 'inet', table]);
  rmSync(directory, { recursive: true, force: true });
});

const sleeper = (id: string, over: object = {}) => ({
  id,
  driver: 'exec',
  exec: { isolation: 'none', command: ['/bin/sleep', '1000'], user: 'nobody' },
  ...over,
});

test.serial('the command: create, look, be refused, and the exit codes say which', (t) => {
  const created = berth(['workload', 'create', '-f', '-'], sleeper('one'));
  t.is(created.status, 0, created.stderr);
  t.regex(created.stdout, /^one running, pid \d+, 10\.201\.7\.\d/);
  const list = JSON.parse(berth(['workload', 'list', '--json']).stdout);
  t.is(list.workloads[0].id, 'one');
  const state = () => {
    const { rows } = JSON.parse(berth(['node', 'capacity', '--json']).stdout) as { rows: CapacityRow[] };
    const promised = rows.map(({ scope, dimension, committed, reserved }) => [scope, dimension, committed, reserved]);
    return JSON.stringify(promised) + existing().join();
  };
  const before = state();
  const refusals: [input: unknown, exit: number, code: string][] = [
    [sleeper('one', { labels: { a: 'b' } }), 1, 'conflict'],
    [sleeper('Two'), 2, 'invalid_spec'],
    [sleeper('two', { driver: 'docker' }), 2, 'unknown_driver'],
    [sleeper('two', { colour: 'red' }), 2, 'invalid_spec'],
    [sleeper('two', { exec: { command: ['/no/such/program'] } }), 1, 'binary_missing'],
    [sleeper('two', { resources: { memory: { limit: '64Mi' } } }), 1, 'controller_missing'],
    [sleeper('two', { resources: { cpu: { request: 500 } } }), 3, 'admission_refused'],
    [{ id: 'two', driver: 'qemu', qemu: { kernel: '/no/kernel', initrd: '/no/initrd' } }, 1, 'image_missing'],
    [{ id: 'two', driver: 'oci', oci: { rootfs: '/no/rootfs', command: ['/bin/sh'] } }, 1, 'image_missing'],
  ];
  for (const [input, exit, code] of refusals) {
    const answer = berth(['workload', 'create', '-f', '-', '--json'], input);
    t.is(answer.status, exit, `${code}: ${answer.stdout}${answer.stderr}`);
    t.true(answer.stdout.includes(`"${code}"`), `${code}: ${answer.stdout}`);
  }
  t.is(berth(['workload', 'show', 'nobody']).status, 4);
  t.is(berth(['no-such-command']).status, 2);
  t.is(berth(['--connect', join(directory, 'none.sock'), 'node', 'status']).status, 5);
  t.is(state(), before);
});

test.serial('a second agent on the same socket, and one without root, say so and change nothing', (t) => {
  const second = berth(['agent']);
  t.is(second.status, 1);
  t.true(second.stdout.includes('socket_in_use'), second.stdout);
  const env = { ...agent.env, BERTH_PATHS_STATE: '/nonexistent' };
  const nobody = agent.berth(['agent'], undefined, { env, uid: 65534, gid: 65534 });
  if (nobody.error === undefined) t.is(nobody.status, 6, nobody.stdout + nobody.stderr);
  t.is(berth(['workload', 'list', '--json']).status, 0);
});

test.serial('the pool runs out with its own code, and an address comes back', async (t) => {
  for (const id of ['two', 'three', 'four', 'five', 'six'])
    await client?.call('workload.create', { spec: sleeper(id) });
  const error = await t.throwsAsync<BerthError>(async () =>
    client?.call('workload.create', { spec: sleeper('seven') }),
  );
  t.is(error?.code, 'address_pool_exhausted');
  const gone = ['two', 'three', 'four', 'five', 'six'];
  t.is(berth(['workload', 'delete', '--now', ...gone]).status, 0);
  t.is(berth(['workload', 'create', '-f', '-'], sleeper('seven')).status, 0);
});

test.serial(
  'kill -9 of the agent: the next one adopts the same processes and finds an exit it did not see',
  async (t) => {
    const short = {
      ...sleeper('short'),
      exec: {
        isolation: 'none',
        command: ['/bin/sh', '-c', 'read line < "$0"; echo bye; exit 9', join(directory, 'fifo')],
      },
    };
    spawnSync('mkfifo', [join(directory, 'fifo')]);
    await client?.call('workload.create', { spec: short });
    t.is(await settled('short'), 'running');
    const before = await client?.call('workload.get', { id: 'one' });
    await kill('SIGKILL');
    writeFileSync(join(directory, 'fifo'), 'go\n');
    await start();
    t.is(await settled('short'), 'failed');
    const ended = await client?.call('workload.get', { id: 'short' });
    t.like(ended?.end, { code: 9, cause: 'exit' });
    t.is((await client?.call('workload.logs', { id: 'short' }))?.text, 'bye\n');
    const after = await client?.call('workload.get', { id: 'one' });
    t.deepEqual(after?.process, before?.process);
    t.is(after?.state, 'running');
  },
);

test.serial('SIGHUP takes new quotas, and keeps the old ones when the file is wrong', async (t) => {
  const limit = async () => {
    const { rows } = (await client?.call('node.capacity', {})) ?? { rows: [] };
    return rows.find((row) => row.scope === 'host' && row.dimension === 'workloads')?.allocatable;
  };
  const reload = async (toml: string, type: string) => {
    const { cursor } = (await client?.call('events.subscribe', {})) ?? { cursor: 0 };
    writeFileSync(config, toml);
    agent.signal('SIGHUP');
    for await (const event of client?.events(cursor) ?? []) if (event.type === type) return event.data;
    return undefined;
  };
  const network = '[density]\nmax_workloads = 77\n[network]\nmtu = 1400\n';
  t.deepEqual(await reload(network, 'config.reloaded'), { restart: ['network'] });
  t.is(await limit(), 77);
  t.like(await reload('[density]\nmax_workloads = "many"\n', 'config.rejected'), { code: 'config_invalid' });
  t.is(await limit(), 77);
  writeFileSync(config, '');
});

test.serial('a torn journal file is set aside, told of, and its processes are left alone', async (t) => {
  const { process: running } = (await client?.call('workload.get', { id: 'one' })) ?? {};
  await kill('SIGTERM');
  writeFileSync(join(directory, 'state', 'workloads', 'one.json'), '{"version":1,"checksum":"');
  await start();
  t.deepEqual(readdirSync(join(directory, 'state', 'damaged')).length, 1);
  const error = await t.throwsAsync<BerthError>(async () => client?.call('workload.get', { id: 'one' }));
  t.is(error?.code, 'not_found');
  t.true(existsSync(`/proc/${running?.pid}`));
  const { removed } = (await client?.call('node.cleanup', {})) ?? { removed: [] };
  t.false(removed.join().includes('one'), 'what has a living process is reported, not removed');
  t.true(((await client?.call('node.describe', {}))?.leaked ?? 0) > 0);
  process.kill(running?.pid ?? 0, 'SIGKILL');
});

test.serial('a sandbox for others: namespace, cgroup and tap, and all of it goes', async (t) => {
  const spec = { id: 'ext', driver: 'external', external: { tap: true, uid: 1 } };
  await client?.call('workload.create', { spec });
  const state = await settled('ext');
  const view = await client?.call('workload.get', { id: 'ext' });
  t.is(state, 'running', JSON.stringify(view?.error));
  const links = spawnSync('ip', ['netns', 'exec', 'berth-ext', 'ip', '-o', 'link'], { encoding: 'utf8' }).stdout;
  t.true(links.includes(`${view?.sandbox.tap}:`), links);
  t.true(existsSync(view?.sandbox.cgroupPath ?? ''));
});

test.serial('deletion of all leaves nothing in the kernel and on disk', async (t) => {
  t.is(berth(['workload', 'delete', '--all', '--now']).status, 0);
  await client?.call('node.cleanup', {});
  t.is((await client?.call('node.describe', {}))?.leaked, 0, berth(['cleanup', '--dry-run']).stdout);
  t.deepEqual(existing(), []);
  t.deepEqual(readdirSync(join(directory, 'state', 'workloads')), []);
  t.deepEqual(readdirSync(join(directory, 'run', 'workloads')), []);
  const root = join(findHierarchy()?.mount ?? '', name);
  const groups = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  t.deepEqual(
    groups.map((entry) => entry.name),
    ['supervisor'],
  );
});
