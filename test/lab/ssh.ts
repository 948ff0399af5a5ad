import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { LabError } from './errors.js';
import { type Output, run } from './process.js';
import { poll } from './timing.js';

export interface SshTarget {
  readonly port: number;
  readonly key: string;
  /** A short directory for the control socket. */
  readonly sockets: string;
}

export interface SshOptions {
  readonly timeoutMs?: number | undefined;
  readonly stdin?: string | Uint8Array | undefined;
  readonly check?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Pure: the options every ssh call of the lab shares. Hosts here are made and thrown away: keys are not pinned. */
export function sshArguments(target: SshTarget): string[] {
  return [
    ...['-F', 'none', '-p', String(target.port), '-i', target.key, '-S', join(target.sockets, 'ssh')],
    ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes'].flatMap(option),
    ...['IdentitiesOnly=yes', 'ConnectTimeout=20', 'ControlPersist=no', 'ServerAliveInterval=0'].flatMap(option),
  ];
}

function option(text: string): string[] {
  return ['-o', text];
}

/**
 * One multiplexed ssh connection. A handshake under emulation takes about a second, a command over an open
 * connection a fraction of that; so the connection is opened once per boot.
 */
export class Ssh {
  readonly target: SshTarget;
  readonly #args: readonly string[];

  constructor(target: SshTarget) {
    this.target = target;
    this.#args = sshArguments(target);
  }

  async open(options: { alive: () => void; signal?: AbortSignal | undefined; explain: () => string }): Promise<void> {
    await poll(
      async () => {
        options.alive();
        const code = await background([...this.#args, 'root@127.0.0.1']);
        return code === 0 ? true : undefined;
      },
      { what: 'ssh to the lab host', timeoutMs: 180_000, signal: options.signal, explain: options.explain },
    );
  }

  async close(): Promise<void> {
    await run('ssh', [...this.#args, '-O', 'exit', 'root@127.0.0.1'], { check: false, timeoutMs: 10_000 });
  }

  async command(command: string, options: SshOptions = {}): Promise<Output> {
    const output = await run('ssh', [...this.#args, '-o', 'ControlMaster=no', 'root@127.0.0.1', command], {
      stdin: options.stdin,
      timeoutMs: options.timeoutMs ?? 300_000,
      signal: options.signal,
      check: options.check ?? true,
      label: `in the lab: ${command}`,
    });
    return output;
  }

  /** Opens or closes a way from a loopback port here to an address in the guest. */
  async forward(local: number, remote: string): Promise<void> {
    const rule = ['-O', 'forward', '-L', `127.0.0.1:${local}:${remote}`];
    const result = await run('ssh', [...this.#args, ...rule, 'root@127.0.0.1'], { check: false, timeoutMs: 60_000 });
    if (result.code !== 0) throw new LabError('lab_command_failed', `ssh forward ${remote}: ${result.stderr.trim()}`);
  }
}

/**
 * With -f ssh returns when the connection stands and goes on in the background; it must not hold a pipe of ours
 * open there. It ends by itself when QEMU does.
 */
function background(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', ['-f', '-N', '-M', ...args], { stdio: 'ignore' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 255));
  });
}
