// Every check of a start, twice: a new installation, and an agent that comes back to a running workload.
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Outcome, START_CHECKS, type StartCheck } from '../../../agent/daemon/start-checks.js';
import type { WorkloadView } from '../../../agent/model/record.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';

const POOL = '10.214.0.0/24';
const WEB = 9466;
const CHECKS = Object.keys(START_CHECKS) as StartCheck[];
const mount = findHierarchy()?.mount ?? '';
let host: OwnHost;
/** A host on which nothing is broken but for one check at a time, for agents that are new. */
let fresh: OwnHost;
let returning: OwnAgent;
/** The process of the workload that agents come back to. */
let stays: WorkloadView['process'];

interface Place {
  readonly host: OwnHost;
  readonly directory: string;
  readonly cgroup: string;
}

interface Break {
  /** Words before the agent. */
  readonly through?: readonly string[];
  /** Resolves with what mends it. */
  make?(place: Place): Promise<() => Promise<void> | void>;
}

const bindOver = (line: string, file: string) => async (place: Place) => {
  place.host.run(line);
  return () => void place.host.run(`umount ${file}`);
};

async function running(host: OwnHost, command: readonly string[]) {
  const child = host.start(command, { stdio: ['ignore', 'pipe', 'ignore'] });
  const { stdout } = child;
  if (stdout !== null) await once(stdout, 'data');
  return async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
}

/** The lock goes with the program that `flock` becomes. */
const locked = (host: OwnHost, file: string) =>
  running(host, ['flock', '--no-fork', '--nonblock', file, 'sh', '-c', 'echo; exec sleep 600']);

const BREAKS: Readonly<Record<StartCheck, Break>> = {
  privileges: { through: ['setpriv', '--bounding-set=-sys_admin'] },
  state: {
    async make({ directory }) {
      const backup = join(directory, 'state/snapshots/db/20260101');
      mkdirSync(backup, { recursive: true });
      writeFileSync(join(backup, 'dump'), '');
      return () => rmSync(join(directory, 'state/snapshots/db'), { recursive: true, force: true });
    },
  },
  sole: {
    make: ({ host, directory }) => {
      mkdirSync(join(directory, 'state'), { recursive: true });
      return locked(host, join(directory, 'state'));
    },
  },
  hierarchy: { through: ['unshare', '--mount', 'sh', '-c', `umount -l ${mount}; exec "$@"`, 'sh'] },
  supervisor: {
    async make({ host, directory, cgroup }) {
      for (const pid of supervisorOf(cgroup)) {
        host.run(`kill -9 ${pid}`);
        while (host.status(`kill -0 ${pid}`) === 0);
      }
      mkdirSync(join(directory, 'run'), { recursive: true });
      return locked(host, join(directory, 'run', 'supervisor.lock'));
    },
  },
  socket: {
    async make({ directory }) {
      const socket = join(directory, 'run', 'berth.sock');
      mkdirSync(join(directory, 'run'), { recursive: true });
      rmSync(socket, { force: true });
      writeFileSync(socket, 'not a socket');
      return () => rmSync(socket);
    },
  },
  // The hierarchy of a hybrid host has neither cpu nor memory.
  controllers: {},
  pools: {
    async make({ host }) {
      host.run(`ip addr add ${POOL} dev uplink`);
      return () => void host.run(`ip addr del ${POOL} dev uplink`);
    },
  },
  tables: { make: bindOver('mount --bind /bin/false /usr/sbin/nft', '/usr/sbin/nft') },
  bridges: {
    async make({ host }) {
      host.status('ip link del lan0');
      host.run('ip link add lan0 type veth peer name other0');
      return () => void host.run('ip link del lan0');
    },
  },
  forwarding: {
    make: bindOver(
      'f=/proc/sys/net/ipv4/ip_forward && echo 0 > $f && mount --bind $f $f && mount -o remount,bind,ro $f',
      '/proc/sys/net/ipv4/ip_forward',
    ),
  },
  web: {
    make: ({ host }) =>
      running(host, [
        'python3',
        '-u',
        '-c',
        `import socket, time\ns = socket.create_server(("127.0.0.1", ${WEB}))\nprint(1)\ntime.sleep(600)`,
      ]),
  },
  web_config: {
    async make({ directory }) {
      const file = webConfig(directory);
      writeFileSync(file, 'tls_server_config:\n  cert_file: gone.crt\n  key_file: gone.key\n');
      return () => writeFileSync(file, '');
    },
  },
};

function webConfig(directory: string): string {
  const file = join(directory, 'web.yml');
  mkdirSync(directory, { recursive: true });
  if (!existsSync(file)) writeFileSync(file, '');
  return file;
}

function supervisorOf(cgroup: string): string[] {
  try {
    return readFileSync(join(mount, cgroup, 'supervisor', 'cgroup.procs'), 'latin1')
      .split('\n')
      .filter(Boolean);
  } catch {
    return [];
  }
}

function agentAt({ host, directory, cgroup }: Place, through: readonly string[] = []): OwnAgent {
  return new OwnAgent({
    ...{ directory, cgroup, prefix: host.prefix },
    start: (command, options) => host.start([...through, ...command], options),
    env: {
      ...{ BERTH_NETWORK_POOL: POOL, BERTH_NETWORK_SLOTS: '0', BERTH_NETWORK_LINK_PREFIX: 'bs' },
      ...{ BERTH_WEB_LISTEN: `127.0.0.1:${WEB}`, BERTH_NETWORK_BRIDGE_LAN0_ADDRESSES: '["10.215.0.1/24"]' },
      ...{ BERTH_NETWORK_BRIDGE_LAN0_POOL: '10.215.0.0/25', BERTH_LIFECYCLE_STOP_GRACE: '200ms' },
      BERTH_WEB_CONFIG_FILE: webConfig(directory),
    },
  });
}

type Found = { readonly refused: string } | { readonly codes: readonly string[] };

/** `refused` with the log, or the codes of its conditions; `look` is asked while it serves. */
async function outcome(agent: OwnAgent, look?: (client: Client) => Promise<void>): Promise<Found> {
  try {
    await agent.start();
  } catch (error) {
    return { refused: String(error) };
  }
  const client = await connect(agent.socket);
  try {
    const { conditions } = await client.call('node.doctor', {});
    await look?.(client);
    return { codes: conditions.map(({ code }) => code) };
  } finally {
    await client.close();
  }
}

function judge(t: ExecutionContext, check: StartCheck, kind: 'first' | 'returning', found: Found): void {
  const { error = '', condition = '', [kind]: expected }: Outcome = START_CHECKS[check];
  const says = JSON.stringify(found);
  if (expected === 'holds') t.true('codes' in found, says);
  else if (expected === 'refused') t.true('refused' in found && found.refused.includes(`"code":"${error}"`), says);
  else t.true('codes' in found && found.codes.includes(condition), says);
}

const sleeper = (id: string) =>
  ({
    id,
    driver: 'exec',
    exec: { isolation: 'none', command: ['/bin/sleep', '3600'] },
    network: { mode: 'none' },
  }) as const;

async function untilRunning(client: Client, id: string): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (view.state === 'running') return view;
    if (view.state === 'failed') throw new Error(JSON.stringify(view.error));
    await sleep(20);
  }
}

function placeOf(check: string, on: OwnHost): Place {
  return { host: on, directory: join(on.directory, check), cgroup: `berth-start-${check}-${process.pid}` };
}

test.before(async (t) => {
  host = await openHost();
  fresh = await openHost();
  returning = agentAt(placeOf('back', host));
  const found = await outcome(returning, async (client) => {
    await client.call('workload.create', { spec: sleeper('stays') });
    ({ process: stays } = await untilRunning(client, 'stays'));
  });
  t.true('codes' in found, JSON.stringify(found));
});

test.after.always(async () => {
  await returning?.end();
  host?.end();
  fresh?.end();
});

test('every check of a start has a way here to make it fail', (t) => {
  t.deepEqual(Object.keys(BREAKS).sort(), [...CHECKS].sort());
});

async function installs(t: ExecutionContext, check: StartCheck): Promise<void> {
  const place = placeOf(check, fresh);
  mkdirSync(place.directory);
  const { through, make } = BREAKS[check];
  const mend = await make?.(place);
  const agent = agentAt(place, through);
  const found = await outcome(agent);
  await mend?.();
  await agent.end();
  judge(t, check, 'first', found);
}

async function returns(t: ExecutionContext, check: StartCheck): Promise<void> {
  const place = placeOf('back', host);
  await returning.kill('SIGKILL');
  const { through, make } = BREAKS[check];
  const mend = await make?.(place);
  returning = agentAt(place, through);
  const found = await outcome(returning, async (client) => {
    t.deepEqual((await untilRunning(client, 'stays')).process, stays);
    // What collides with nothing is served.
    const id = `more-${check.replaceAll('_', '-')}`;
    await client.call('workload.create', { spec: sleeper(id) });
    await untilRunning(client, id);
    await client.call('workload.delete', { id, now: true });
  });
  await returning.kill('SIGKILL');
  await mend?.();
  judge(t, check, 'returning', found);
  t.is(host.status(`kill -0 ${stays?.pid}`), 0);
}

for (const check of CHECKS) {
  const { first, returning: back }: Outcome = START_CHECKS[check];
  // On two hosts, so that neither waits for the other.
  test.serial(`${check}: for a new installation ${first}, for a return to a running workload ${back}`, async (t) => {
    await Promise.all([installs(t, check), returns(t, check)]);
  });
}

test.serial('once all is well again, the agent has its workload and none of these conditions', async (t) => {
  returning = agentAt(placeOf('back', host));
  const found = await outcome(returning, async (client) => {
    t.deepEqual((await untilRunning(client, 'stays')).process, stays);
  });
  const codes = 'codes' in found ? found.codes : [JSON.stringify(found)];
  t.deepEqual(
    codes.filter((code) => ['pool_conflict', 'network_setup_failed', 'web_unavailable'].includes(code)),
    [],
  );
});

test.serial(
  'an agent without a web listener has one with the next reload after its file is mended, and keeps it',
  async (t) => {
    const place = placeOf('back', host);
    const answers = () => host.status(`curl -sf -o /dev/null http://127.0.0.1:${WEB}/healthz`) === 0;
    await returning.kill('SIGKILL');
    const mend = await BREAKS.web_config.make?.(place);
    returning = agentAt(place);
    const found = await outcome(returning, async (client) => {
      const codes = async () => (await client.call('node.doctor', {})).conditions.map(({ code }) => code);
      t.true((await codes()).includes('web_unavailable'));
      t.false(answers());
      const error = await t.throwsAsync(client.call('node.reload', {}));
      t.regex(error?.message ?? '', /gone\.crt cannot be read/);
      await mend?.();
      await client.call('node.reload', {});
      t.false((await codes()).includes('web_unavailable'));
      t.true(answers());
      await BREAKS.web_config.make?.(place);
      await t.throwsAsync(client.call('node.reload', {}));
      t.true(answers(), 'what was in force stays');
    });
    t.true('codes' in found, JSON.stringify(found));
  },
);

const root = new URL('../../../..', import.meta.url);
/** Where a start may be refused. */
const SOURCES = [
  'agent/daemon/assembly',
  'agent/daemon/rooms.ts',
  'agent/network/conflicts.ts',
  'agent/web/server.ts',
  'agent/web/listener.ts',
  'agent/web/web-config.ts',
  'agent/control/local-socket.ts',
  'agent/control/server.ts',
];

test('what a start is refused for is a check of the list', (t) => {
  const files = SOURCES.flatMap((path) =>
    path.endsWith('.ts') ? [path] : readdirSync(new URL(path, root)).map((name) => `${path}/${name}`),
  ).filter((path) => path.endsWith('.ts'));
  const thrown = files.flatMap((path) =>
    [...readFileSync(new URL(path, root), 'utf8').matchAll(/new BerthError\(\s*'(\w+)'/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  // A defect, and the errno behind the same check.
  const others = ['internal', 'os_error'];
  const codes: readonly string[] = Object.values(START_CHECKS).flatMap(({ error }: Outcome) => error ?? []);
  t.true(thrown.length > 5);
  t.deepEqual(
    thrown.filter((code) => !codes.includes(code) && !others.includes(code)),
    [],
  );
});
