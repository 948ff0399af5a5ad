// The plugin as a runtime runs it: a program, the environment, a document on standard input.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pluginText } from '../../../agent/cni/plugin.js';

export interface Call {
  readonly command: string;
  readonly container?: string;
  readonly netns?: string;
  readonly ifname?: string;
  readonly args?: string;
  /** Over the usual configuration; text is given as it is. */
  readonly config?: object | string;
}

export interface Printed {
  readonly status: number | null;
  readonly text: string;
  /** `text` as a document; undefined: nothing was printed. */
  readonly answer: Answer | undefined;
}

export interface Answer {
  readonly cniVersion: string;
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly version?: string }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
  readonly supportedVersions?: readonly string[];
}

export class Plugin {
  readonly path: string;
  readonly #command: readonly string[];

  /** `prefix`: arguments before it, for a host of a test's own. */
  constructor(directory: string, socket: string, prefix: readonly string[] = []) {
    this.path = join(directory, 'berth-cni');
    writeFileSync(this.path, pluginText(socket));
    chmodSync(this.path, 0o755);
    this.#command = [...prefix, this.path];
  }

  async call(call: Call): Promise<Printed> {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, { env: envOf(call), stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => undefined);
    child.stdin.end(inputOf(call));
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, text, answer: text === '' ? undefined : JSON.parse(text) };
  }
}

export const NETWORK = { cniVersion: '1.1.0', name: 'net', type: 'berth-cni', tenant: 'acme' } as const;

function inputOf({ config = {} }: Call): string {
  return typeof config === 'string' ? config : JSON.stringify({ ...NETWORK, ...config });
}

function envOf({ command, container = 'c1', netns = '', ifname = 'eth0', args = '' }: Call): NodeJS.ProcessEnv {
  return {
    ...{ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CNI_PATH: '/opt/cni/bin', CNI_COMMAND: command },
    ...{ CNI_CONTAINERID: container, CNI_NETNS: netns, CNI_IFNAME: ifname, CNI_ARGS: args },
  };
}
