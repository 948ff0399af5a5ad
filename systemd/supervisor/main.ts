// The supervisor: the parent of every workload process, so that their exits outlive the agent. Program entry.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { codeOf, messageOf } from '../../linux/errors.js';
import {
  keepDescriptorsFromChildren,
  lockForLife,
  oomScoreAdj,
  replaceProgram,
  setOomScoreAdj,
} from '../../linux/self.js';
import { becomeSubreaper } from '../../linux/wait.js';
import { connectNotify } from '../notify.js';
import { enterCgroup, enterSupervisorCgroup, ownCgroup } from './cgroup.js';
import { createLauncher } from './launcher.js';
import { clearFile } from './odd.js';
import { Outputs } from './outputs.js';
import { SUPERVISOR_PROTOCOL } from './protocol.js';
import { RecordStore } from './records.js';
import { listen, type SupervisorServer } from './server.js';
import { ProcessTable } from './table.js';

const OOM_SCORE_ADJ = -900;
const CLOCK_TICKS = 100;
// The descriptors of outputs that the program before has kept for this one.
const KEPT_OUTPUTS = 'BERTH_SUPERVISOR_OUTPUTS';
const USAGE = 'usage: supervisor [--runtime DIR] [--socket PATH] [--cgroup DIR|auto] [--no-spawn-into-cgroup]';

interface Arguments {
  readonly runtime: string;
  readonly socket: string;
  readonly cgroup: string | undefined;
  readonly intoCgroup: boolean | undefined;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', default: process.env.BERTH_RUNTIME_DIR ?? '/run/berth' },
      socket: { type: 'string' },
      cgroup: { type: 'string' },
      'no-spawn-into-cgroup': { type: 'boolean' },
    },
  });
  return {
    runtime: values.runtime,
    socket: values.socket ?? join(values.runtime, 'supervisor.sock'),
    cgroup: values.cgroup,
    intoCgroup: values['no-spawn-into-cgroup'] === true ? false : undefined,
  };
}

// systemd reads the number as the priority of the line (sd-daemon(3)).
function log(priority: 3 | 4 | 6, message: string): void {
  process.stderr.write(`<${priority}>supervisor: ${message}\n`);
}

function protectFromOomKiller(): void {
  try {
    if (oomScoreAdj() > OOM_SCORE_ADJ) setOomScoreAdj(OOM_SCORE_ADJ);
  } catch (error) {
    log(4, `not protected from the OOM killer: ${codeOf(error) ?? String(error)}`);
  }
}

function placeInCgroup(cgroup: string | undefined): string | undefined {
  if (cgroup === 'auto') return enterSupervisorCgroup();
  if (cgroup !== undefined) enterCgroup(cgroup);
  return ownCgroup();
}

function uptimeTicks(): number {
  return Math.floor(Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * CLOCK_TICKS);
}

async function main(): Promise<void> {
  const { runtime, socket, cgroup, intoCgroup } = readArguments();
  // Of the unit or of the agent that launched this process; workloads inherit it.
  process.umask(0o022);
  keepDescriptorsFromChildren(3);
  mkdirSync(runtime, { recursive: true, mode: 0o755 });
  clearFile(join(runtime, 'supervisor.lock'));
  if (!lockForLife(join(runtime, 'supervisor.lock')))
    throw new Error(`another supervisor has ${runtime}/supervisor.lock`);
  const own = placeInCgroup(cgroup);
  protectFromOomKiller();
  becomeSubreaper();

  const notify = connectNotify();
  let server: SupervisorServer | undefined;
  const outputs = new Outputs({ runtime, onProblem: (problem) => log(4, problem) });
  process.once('exit', () => outputs.close());
  const table = new ProcessTable({
    outputs,
    store: new RecordStore(runtime, readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
    launcher: createLauncher(outputs, intoCgroup),
    ownCgroup: own,
    uptimeTicks,
    onExit: (process) => server?.announce(process),
    onProblem: (problem) => log(4, problem),
  });
  table.recover();
  Outputs.closeKept(process.env[KEPT_OUTPUTS] ?? '');
  process.on('SIGCHLD', () => table.reap());
  table.reap();

  const who = { protocol: SUPERVISOR_PROTOCOL, pid: process.pid, version: process.env.BERTH_VERSION ?? 'development' };
  const hello = () => ({ ...who, droppedBytes: outputs.droppedBytes });
  server = await listen(socket, table, hello, (problem) => log(3, problem));
  process.on('SIGTERM', () => {
    notify.stopping();
    server?.close();
    process.exit(0);
  });
  // A new version takes over in place: same pid, so the workloads stay its children and no exit code is lost.
  process.on('SIGHUP', () => {
    if (!table.flush()) {
      log(4, 'not replaced: the run directory has no room for what is only in memory');
      return;
    }
    notify.reloading();
    server?.close();
    const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    replaceProgram(process.execPath, argv, { ...process.env, [KEPT_OUTPUTS]: outputs.keepOnExec() });
  });
  notify.ready(`${table.liveCount} processes taken over`);
  log(6, `listening on ${socket}, ${table.liveCount} processes taken over`);
}

main().catch((error: unknown) => {
  log(3, `${messageOf(error)}\n${USAGE}`);
  process.exit(1);
});
