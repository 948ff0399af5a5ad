import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants as os } from 'node:os';
import { defined } from '../../linux/defined.js';
import { closeDescriptor, openPipe } from '../../linux/fd.js';
import { withMemoryMerge } from '../../linux/ksm.js';
import { oomScoreAdj, setOomScoreAdj, withSoftFileLimit } from '../../linux/self.js';
import { canSpawnIntoCgroup, inNetworkNamespace, type SpawnOptions, spawnProcess } from '../../linux/spawn.js';
import { SupervisorFailure } from './failure.js';
import type { Outputs } from './outputs.js';
import type { SpawnRequest } from './protocol.js';

// What systemd gives a service: programs that use select(2) break above it. Node raises its own soft limit to the
// hard one when it starts, and a child would inherit that.
const CHILD_FILE_LIMIT = 1024;

// $0 is the cgroup. Descriptor 3 is a pipe to the supervisor: whatever arrives there is the reason of a failure, its end
// means that the shell is in the cgroup and execs next.
const MOVE_THEN_EXEC = '{ echo $$ >"$0/cgroup.procs"; } 2>&3 || exit 1; exec 3>&-; exec "$@"';

/** A process that runs; `entered` settles once it is in its cgroup, and rejects when it could not get there. */
export interface Launched {
  readonly pid: number;
  readonly entered: Promise<void> | undefined;
}

export interface Launcher {
  /** Throws SysError or SupervisorFailure, and then nothing runs. Synchronous up to the exec. */
  launch(request: SpawnRequest): Launched;
}

/**
 * `intoCgroup` false takes the way for glibc < 2.39: a shell moves itself and then becomes the program. A move that comes
 * alone waits 20 to 40 ms for RCU (moves in a row share one wait), and a program whose interpreter is missing ends with 127 instead of
 * being refused.
 */
export function createLauncher(outputs: Outputs, intoCgroup: boolean = canSpawnIntoCgroup): Launcher {
  // Opened here and not by the child: the child's lowered file limit may be below the supervisor's open descriptors.
  const devNull = openSync('/dev/null', constants.O_RDWR);
  const launch = (request: SpawnRequest, output: number): Launched => {
    const common = { env: request.env, ...defined({ cwd: request.cwd }) };
    if (!intoCgroup) return launchThroughShell(request, common, [devNull, output, output]);
    const cgroupFd = openSync(request.cgroup, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const fds = [devNull, output, output];
      const pid = spawnAsChild(request, { ...common, path: program(request), argv: request.argv, fds, cgroupFd });
      return { pid, entered: undefined };
    } finally {
      closeSync(cgroupFd);
    }
  };
  return {
    launch(request) {
      checkExecutable(program(request));
      if (request.cwd !== undefined) accessSync(request.cwd, constants.X_OK);
      accessSync(`${request.cgroup}/cgroup.procs`, constants.W_OK);
      const output = openOutput(request, outputs);
      try {
        return launch(request, output);
      } finally {
        closeSync(output);
      }
    },
  };
}

function launchThroughShell(request: SpawnRequest, common: Pick<SpawnOptions, 'env' | 'cwd'>, fds: number[]): Launched {
  const pipe = openPipe();
  try {
    const argv = ['sh', '-c', MOVE_THEN_EXEC, request.cgroup, ...request.argv];
    const pid = spawnAsChild(request, { ...common, path: '/bin/sh', argv, fds: [...fds, pipe.write] });
    return { pid, entered: silenceOf(pipe.read, request.cgroup) };
  } catch (error) {
    closeDescriptor(pipe.read);
    throw error;
  } finally {
    closeDescriptor(pipe.write);
  }
}

/**
 * Clones with what a workload should inherit. The OOM score is copied at clone, so the supervisor gives up its protection
 * for that instant; a helper in the child that wrote it afterwards would need the privilege to do so.
 */
function spawnAsChild(request: SpawnRequest, options: SpawnOptions): number {
  const score = oomScoreAdj();
  const limited = () => withSoftFileLimit(CHILD_FILE_LIMIT, () => spawnProcess(options));
  const spawn = () => (request.memoryMerge === true ? withMemoryMerge(limited) : limited());
  if (score < 0) setOomScoreAdj(0);
  try {
    return request.netns === undefined ? spawn() : inNetworkNamespace(request.netns, spawn);
  } finally {
    if (score < 0) setOomScoreAdj(score);
  }
}

function silenceOf(fd: number, cgroup: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (said === '') resolve();
      else
        reject(
          new SupervisorFailure({
            op: 'write',
            path: `${cgroup}/cgroup.procs`,
            errno: os.errno.EIO,
            note: said.trim(),
          }),
        );
    });
  });
}

// Without a bound, which agents before it do not send, the process writes to the file itself.
function openOutput({ id, output, outputLimit }: SpawnRequest, outputs: Outputs): number {
  return outputLimit === undefined
    ? openSync(output, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o600)
    : outputs.open(id, { path: output, limit: outputLimit });
}

function checkExecutable(path: string): void {
  accessSync(path, constants.X_OK);
  // access(2) also says yes to directories, which exec answers with EACCES.
  if (statSync(path).isFile()) return;
  throw new SupervisorFailure({ op: 'exec', path, errno: os.errno.EACCES, note: 'not a regular file' });
}

function program(request: SpawnRequest): string {
  const [path] = request.argv;
  if (path === undefined) throw new RangeError('argv is empty');
  return path;
}
