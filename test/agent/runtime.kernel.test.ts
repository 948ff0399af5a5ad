// The agent with a container runtime that does everything wrong: each start ends with a code, nothing of it lives on, and
// with a good runtime the same workload starts.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { which } from '../../agent/host/which.js';
import { readStat } from '../../linux/proc.js';
import { OwnAgent } from './own-agent.js';

const name = `berth-runtime-${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'berth-runtime-'));
const runtime = join(directory, 'runtime');
const pids = join(directory, 'pids');
const rootfs = join(directory, 'rootfs');
const agent = new OwnAgent({
  ...{ directory, cgroup: name },
  env: {
    BERTH_NETWORK_POOL: '10.201.39.0/24',
    BERTH_NETWORK_SLOTS: '0',
    BERTH_NETWORK_TABLE: `brun${process.pid}`,
    BERTH_NETWORK_LINK_PREFIX: 'br',
    BERTH_NETWORK_FORWARDING: 'leave',
    BERTH_WEB_LISTEN: '',
    BERTH_LIFECYCLE_START_DEADLINE: '3s',
    BERTH_DRIVERS_OCI_RUNTIME: runtime,
  },
});

/** Of a run: `$PIDFILE` is where the pid of the container belongs. `delete` always works. */
const FAULTS: Readonly<Record<string, { readonly script: string; readonly code: string }>> = {
  hangs: { script: 'sleep 1000 & echo $! >>PIDS; wait', code: 'deadline_exceeded' },
  'is stopped': { script: 'kill -STOP $$', code: 'deadline_exceeded' },
  'ignores SIGTERM': { script: "trap '' TERM; while :; do :; done", code: 'deadline_exceeded' },
  floods: { script: 'exec yes', code: 'deadline_exceeded' },
  'ends without a word': { script: 'exit 0', code: 'start_failed' },
  fails: { script: 'echo no such image >&2; exit 1', code: 'start_failed' },
  'dies after it has left something': { script: 'sleep 1000 & echo $! >>PIDS; kill -9 $$', code: 'start_failed' },
  'leaves nonsense as pid': { script: 'head -c 1000000 /dev/urandom >"$PIDFILE"', code: 'start_failed' },
  'leaves a pipe as pid': { script: 'mkfifo "$PIDFILE"', code: 'start_failed' },
  'leaves the pid of another': { script: `echo ${process.pid} >"$PIDFILE"`, code: 'start_failed' },
};

const GOOD = 'exec CRUN "$@"';

function beRuntime(script: string): void {
  const file = `#!/bin/sh
case "$*" in *" delete "*) exec CRUN "$@" ;; esac
for word; do [ "$last" = --pid-file ] && PIDFILE=$word; last=$word; done
echo $$ >>PIDS
${script}
`;
  writeFileSync(runtime, file.replaceAll('CRUN', which('crun') ?? '').replaceAll('PIDS', pids), { mode: 0o755 });
}

const spec = (id: string) => ({
  ...{ id, driver: 'oci', network: { mode: 'none' }, restart: { policy: 'never' } },
  oci: { rootfs, command: ['/bin/busybox', 'sleep', '1000'] },
});
const show = (id: string) => JSON.parse(agent.berth(['workload', 'show', id, '--json']).stdout).workload;

async function nothingLives(): Promise<void> {
  for (const pid of readFileSync(pids, 'utf8').trim().split('\n').map(Number))
    for (let state = readStat(pid)?.state; state !== undefined && state !== 'Z'; state = readStat(pid)?.state)
      await sleep(50);
}

test.before(async () => {
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  symlinkSync('busybox', join(rootfs, 'bin', 'sh'));
  beRuntime(GOOD);
  await agent.start();
});

test.after.always(async () => {
  await agent.end();
  rmSync(directory, { recursive: true, force: true });
});

for (const [index, [title, { script, code }]] of Object.entries(FAULTS).entries())
  test.serial(`a runtime that ${title}: ${code}, nothing of it lives on, and the next start works`, async (t) => {
    const id = `w-${index}`;
    rmSync(pids, { force: true });
    beRuntime(script);
    const created = agent.berth(['workload', 'create', '-f', '-'], spec(id));
    t.is(created.status, 1, created.stderr);
    while (show(id).state !== 'failed') await sleep(50);
    t.is(show(id).error.code, code);
    await nothingLives();
    t.false(existsSync(join(directory, 'run', 'workloads', id)));
    beRuntime(GOOD);
    const started = agent.berth(['workload', 'start', id]);
    t.is(started.status, 0, started.stderr);
    t.is(show(id).state, 'running');
    t.is(agent.berth(['workload', 'delete', id, '--now']).status, 0);
    await nothingLives();
  });
