// A host that berth is installed on: the lab, or, for the demo, this very machine. What tests and demo need of it.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Host } from '../lab/host.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Target = Pick<Host, 'name' | 'ssh' | 'write' | 'install' | 'forward' | 'reverse' | 'waitFor' | 'stop'> & {
  readonly where: string;
};

export function labTarget(host: Host): Target {
  return Object.assign(host, { where: 'the lab, a Debian host in QEMU' });
}

/** This machine, by the same verbs. Only for a person who said yes. */
export function localTarget(): Target {
  const ssh: Target['ssh'] = async (command, options = {}) => {
    const result = await run('/bin/sh', ['-c', command], options.stdin);
    if (result.code !== 0 && options.check !== false)
      throw new Error(`${command}\nexit code ${result.code}\n${result.stdout}${result.stderr}`);
    return result;
  };
  return {
    name: hostname(),
    where: 'this host',
    ssh,
    write: async (path, text) => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    },
    install: async (deb, options) => {
      const copy = '/var/tmp/berth.deb';
      await copyFile(deb, copy);
      return ssh(`DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${copy}`, options);
    },
    forward: async (port) => port,
    reverse: (port) => `127.0.0.1:${port}`,
    waitFor: async (command, { timeoutMs = 120_000, what = command, everyMs = 500 } = {}) => {
      for (const end = Date.now() + timeoutMs; ; ) {
        const result = await ssh(command, { check: false });
        if (result.code === 0) return result;
        if (Date.now() > end)
          throw new Error(`${what}: not so after ${timeoutMs} ms\n${result.stdout}${result.stderr}`);
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
    },
    stop: async () => undefined,
  };
}

function run(file: string, args: readonly string[], stdin?: string | Uint8Array): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { encoding: 'utf8', maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
    if (stdin !== undefined) child.stdin?.end(stdin);
  });
}
