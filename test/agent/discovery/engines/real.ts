// Docker or podman of this machine, as children of the test in namespaces of their own: nothing of them is left behind.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parseStat, readOptional } from '../../../../linux/proc.js';
import type { Stand, Started } from './stand.js';

/** What differs between the two. */
export interface Kind {
  readonly program: (directory: string, socket: string) => readonly string[];
  /** As the engine names it. */
  readonly image: string;
  readonly tellsChanges: boolean;
  readonly tellsStops: boolean;
  readonly updatePath: (id: string) => string;
}

const VFS = ['--storage-driver', 'vfs'];

export const KINDS: Readonly<Record<'docker' | 'podman', Kind>> = {
  docker: {
    program: (directory, socket) => [
      ...['dockerd', '--bridge=none', '--iptables=false', '--ip6tables=false', ...VFS, '-H', `unix://${socket}`],
      ...['--data-root', `${directory}/data`, '--exec-root', `${directory}/exec`, '--pidfile', `${directory}/pid`],
      ...['--config-file', `${directory}/daemon.json`],
    ],
    image: 'berth-test',
    tellsChanges: true,
    tellsStops: true,
    updatePath: (id) => `/v1.41/containers/${id}/update`,
  },
  podman: {
    program: (directory, socket) => [
      ...['podman', '--root', `${directory}/data`, '--runroot', `${directory}/run`, '--tmpdir', `${directory}/tmp`],
      // crun refuses a hybrid host, runc does not.
      ...[...VFS, '--runtime', '/usr/sbin/runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'],
      ...['system', 'service', '--time', '0', `unix://${socket}`],
    ],
    image: 'docker.io/library/berth-test:latest',
    tellsChanges: false,
    tellsStops: false,
    updatePath: (id) => `/v4.0.0/libpod/containers/${id}/update`,
  },
};

/** For its start, or until it has stopped. */
const PATIENCE_MS = 60_000;
/** For its end, after SIGTERM. */
const GRACE_MS = 10_000;

const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Looks again and again; throws when the process has ended, or after a minute. */
async function until(child: ChildProcess, everyMs: number, is: () => boolean | Promise<boolean>): Promise<void> {
  const since = performance.now();
  while (!(await is())) {
    if (isOver(child)) throw new Error(`the engine has ended with ${child.exitCode ?? child.signalCode}`);
    if (performance.now() - since > PATIENCE_MS) throw new Error(`the engine is not there after ${PATIENCE_MS} ms`);
    await sleep(everyMs);
  }
}

/** States of the threads of a process, as proc(5) has them. */
function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const text = readOptional(`/proc/${pid}/task/${thread}/stat`);
    return text === undefined ? [] : [parseStat(text).state];
  });
}

/** Of the cgroups that both leave behind. */
const PARENTS = ['docker', 'libpod_parent'];

export class RealEngine implements Stand {
  readonly socket: string;
  readonly proc = '/proc';
  readonly image: string;
  readonly #kind: Kind;
  readonly #directory: string;
  readonly #running = new Set<string>();
  #child: ChildProcess | undefined;

  constructor(kind: Kind, directory: string) {
    this.#kind = kind;
    this.#directory = directory;
    this.socket = join(directory, 'engine.sock');
    this.image = kind.image;
    writeFileSync(join(directory, 'daemon.json'), '{}');
  }

  async up(): Promise<void> {
    const [program = '', ...args] = this.#kind.program(this.#directory, this.socket);
    const started = `ip link set lo up; exec ${[program, ...args].join(' ')}`;
    this.#child = spawn('unshare', ['--mount', '--net', 'sh', '-c', started], {
      stdio: 'ignore',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    const answers = (): Promise<boolean> =>
      this.#call('GET', '/_ping').then(
        () => true,
        () => false,
      );
    await until(this.#child, 100, answers);
  }

  async load(): Promise<void> {
    const bin = join(this.#directory, 'root', 'bin');
    mkdirSync(bin, { recursive: true });
    for (const applet of ['sleep', 'sh']) cpSync('/bin/busybox', join(bin, applet));
    const tar = join(this.#directory, 'image.tar');
    await promisify(execFile)('tar', ['-C', join(this.#directory, 'root'), '-cf', tar, '.']);
    await this.#call('POST', '/v1.41/images/create?fromSrc=-&repo=berth-test', readFileSync(tar), 'application/x-tar');
  }

  async down(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || isOver(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(late);
    rmSync(this.socket, { force: true });
  }

  /** A signal stops a program with many threads when one of them has taken it: on a busy machine others still answer meanwhile. */
  async hang(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) throw new Error('the engine is not up');
    const { pid } = child;
    child.kill('SIGSTOP');
    await until(child, 5, () => threadsOf(pid).every((state) => state === 'T'));
  }

  goOn(): void {
    this.#child?.kill('SIGCONT');
  }

  async start(name: string, { memory = 0, pids = 0, labels = {}, command }: Started = {}): Promise<string> {
    const limit = { Soft: 1024, Hard: 1024 };
    const body = {
      ...{ Image: 'berth-test', Cmd: command ?? ['/bin/sleep', '1000'], Labels: labels },
      HostConfig: {
        ...{ NetworkMode: 'none', Memory: memory, PidsLimit: pids, NanoCpus: 5e8 },
        Ulimits: [
          { Name: 'nofile', ...limit },
          { Name: 'nproc', ...limit },
        ],
      },
    };
    const { Id: id } = JSON.parse(await this.#post(`/v1.41/containers/create?name=${name}`, body)) as { Id: string };
    await this.#post(`/v1.41/containers/${id}/start`, {});
    this.#running.add(id);
    return id;
  }

  async setMemory(id: string, bytes: number): Promise<void> {
    await this.#post(this.#kind.updatePath(id), { Memory: bytes, MemorySwap: bytes });
  }

  async stop(id: string): Promise<void> {
    this.#running.delete(id);
    await this.#post(`/v1.41/containers/${id}/kill`, {});
  }

  async stopInTime(id: string): Promise<void> {
    this.#running.delete(id);
    await this.#post(`/v1.41/containers/${id}/stop?t=1`, {});
  }

  async kill(id: string): Promise<void> {
    this.#running.delete(id);
    process.kill(await this.pid(id), 'SIGKILL');
  }

  /** Of its first process. */
  async pid(id: string): Promise<number> {
    const { State } = JSON.parse(await this.#call('GET', `/v1.41/containers/${id}/json`)) as { State: { Pid: number } };
    return State.Pid;
  }

  async end(): Promise<void> {
    if (this.#child === undefined) await this.up();
    this.goOn();
    for (const id of this.#running) await this.stop(id).catch(() => undefined);
    await this.down();
    for (const line of spawnSync('findmnt', ['-rno', 'TARGET'], { encoding: 'utf8' }).stdout.split('\n').reverse())
      if (line.startsWith(`${this.#directory}/`)) spawnSync('umount', [line]);
    rmSync(this.#directory, { recursive: true, force: true });
    for (const hierarchy of readdirSync('/sys/fs/cgroup'))
      for (const parent of PARENTS) removeEmpty(join('/sys/fs/cgroup', hierarchy, parent));
  }

  async #post(path: string, body: object): Promise<string> {
    return this.#call('POST', path, Buffer.from(JSON.stringify(body)), 'application/json');
  }

  #call(method: string, path: string, body = Buffer.alloc(0), type = 'application/json'): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': body.length };
      const call = request({ socketPath: this.socket, method, path, headers }, (response: IncomingMessage) => {
        response.toArray().then((chunks) => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 400) resolve(text);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        }, reject);
      });
      call.once('error', reject);
      call.end(body);
    });
  }
}

/** Only cgroups without processes can be removed. */
function removeEmpty(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) removeEmpty(join(directory, entry.name));
    rmdirSync(directory);
  } catch {
    // Not there, or somebody else's.
  }
}
