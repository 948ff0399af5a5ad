// The whole agent on a host that changes under it: forwarding, routes over the pool, flows and programs at its ports.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { REPAIR_LIMITS } from '../../agent/base/repair-budget.js';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';
import { OUTSIDE, type OwnHost, openHost, UPLINK } from './own-host.js';
import { type Client, connect } from './told-client.js';

const RESOLVED = '/run/systemd/resolve';
let host: OwnHost;
let agent: OwnAgent;
let client: Client;

const agentIn = (directory: string) =>
  new OwnAgent({
    ...{ directory, prefix: host.prefix, start: (command, options) => host.start(command, options) },
    cgroup: `berth-test-follow-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.211.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_follow',
      BERTH_NETWORK_LINK_PREFIX: 'bf',
      BERTH_NETWORK_SLOTS: '2',
      BERTH_WEB_LISTEN: '127.0.0.1:9465',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
    },
  });

/** Answers each datagram with the name of the workload. */
const spec = (id: string, over: object = {}) => ({
  id,
  driver: 'exec' as const,
  exec: {
    command: [
      '/usr/bin/python3',
      '-c',
      `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(("0.0.0.0", 53))\nwhile True:\n  d, a = s.recvfrom(99)\n  s.sendto(b"${id} " + d, a)`,
    ],
  },
  ...over,
});

async function until(id: string, state: WorkloadView['state']): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (view.state === 'failed' && state !== 'failed') throw new Error(JSON.stringify(view.error));
    if (view.state === state) return view;
    await sleep(20);
  }
}

/** The codes of the node's conditions, once `is` says yes of them. */
async function conditions(is: (codes: readonly string[]) => boolean, fresh = false): Promise<readonly string[]> {
  for (;;) {
    // Which looks at the routes of the host, too.
    if (fresh) await client.call('node.doctor', {});
    const { conditions: found } = await client.call('node.describe', {});
    const codes = found.map(({ code }) => code);
    if (is(codes)) return codes;
    await sleep(100);
  }
}

async function start(): Promise<void> {
  await agent.start();
  client = await connect(agent.socket);
}

test.before(async () => {
  host = await openHost();
  agent = agentIn(host.directory);
  await start();
});

test.after.always(async () => {
  agent.berth(['workload', 'delete', '--all', '--now']);
  await client?.close();
  await agent.end();
  // Where it was made, as a place to mount on.
  host.run(`umount ${RESOLVED}; rmdir ${RESOLVED} /run/systemd 2>/dev/null || true`);
  host.end();
});

/** A client on "outside" that sends from one port, as often as it is asked, and says who answered last. */
function udpClient() {
  const script = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 5999))
s.settimeout(5)
for line in sys.stdin:
    mode, text = line.split()
    s.sendto(text.encode(), ("${UPLINK}", 5353))
    s.settimeout(5 if mode == "wait" else 0.3)
    try:
        while True:
            data = s.recv(99).decode()
            if data.endswith(" " + text): break
        print(data, flush=True)
    except OSError:
        print("silence", flush=True)
`;
  const [program = '', ...rest] = [...host.prefix, 'ip', 'netns', 'exec', 'outside', 'python3', '-c', script];
  const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  let count = 0;
  return {
    async ask(mode: 'wait' | 'short'): Promise<string> {
      child.stdin.write(`${mode} q${++count}\n`);
      const [data] = await once(child.stdout, 'data');
      return String(data).split(' ')[0]?.trim() ?? '';
    },
    end: () => child.kill('SIGKILL'),
  };
}

test.serial(
  'a flow to a port of the host reaches the workload that publishes it, each time that it starts',
  async (t) => {
    const flow = udpClient();
    t.is(await flow.ask('short'), 'silence');
    const ports = { network: { ports: [{ protocol: 'udp' as const, host: 5353, guest: 53 }] } };
    await client.call('workload.create', { spec: spec('dns', ports) });
    for (let round = 0; round < 2; round++) {
      const { sandbox } = await until('dns', 'running');
      // Its program listens before the question: what is asked is where the datagram goes, not how fast it starts.
      while (!host.run(`ip netns exec ${sandbox.netns} ss -lunH`).includes(':53')) await sleep(20);
      t.is(await flow.ask('wait'), 'dns');
      await client.call('workload.stop', { id: 'dns' });
      await until('dns', 'exited');
      t.is(await flow.ask('short'), 'silence');
      await client.call('workload.start', { id: 'dns' });
    }
    await until('dns', 'running');
    await client.call('workload.delete', { id: 'dns', now: true });
    flow.end();
  },
);

async function pingable(t: ExecutionContext, id: string): Promise<void> {
  const { sandbox } = await until(id, 'running');
  t.is(host.status(`ping -c1 -W2 ${sandbox.address}`), 0, id);
}

test.serial('a node with workloads comes back whatever lies over its pool; a new one does not start', async (t) => {
  await client.call('workload.create', { spec: spec('stays') });
  await pingable(t, 'stays');
  const { process: ran } = await until('stays', 'running');
  await client.close();
  await agent.kill('SIGKILL');
  host.run(`ip route add 10.0.0.0/8 via ${OUTSIDE}`);
  host.run(`ip route add 10.211.0.0/25 via ${OUTSIDE}`);
  await start();
  t.true((ran?.pid ?? 0) > 0);
  t.deepEqual((await until('stays', 'running')).process, ran, 'taken over');
  const codes = await conditions((found) => found.includes('pool_conflict'));
  t.true(codes.includes('pool_covered'));
  await pingable(t, 'stays');
  await client.call('workload.create', { spec: spec('new') });
  const { sandbox } = await until('new', 'running');
  t.true(Number(sandbox.address?.split('.')[3]) >= 128, `${sandbox.address} is out of the part that collides`);
  await client.call('workload.restart', { id: 'stays' });
  await pingable(t, 'new');

  const directory = join(host.directory, 'another');
  mkdirSync(directory);
  const checked = (state: string) =>
    agent.berth(['config', 'check', '--paths.state', state, '--paths.runtime', join(directory, 'run')]);
  const refused = checked(join(directory, 'state'));
  t.not(refused.status, 0);
  t.regex(`${refused.stdout}${refused.stderr}`, /10\.211\.0\.0\/25, a part of 10\.211\.0\.0\/24, is routed to uplink/);
  t.is(checked(join(host.directory, 'state')).status, 0, 'a return');

  host.run('ip route del 10.211.0.0/25');
  await conditions((found) => !found.includes('pool_conflict'), true);
  t.is(checked(join(directory, 'state')).status, 0, 'a larger network keeps nobody from a first start');
  host.run('ip route del 10.0.0.0/8');
  await conditions((found) => !found.includes('pool_covered'), true);
});

/** Answers each question for an address with 192.0.2.77. */
const NAME_SERVER = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${OUTSIDE}", 53))
print("ready", flush=True)
while True:
    q, a = s.recvfrom(512)
    end = q.index(b"\\0", 12) + 5
    kind = q[end - 4:end - 2]
    answer = b"\\xc0\\x0c" + kind + b"\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes([192, 0, 2, 77]) if kind == b"\\0\\1" else b""
    s.sendto(q[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if answer else b"\\0\\0") + b"\\0\\0\\0\\0" + q[12:end] + answer, a)
`;

test.serial('names resolve where the host has only the stub of systemd-resolved', async (t) => {
  const server = host.start(['ip', 'netns', 'exec', 'outside', 'python3', '-c', NAME_SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (server.stdout !== null) await once(server.stdout, 'data');
  const stub = join(host.directory, 'resolv.conf');
  host.run(
    `mkdir -p ${RESOLVED} && mount -t tmpfs tmpfs ${RESOLVED} && echo 'nameserver ${OUTSIDE}' > ${RESOLVED}/resolv.conf
echo 'nameserver 127.0.0.53' > ${stub} && seen=$(readlink -f /etc/resolv.conf)
[ -e "$seen" ] || : > "$seen"
mount --bind ${stub} "$seen"`,
  );
  const script = 'import socket\nprint(socket.gethostbyname("web.example.test"))';
  const exec = { command: ['/usr/bin/python3', '-c', script] };
  await client.call('workload.create', { spec: { id: 'names', driver: 'exec', exec } });
  await until('names', 'exited');
  const { text } = await client.call('workload.logs', { id: 'names' });
  t.is(text, '192.0.2.77\n');
  await client.call('workload.delete', { id: 'names', now: true });
  server.kill('SIGKILL');
});

const forwarding = (value?: 0 | 1): string =>
  host.run(value === undefined ? 'cat /proc/sys/net/ipv4/ip_forward' : `sysctl -q -w net.ipv4.ip_forward=${value}`);

test.serial(
  'forwarding that is turned off is turned on again at once, and told; the sixth time it is a condition',
  async (t) => {
    const { cursor } = await client.call('events.subscribe', {});
    t.false((await conditions(() => true)).includes('ip_forward_off'));
    const told = client.events(cursor)[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      for (let at = await told.next(); at.done !== true; at = await told.next()) {
        const { type, data } = at.value;
        const { code, changes } = data as { code?: string; changes?: unknown };
        if (code === 'ip_forward_off') return type;
        if (type === 'network.repaired') return JSON.stringify(changes);
      }
      throw new Error('no more events');
    };
    for (let time = 0; time < REPAIR_LIMITS.repairs; time++) {
      forwarding(0);
      t.is(await next(), 'condition.raised');
      t.is(await next(), '[{"kind":"forwarding","detail":"net.ipv4.ip_forward = 1"}]');
      t.is(await next(), 'condition.cleared');
      t.is(forwarding().trim(), '1');
    }
    forwarding(0);
    t.is(await next(), 'condition.raised');
    t.is(forwarding().trim(), '0', 'somebody means it');
    const page = async (path: string) => host.run(`curl -s http://127.0.0.1:9465/${path}`);
    const answers: Readonly<Record<string, () => Promise<string>>> = {
      describe: async () => JSON.stringify(await client.call('node.describe', {})),
      readyz: () => page('readyz?verbose'),
      metrics: () => page('metrics'),
      doctor: async () => JSON.stringify(await client.call('node.doctor', {})),
    };
    // Some answers are kept for two seconds.
    for (const ask of Object.values(answers)) while (!(await ask()).includes('ip_forward_off')) await sleep(100);
    forwarding(1);
    for (const ask of Object.values(answers)) while ((await ask()).includes('ip_forward_off')) await sleep(100);
    t.is(forwarding().trim(), '1');
  },
);

test.serial('the same create twice at once is a success twice, with a published port as well', async (t) => {
  const one = await connect(agent.socket);
  for (let round = 0; round < 50; round++) {
    const asked = {
      spec: {
        ...{ id: `pair-${round}`, driver: 'external' as const },
        network: { ports: [{ protocol: 'tcp' as const, host: 9000 + round, guest: 80 }] },
      },
    };
    const [a, b] = await Promise.all([client.call('workload.create', asked), one.call('workload.create', asked)]);
    t.is(a.id, b.id);
    await client.call('workload.delete', { id: `pair-${round}`, now: true });
  }
  await one.close();
});

test.serial('`fits` beside a program that binds and closes the port never makes its bind fail', async (t) => {
  const script = `
import socket
for _ in range(3000):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", 7443))
    s.listen()
    s.close()
`;
  const program = host.start(['python3', '-c', script], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(program, 'exit');
  let over = false;
  ended.then(() => {
    over = true;
  });
  const asked = spec('never', { network: { ports: [{ host: 7443, guest: 80 }] } });
  while (!over) await client.call('workload.fits', { spec: asked });
  t.is((await ended)[0], 0);
});
