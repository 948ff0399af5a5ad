import { randomBytes } from 'node:crypto';
import { readFile, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LabError } from './errors.js';
import { buildImage } from './image.js';
import { freePort, Machine } from './machine.js';
import { ensurePackages } from './prerequisites.js';
import { type Output, run } from './process.js';
import { type Progress, stderrProgress } from './progress.js';
import { RUN_PACKAGES } from './qemu.js';
import { createRunDirectory, type RunDirectory, reap } from './rundir.js';
import { bootedDisk, SNAPSHOT_NAME } from './snapshot.js';
import { Ssh, type SshOptions } from './ssh.js';
import { poll } from './timing.js';

const DISK = 'disk.qcow2';

export interface HostOptions {
  readonly signal?: AbortSignal | undefined;
  /** The host name inside, and part of the names of its files. */
  readonly name?: string | undefined;
  readonly memoryMiB?: number | undefined;
  readonly cpus?: number | undefined;
  /** A disk with a host saved in it (prepared.ts), of the same size; without it, one that has just booted. */
  readonly saved?: string | undefined;
  /** Leaves the machine running after `stop()` and after this process, for a person to look into. */
  readonly keep?: boolean | undefined;
  readonly progress?: Progress | undefined;
}

/** A booted Debian host of its own, from the cached snapshot: seconds, unless image or snapshot must be built. */
export async function freshHost(options: HostOptions = {}): Promise<Host> {
  const { signal, name = 'berth-lab', memoryMiB = 3072, cpus = 2, keep = false } = options;
  const progress = options.progress ?? stderrProgress();
  await ensurePackages(RUN_PACKAGES, { why: 'to run the lab host', signal });
  await reap();
  const image = await buildImage({ signal, progress });
  const saved = options.saved ?? (await bootedDisk(image, { memoryMiB, cpus, signal, progress }));
  const directory = await createRunDirectory(name);
  let machine: Machine | undefined;
  try {
    const disk = join(directory.path, DISK);
    await run('cp', ['--reflink=auto', '--sparse=always', saved, disk], { signal });
    const loadSnapshot = SNAPSHOT_NAME;
    machine = await Machine.start({ image, run: directory, disk, memoryMiB, cpus, loadSnapshot, keep, signal });
    const ssh = new Ssh({ port: machine.sshPort, key: image.key, sockets: directory.sockets });
    const host = new Host(machine, ssh, directory, keep);
    await host.connect(signal);
    await host.wake(name, signal);
    return host;
  } catch (error) {
    await machine?.stop();
    await directory.remove();
    throw error;
  }
}

export class Host {
  readonly name: string;
  readonly #machine: Machine;
  readonly #ssh: Ssh;
  readonly #run: RunDirectory;
  readonly #keep: boolean;
  readonly #forwards = new Map<string, number>();

  constructor(machine: Machine, ssh: Ssh, directory: RunDirectory, keep: boolean) {
    this.name = directory.name;
    this.#machine = machine;
    this.#ssh = ssh;
    this.#run = directory;
    this.#keep = keep;
  }

  /** Opens the connection that commands share. */
  async connect(signal?: AbortSignal): Promise<void> {
    const explain = () => `--- console\n${this.consoleTail()}`;
    await this.#ssh.open({ alive: () => this.#machine.assertRunning(), signal, explain });
  }

  /** Gives a copy of the snapshot its own time, name and randomness. */
  async wake(name: string, signal?: AbortSignal): Promise<void> {
    const now = (Date.now() / 1000).toFixed(3);
    const own = name === 'berth-lab' ? '' : `hostname ${quote(name)}; echo ${quote(name)} > /etc/hostname; `;
    const command = `cat > /dev/urandom; ${own}date -s @${now} > /dev/null`;
    await this.#ssh.command(command, { stdin: randomBytes(512), signal });
  }

  /** A shell command as root. A non-zero exit throws with both outputs, unless `check: false`. */
  async ssh(command: string, options: SshOptions = {}): Promise<Output> {
    this.#machine.assertRunning();
    return this.#ssh.command(command, options);
  }

  async put(localPath: string, remotePath: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    const mode = ((await stat(localPath)).mode & 0o777).toString(8);
    const path = quote(remotePath);
    const command = `mkdir -p "$(dirname ${path})" && cat > ${path} && chmod ${mode} ${path}`;
    await this.ssh(command, { stdin: await readFile(localPath), ...options });
  }

  async write(remotePath: string, text: string | Uint8Array): Promise<void> {
    const path = quote(remotePath);
    await this.ssh(`mkdir -p "$(dirname ${path})" && cat > ${path}`, { stdin: text });
  }

  /** Installs a Debian package from a file here; gives what dpkg said. */
  async install(debPath: string, options: SshOptions = {}): Promise<Output> {
    const remote = `/var/tmp/${basename(debPath)}`;
    await this.put(debPath, remote);
    const command = `DEBIAN_FRONTEND=noninteractive dpkg -i ${quote(remote)} && rm ${quote(remote)}`;
    return this.ssh(command, { timeoutMs: 600_000, ...options });
  }

  /** A loopback port here that leads to a port of the host, its own loopback included; it outlives reboots. */
  async forward(guestPort: number, guestAddress = '127.0.0.1'): Promise<number> {
    const remote = `${guestAddress}:${guestPort}`;
    const known = this.#forwards.get(remote);
    if (known !== undefined) return known;
    const local = await freePort();
    await this.#ssh.forward(local, remote);
    this.#forwards.set(remote, local);
    return local;
  }

  /** Where the host reaches a server that listens here, on 127.0.0.1 too: `10.0.2.2:PORT`. */
  reverse(outerPort: number): string {
    return `10.0.2.2:${outerPort}`;
  }

  /** Repeats a command until it exits with 0. */
  async waitFor(
    command: string,
    options: { timeoutMs?: number; what?: string; everyMs?: number; signal?: AbortSignal } = {},
  ): Promise<Output> {
    const { timeoutMs = 120_000, what = command, everyMs = 500, signal } = options;
    let last: Output | undefined;
    const explain = () =>
      `--- last: exit code ${last?.code}\n${last?.stdout}${last?.stderr}--- console\n${this.consoleTail()}`;
    const probe = async () => {
      last = await this.ssh(command, { check: false, signal });
      return last.code === 0 ? last : undefined;
    };
    return poll(probe, { what: `in the lab: ${what}`, timeoutMs, everyMs, signal, explain });
  }

  async bootId(): Promise<string> {
    return (await this.ssh('cat /proc/sys/kernel/random/boot_id')).stdout.trim();
  }

  /** An orderly restart; back when ssh answers under another boot id. */
  async reboot(options: { signal?: AbortSignal } = {}): Promise<string> {
    return this.#restart(async () => {
      await this.ssh('systemctl --no-block reboot', { check: false, ...options });
    }, options.signal);
  }

  /** A power cut: nothing in the host is told, what it had not written to its disk is lost. */
  async crash(options: { signal?: AbortSignal } = {}): Promise<string> {
    return this.#restart(() => this.#machine.reset(), options.signal);
  }

  /** Saves the running host, as it is now, for other hosts to begin with, and ends this one. */
  async save(path: string): Promise<void> {
    // A connection that is open now would come back half dead in every copy.
    await this.#ssh.close();
    await this.#machine.saveSnapshot(SNAPSHOT_NAME);
    await this.#machine.stop();
    await rename(join(this.#run.path, DISK), path);
  }

  async stop(): Promise<void> {
    if (this.#keep) return;
    await this.#ssh.close();
    await this.#machine.stop();
    await this.#run.remove();
  }

  consoleTail(lines = 30): string {
    return this.#machine.consoleTail(lines);
  }

  /** The command a person types to get in. */
  get sshCommand(): string {
    const { port, key } = this.#ssh.target;
    const options = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
    return `ssh -p ${port} -i ${key} ${options} root@127.0.0.1`;
  }

  async #restart(cut: () => Promise<void>, signal?: AbortSignal): Promise<string> {
    const before = await this.bootId();
    const from = this.#machine.consoleText().length;
    await cut();
    const after = await this.#machine.waitReady(from, signal);
    await this.#ssh.close();
    await this.connect(signal);
    for (const [remote, local] of this.#forwards) await this.#ssh.forward(local, remote);
    if (before === after) throw new LabError('lab_machine_failed', `boot id ${before} is the same after a restart`);
    return after;
  }
}

/** Pure: one word for the shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
