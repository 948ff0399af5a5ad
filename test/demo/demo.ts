// `npm run demo`: the main job from an empty host to an empty host, in plain words.
//   npm run demo [-- --keep] [--here | --lab] [--yes]
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { type BerthOnTarget, create, installBerth, reach } from '../host/berth.js';
import { labTarget, localTarget, type Target } from '../host/target.js';
import { freshHost } from '../lab/host.js';
import { play } from './scenes.js';
import { Story } from './story.js';
import { containers, services } from './workloads.js';

const USAGE = `npm run demo [-- OPTIONS]

  --keep   leave everything running at the end and print the addresses
  --lab    use the lab (a Debian host in QEMU), even where this host would do
  --here   use this host: root, systemd and cgroup v2 are needed; berth is installed on it
  --yes    with --here: do not ask
`;

const SCENES = 12;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      keep: { type: 'boolean', default: false },
      lab: { type: 'boolean', default: false },
      here: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  process.once('SIGTERM', () => stop.abort(new Error('terminated')));
  const here = !values.lab && (await mayUseThisHost(values));
  const begun = Date.now();
  const story = new Story(SCENES);
  let target: Target | undefined;
  let scheduler: { stop(): Promise<void> } | undefined;
  try {
    const made = await open(here, story, stop.signal);
    target = made;
    const berth = await play(story, made, () => installBerth(made, { toml: CONFIG, signal: stop.signal }));
    scheduler = berth.scheduler;
    process.stdout.write(`\n${story.table()}\n\n`);
    process.stdout.write(
      `All ${SCENES} scenes were as they should be, in ${Math.round((Date.now() - begun) / 1000)} s.\n`,
    );
    if (values.keep) await keep(berth, stop.signal);
    return 0;
  } catch (error) {
    process.stdout.write(
      `\n${story.table()}\n\nThe demo ended early: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return 1;
  } finally {
    await scheduler?.stop();
    await target?.stop();
  }
}

/** Quotas that make one refusal happen. */
const CONFIG = `[tenant.acme]
workloads = 8

[tenant.globex]
workloads = 20
memory = "2Gi"

[metrics]
interval = "1s"
`;

async function open(here: boolean, story: Story, signal: AbortSignal): Promise<Target> {
  let target: Target | undefined;
  await story.scene('A host with systemd and cgroup v2', async (say) => {
    if (here) {
      target = localTarget();
    } else {
      say('building or reusing the lab image, then booting it; the first time takes some minutes');
      target = labTarget(await freshHost({ name: 'berth-demo', signal }));
    }
    const { stdout } = await target.ssh('. /etc/os-release; echo "$PRETTY_NAME, kernel $(uname -r), $(nproc) cpus"');
    return `${target.where}: ${stdout.trim()}`;
  });
  if (target === undefined) throw new Error('no host');
  return target;
}

async function mayUseThisHost(values: { here: boolean; yes: boolean }): Promise<boolean> {
  const fit =
    process.getuid?.() === 0 && existsSync('/run/systemd/system') && existsSync('/sys/fs/cgroup/cgroup.controllers');
  if (!fit) {
    if (values.here) throw new Error('--here needs root, systemd as PID 1 and cgroup v2 on this host');
    return false;
  }
  if (values.yes) return true;
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(
    'Install berth on this host and run the demo here? Otherwise the lab is used. [y/N] ',
  );
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function keep({ target, node }: BerthOnTarget, signal: AbortSignal): Promise<void> {
  process.stdout.write('\n--keep: creating the services and containers again, for you to look at\n');
  for (const spec of [...services, ...containers]) await create(node, spec);
  for (const { id } of [...services, ...containers]) await reach(node, id);
  const [metrics, prometheus] = [await target.forward(9464), await target.forward(9090)];
  process.stdout.write(`\nStill running (--keep), until Ctrl-C:
  status page  http://127.0.0.1:${metrics}/
  metrics      http://127.0.0.1:${metrics}/metrics
  Prometheus   http://127.0.0.1:${prometheus}/
${'sshCommand' in target ? `  a shell      ${String(target.sshCommand)}\n` : ''}`);
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => undefined, 1 << 30);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
