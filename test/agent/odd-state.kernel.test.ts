// The whole agent on directories in which anything may have become anything else: it starts, and serves.
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import test from 'ava';
import { STATE_FILES } from '../../agent/base/state-files.js';
import { ODD_THINGS, spoiledOfOthers } from './odd-things.js';
import { OwnAgent } from './own-agent.js';
import { openHost } from './own-host.js';

/** Of the supervisor, which is not started again here. */
const SUPERVISOR = ['exits', 'held', 'output', 'supervisor.lock', 'supervisor.log', 'supervisor.sock'];
const SOCKET = 'berth.sock';
/** Named after what the agent has made them for, in these directories. */
const MARK = '.berth';
const NAMED_AFTER = ['logs', 'workloads', 'damaged', 'relief', 'reservations', 'tenants', 'images/written'];
const ROUNDS = 6;

/** Paths below `root` but for links and what is in them. */
function below(root: string, at = root): string[] {
  return readdirSync(at).flatMap((name) => {
    const path = join(at, name);
    return [relative(root, path), ...(lstatSync(path).isDirectory() ? below(root, path) : [])];
  });
}

test('whatever lies in the place of each file and directory, at any depth, the agent starts and runs a workload', async (t) => {
  const host = await openHost();
  const agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-odd-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.218.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_test_odd',
      BERTH_NETWORK_LINK_PREFIX: 'bo',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
      BERTH_LICENCE: JSON.stringify({ db: { count: 10 } }),
    },
  });
  t.teardown(async () => {
    await agent.end();
    host.end();
  });
  const directories = { state: join(host.directory, 'state'), runtime: join(host.directory, 'run') };
  const run = (args: readonly string[], input?: unknown): void => {
    const { status, stderr } = agent.berth(args, input);
    t.is(status, 0, `${args.join(' ')}: ${stderr}`);
  };
  const spec = {
    ...{ id: 'odd', tenant: 'acme', driver: 'exec', network: { mode: 'none' } },
    exec: { isolation: 'none', command: ['/bin/sleep', '1000'], user: 'nobody' },
  };
  /** A workload lives and goes, and what the agent keeps of tenants and of the node is written. */
  const live = (): void => {
    run(['workload', 'create', '-f', '-'], spec);
    run(['workload', 'wait', 'odd', '--for', 'running', '--timeout', '60s']);
    run(['node', 'cordon']);
    run(['node', 'uncordon']);
    run(['tenant', 'set', 'acme', 'workloads=5', '--create']);
    run(['workload', 'delete', 'odd', '--now']);
  };
  await agent.start();
  live();

  const names = { state: new Set<string>(), runtime: new Set<string>([...SUPERVISOR, SOCKET]) };
  for (const { in: where, name } of STATE_FILES) names[where].add(name);
  const unknown = (['state', 'runtime'] as const).flatMap((where) =>
    below(directories[where]).filter(
      (path) =>
        basename(path) !== MARK &&
        !names[where].has(path) &&
        ![...NAMED_AFTER, ...SUPERVISOR].some((one) => path.startsWith(`${one}/`)),
    ),
  );
  t.deepEqual(unknown, [], 'each has its place in STATE_FILES');

  let replaced = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await agent.kill(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    let at = round;
    for (const root of Object.values(directories))
      for (const path of below(root).reverse()) {
        const [top = ''] = path.split('/');
        const full = join(root, path);
        if (SUPERVISOR.includes(top) || top === SOCKET || path.includes('.damaged')) continue;
        const kind = ODD_THINGS[at++ % ODD_THINGS.length];
        // Beside what it has made itself.
        if (lstatSync(full).isDirectory())
          for (const name of ['left', 'left.json']) {
            const left = join(full, name);
            rmSync(left, { recursive: true, force: true });
            await ODD_THINGS[at++ % ODD_THINGS.length]?.make(left);
          }
        // Each depth has its turn in another round, while what it is in is still what it was.
        if (kind === undefined || path.split('/').length !== 1 + (round % 3)) continue;
        rmSync(full, { recursive: true });
        await kind.make(full);
        replaced += 1;
      }
    await t.notThrowsAsync(agent.start(), `round ${round}`);
    live();
  }
  t.deepEqual(spoiledOfOthers(), [], 'behind links nothing was touched');
  t.true(replaced > 60, `${replaced} were replaced`);
});
