// berth on a target: installed from the package, told of a scheduler, asked through that scheduler.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Condition } from '../../agent/model/condition.js';
import type { WorkloadView } from '../../agent/model/record.js';
import { buildPackage } from '../../systemd/deb/build.js';
import { type NodeSession, startScheduler, type TestScheduler } from '../scheduler/scheduler.js';
import type { Target } from './target.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const MINUTES = 60_000;

export interface BerthOptions {
  /** More of /etc/berth/berth.d/, as TOML. */
  readonly toml?: string;
  readonly signal?: AbortSignal;
}

export interface BerthOnTarget {
  readonly target: Target;
  readonly scheduler: TestScheduler;
  readonly node: NodeSession;
}

/** The package of this checkout for this machine, built once per compile. */
export async function packageFile(): Promise<string> {
  const own = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  const found = existsSync(join(root, 'build'))
    ? readdirSync(join(root, 'build')).find((name) => name.startsWith('berth_') && name.endsWith(`_${own}.deb`))
    : undefined;
  const path = found === undefined ? undefined : join(root, 'build', found);
  if (
    path !== undefined &&
    statSync(path).mtimeMs > Math.max(newest(join(root, 'dist')), newest(join(root, 'systemd')))
  )
    return path;
  // Man pages and completions, as `npm run deb` does it.
  execFileSync(process.execPath, [join(root, 'dist/docs/generate.js'), '--package', join(root, 'build')]);
  return buildPackage({ root });
}

/** Of programs, and of the units and texts that are packed as they are. */
function newest(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('test') && !name.endsWith('.ts'))
    .reduce((latest, name) => Math.max(latest, statSync(join(directory, name)).mtimeMs), 0);
}

/** Installs, starts, and waits until the agent has called its scheduler. */
export async function installBerth(target: Target, options: BerthOptions = {}): Promise<BerthOnTarget> {
  await installPackage(target);
  return startBerth(target, options);
}

/** All that does not depend on the test: the package, enabled, and a way to a scheduler. */
export async function installPackage(target: Target): Promise<void> {
  await target.install(await packageFile());
  if (isRelayed(target)) await addRelay(target);
  await target.ssh('systemctl enable berth', { timeoutMs: 5 * MINUTES });
}

/** Where the package is installed: tells the agent of a scheduler, starts it, and waits until it has called. */
export async function startBerth(target: Target, options: BerthOptions = {}): Promise<BerthOnTarget> {
  const scheduler = await startScheduler({ token: 'demo-token' });
  try {
    return await connectBerth(target, scheduler, options.toml ?? '');
  } catch (error) {
    // It would keep the process of the test alive.
    await scheduler.stop();
    throw error;
  }
}

/** In the lab the agent finds its scheduler here: it sends a token over ws:// to no address but a loopback one. */
const RELAYED = '127.0.0.1:7070';
const RELAYED_TO = '/etc/scheduler-relay';

/** The way of the lab to the test is 10.0.2.2, and no loopback address. */
const isRelayed = (target: Target): boolean => !target.reverse(0).startsWith('127.');

/** systemd relays a port, after a reboot as well. */
async function addRelay(target: Target): Promise<void> {
  const units = '/etc/systemd/system/scheduler-relay';
  const socket = `[Socket]\nListenStream=${RELAYED}\n\n[Install]\nWantedBy=sockets.target\n`;
  const proxy = '/usr/lib/systemd/systemd-socket-proxyd $SCHEDULER';
  await target.write(`${units}.socket`, socket);
  await target.write(`${units}.service`, `[Service]\nEnvironmentFile=${RELAYED_TO}\nExecStart=${proxy}\n`);
  const enable = 'systemctl daemon-reload && systemctl enable --now scheduler-relay.socket';
  await target.ssh(enable, { timeoutMs: 5 * MINUTES });
}

async function connectBerth(target: Target, scheduler: TestScheduler, more: string): Promise<BerthOnTarget> {
  const outer = target.reverse(scheduler.port);
  const relayed = isRelayed(target);
  const toml = `[[control.scheduler]]
url = "ws://${relayed ? RELAYED : outer}"
token_file = "/etc/berth/scheduler.token"

${more}`;
  if (relayed) await target.write(RELAYED_TO, `SCHEDULER=${outer}\n`);
  await target.write('/etc/berth/scheduler.token', 'demo-token');
  await target.write('/etc/berth/berth.d/50-scheduler.toml', toml);
  await target.ssh('systemctl restart berth', { timeoutMs: 5 * MINUTES });
  const node = await scheduler.node(undefined, { timeoutMs: 2 * MINUTES });
  return { target, scheduler, node };
}

export async function create(node: NodeSession, spec: Record<string, unknown>): Promise<WorkloadView> {
  return node.call('workload.create', { spec });
}

const SETTLED = ['running', 'exited', 'failed'];

/** Waits for events until the workload is in one of `states`; the record then. */
export async function reach(node: NodeSession, id: string, states: readonly string[] = SETTLED): Promise<WorkloadView> {
  for (const end = Date.now() + 5 * MINUTES; ; ) {
    const seen = node.events.at(-1)?.cursor ?? 0;
    const view = await node.call('workload.get', { id });
    if (states.includes(view.state)) return view;
    if (Date.now() > end)
      throw new Error(`${id} is ${view.state}, not ${states.join(' or ')}: ${JSON.stringify(view.error)}`);
    await node.waitForEvent((event) => event.workload === id, { after: seen, timeoutMs: 5 * MINUTES });
  }
}

/** Waits until nothing grave stands: on a busy machine a supervisor may be late for a moment. The conditions then. */
export async function calm(node: NodeSession): Promise<readonly Condition[]> {
  for (const end = Date.now() + 2 * MINUTES; ; ) {
    const seen = node.events.at(-1)?.cursor ?? 0;
    const { conditions } = await node.call('node.describe', {});
    const grave = conditions.filter(({ severity }) => severity === 'error');
    if (grave.length === 0) return conditions;
    if (Date.now() > end) throw new Error(`still: ${grave.map(({ title }) => title).join('; ')}`);
    await node.waitForEvent(() => true, { after: seen, timeoutMs: 2000 }).catch(() => undefined);
  }
}

export async function removeAll(node: NodeSession): Promise<number> {
  const { workloads } = await node.call('workload.list', {});
  const before = node.events.at(-1)?.cursor ?? 0;
  await Promise.all(workloads.map(({ id }) => node.call('workload.delete', { id, now: true })));
  for (const { id } of workloads)
    await node.waitForEvent((event) => event.type === 'workload.deleted' && event.workload === id, {
      after: before,
      timeoutMs: 5 * MINUTES,
    });
  return workloads.length;
}

/** What of workloads is left in the kernel and on disk, as text; empty when nothing is. */
export async function leftovers(target: Target): Promise<string> {
  const look = [
    // Ready slots are nobody's.
    'ip netns list | grep "^berth-[^-]"',
    'ip -o link | grep -E "bt[0-9a-z]+[@:]" | grep -v "alias berth-slot"',
    'ip route | grep -E "dev bt"',
    'find /sys/fs/cgroup/berth.slice/berth-workloads.service -mindepth 1 -type d ! -name supervisor',
    'ls -A /var/lib/berth/workloads /run/berth/workloads /var/lib/berth/logs | grep -v -e ":$" -e "^.berth$" | grep .',
  ];
  const { stdout } = await target.ssh(`{ ${look.map((command) => `${command} || true`).join('; ')}; } 2>/dev/null`);
  return stdout.trim();
}
