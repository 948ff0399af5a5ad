import { existsSync, realpathSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheRoot } from './cache.js';
import { LabError } from './errors.js';
import { guestAssets } from './guest.js';
import { freshHost } from './host.js';
import { buildImage, imagePaths } from './image.js';
import { ensurePackages } from './prerequisites.js';
import { isAlive, run } from './process.js';
import { lineProgress, type Progress } from './progress.js';
import { RUN_PACKAGES } from './qemu.js';
import { listRuns, reap } from './rundir.js';
import { bootedDisk } from './snapshot.js';

const HELP = `usage: npm run lab -- COMMAND

  build          build the image, the microVM guest and the booted snapshot, unless they are cached
  up             boot a host, say how to get in, and keep it until Ctrl-C
  ssh COMMAND    run COMMAND in the host of a running "up", else in a fresh one
  status         what is cached and what runs
  clean          stop kept hosts and remove everything from the cache
  help           this text

The cache is $BERTH_LAB_CACHE, else $XDG_CACHE_HOME/berth-lab, else ~/.cache/berth-lab.
BERTH_LAB_TIMEOUT_FACTOR=3 stretches every deadline on a slow machine.
`;

export async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [command = 'help', ...rest] = args;
  const progress = lineProgress({ write: (line) => process.stderr.write(`${line}\n`) });
  switch (command) {
    case 'build':
      return build(progress, signal);
    case 'up':
      return up(progress, signal);
    case 'ssh':
      return ssh(rest.join(' '), progress, signal);
    case 'status':
      return status();
    case 'clean':
      return clean();
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      return 0;
    default:
      throw new LabError('lab_usage', `unknown command: ${command}`, { hint: 'npm run lab -- help' });
  }
}

async function build(progress: Progress, signal: AbortSignal): Promise<number> {
  await ensurePackages(RUN_PACKAGES, { why: 'to run the lab host', signal });
  await guestAssets({ progress, signal });
  const image = await buildImage({ progress, signal });
  await bootedDisk(image, { memoryMiB: 3072, cpus: 2, progress, signal });
  process.stdout.write(`ready: ${image.directory}\n`);
  return 0;
}

async function up(progress: Progress, signal: AbortSignal): Promise<number> {
  const host = await freshHost({ name: 'up', progress, signal });
  try {
    process.stdout.write(`The lab host runs. To get in:\n\n  ${host.sshCommand}\n\nCtrl-C stops and removes it.\n`);
    await new Promise<void>((resolve) => {
      // The timer holds the process: a machine of ours does not.
      const timer = setInterval(() => {}, 60_000);
      const stop = () => {
        clearInterval(timer);
        resolve();
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  } finally {
    await host.stop();
  }
  process.stdout.write('stopped\n');
  return 0;
}

async function ssh(command: string, progress: Progress, signal: AbortSignal): Promise<number> {
  if (command === '') throw new LabError('lab_usage', 'ssh needs a command', { hint: 'npm run lab -- ssh uname -a' });
  const running = (await listRuns()).find(({ name, qemu }) => name === 'up' && qemu !== undefined && isAlive(qemu));
  if (running?.sshPort !== undefined) {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
    const target = ['-p', String(running.sshPort), '-i', imagePaths().key, ...options.flatMap((text) => ['-o', text])];
    return print(await run('ssh', [...target, 'root@127.0.0.1', command], { check: false, signal }));
  }
  const host = await freshHost({ progress, signal });
  try {
    return print(await host.ssh(command, { check: false, signal }));
  } finally {
    await host.stop();
  }
}

function print(output: { code: number; stdout: string; stderr: string }): number {
  process.stdout.write(output.stdout);
  process.stderr.write(output.stderr);
  return output.code;
}

async function status(): Promise<number> {
  const image = imagePaths();
  const root = cacheRoot();
  const lines = [`cache: ${root}`, `image: ${existsSync(image.base) ? image.directory : 'not built'}`];
  if (existsSync(root)) lines.push((await run('du', ['-sh', root])).stdout.trim());
  for (const { name, qemu, sshPort } of await listRuns()) {
    const state =
      qemu !== undefined && isAlive(qemu) ? `runs, pid ${qemu.pid}, ssh port ${sshPort}` : 'dead or starting';
    lines.push(`host ${name}: ${state}`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

async function clean(): Promise<number> {
  const root = cacheRoot();
  await reap({ kept: true });
  if ((await listRuns()).length > 0) {
    throw new LabError('lab_usage', 'hosts are running: stop them first', { hint: 'npm run lab -- status' });
  }
  for (const name of await readdir(root).catch(() => [])) await rm(join(root, name), { recursive: true, force: true });
  process.stdout.write(`removed everything in ${root}\n`);
  return 0;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  main(process.argv.slice(2), abort.signal).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      const interrupted = abort.signal.aborted;
      const text = error instanceof LabError ? `${error.code}: ${error.message}` : String(error);
      process.stderr.write(interrupted ? 'lab: interrupted\n' : `${text}\n`);
      process.exitCode = interrupted ? 130 : 1;
    },
  );
}
