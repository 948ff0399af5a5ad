// Five hundred deletes of programs that try to outlive them, many at once: when `deleted` is said nothing of the workload lives, and what it
// did to its namespace nobody finds.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { findHierarchy } from '../../cgroups/hierarchy.js';
import { OwnAgent } from '../agent/own-agent.js';
import { type OwnHost, openHost } from '../agent/own-host.js';
import { type Client, connect } from '../agent/told-client.js';
import { ESCAPE_NAMES, escapeArgv, MARK } from './escapes.js';

const DELETES = 500;
const AT_ONCE = 12;
/** Of what the kernel gives a new namespace. */
const FRESH = '32768 60999';
const ELSEWHERE = join(findHierarchy()?.mount ?? '', 'cgroup.procs');
/** A sandbox costs more than the rest together, and has fewer ways out. */
const KINDS = [
  ...[{ isolation: 'none' }, { isolation: 'none' }, { isolation: 'none' }, { isolation: 'none', user: 'nobody' }],
  ...[{ isolation: 'sandbox' }, { isolation: 'sandbox', user: 'root' }],
] as const;

let host: OwnHost;
let agent: OwnAgent;
let client: Client;
const gone = new Map<string, () => void>();

test.before(async () => {
  host = await openHost();
  const { directory, prefix, start } = host;
  const env = {
    BERTH_NETWORK_POOL: '10.214.0.0/24',
    BERTH_NETWORK_TABLE: 'berth_deletes',
    BERTH_NETWORK_LINK_PREFIX: 'bh',
    BERTH_NETWORK_SLOTS: '8',
    BERTH_GOVERNOR_ENABLED: 'false',
    BERTH_WEB_LISTEN: '',
    BERTH_LIFECYCLE_STOP_GRACE: '100ms',
  };
  agent = new OwnAgent({ directory, prefix, start, cgroup: `berth-test-deletes-${process.pid}`, env });
  await agent.start();
  client = await connect(agent.socket);
  client.onEvent(({ type, workload = '' }) => {
    if (type === 'workload.deleted') gone.get(workload)?.();
  });
  await client.call('events.subscribe', {});
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
});

/** Processes of the host with this in their environment. */
function marked(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${MARK}=${text}`);
    } catch {
      return false;
    }
  });
}

/** Of the network namespace that the agent has by this name, in the mounts of its host. */
function inodeOf(netns: string): number {
  return statSync(`/proc/${host.prefix[2]}/root/run/netns/${netns}`).ino;
}

interface Life {
  /** What it found in its namespace. */
  readonly range: string;
  readonly processes: number;
}

async function live(
  id: string,
  name: string,
  exec: object,
  living: Map<number, string>,
  t: ExecutionContext,
): Promise<Life> {
  const spec = {
    ...{ id, tenant: `t-${id}`, driver: 'exec' as const, restart: { policy: 'never' as const } },
    exec: { ...exec, command: escapeArgv(name, ELSEWHERE), env: { [MARK]: id } },
  };
  await client.call('workload.create', { spec });
  let range: string | undefined;
  let found = await client.call('workload.get', { id });
  while (range === undefined) {
    await sleep(30);
    range = /^(.*)\n/.exec((await client.call('workload.logs', { id })).text)?.[1];
    found = await client.call('workload.get', { id });
    if (found.state === 'failed') throw new Error(`${name}: ${JSON.stringify(found.end)}`);
  }
  const processes = marked(id);
  const netns = found.sandbox.netns ?? '';
  const inode = inodeOf(netns);
  t.is(living.get(inode), undefined, 'no two have one namespace');
  living.set(inode, id);
  const deleted = new Promise<void>((resolve) => gone.set(id, resolve));
  await client.call('workload.delete', { id, now: id.length % 2 === 0 });
  await deleted;
  living.delete(inode);
  t.deepEqual(
    marked(id).map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8')),
    [],
    `${name} ${JSON.stringify(exec)}`,
  );
  return { range, processes: processes.length };
}

test.serial(
  `${DELETES} deletes of programs that try to outlive them leave no process and spoil no namespace`,
  async (t) => {
    const living = new Map<number, string>();
    const lives: Life[] = [];
    let next = 0;
    const lane = async () => {
      while (next < DELETES) {
        const at = next++;
        const name = ESCAPE_NAMES[at % ESCAPE_NAMES.length] ?? '';
        const exec = KINDS[Math.floor(at / ESCAPE_NAMES.length) % KINDS.length] ?? {};
        lives.push(await live(`escape-${at}`, name, exec, living, t));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    t.deepEqual([...new Set(lives.map(({ range }) => range))], [FRESH]);
    t.true(
      lives.every(({ processes }) => processes > 0),
      'it was there',
    );
  },
);
