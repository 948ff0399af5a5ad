// What the kernel tests share: names of their own, a look at the kernel through iproute2, and a way to clean up.
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { macFor } from '../../netns/ipam.js';
import type { SandboxNetwork } from '../../netns/types.js';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 10_000;

/** Output of a command; rejects when it fails or takes longer than 10 s. */
export async function command(line: string): Promise<string> {
  const [program = '', ...args] = line.split(' ');
  return (await run(program, args, { timeout: COMMAND_TIMEOUT_MS })).stdout;
}

/** Names and addresses that no other test file or process uses: `file` is 0-9, one for each test file. */
export function makeNames(file: number) {
  const tag = `${(process.pid % 46656).toString(36)}${file}`;
  const block = `10.${200 + file}.${process.pid % 256}`;
  return {
    prefix: `bt${tag}`,
    netnsPrefix: `berth-test-${tag}-`,
    ownerPrefix: `berth-test:${tag}:`,
    pool: `${block}.0/24`,
    sandbox(number: number): SandboxNetwork {
      return {
        netns: `berth-test-${tag}-${number}`,
        hostLink: `bt${tag}n${number}`,
        address: `${block}.${number}`,
        mac: macFor(`${tag}-${number}`),
        owner: `berth-test:${tag}:${number}`,
        mtu: 1500,
      };
    },
    microvm(number: number): SandboxNetwork {
      return { ...this.sandbox(number), tap: { name: 'tap0', uid: 4321 } };
    },
  };
}

export async function links(): Promise<string[]> {
  const all: { ifname: string }[] = JSON.parse(await command('ip -j link show'));
  return all.map(({ ifname }) => ifname);
}

/** What of a sandbox the kernel still shows on the host; empty when it is gone. */
export async function remains(network: SandboxNetwork): Promise<string[]> {
  const names = (await links()).filter((name) => name === network.hostLink);
  const namespaces = (await readdir('/run/netns')).filter((name) => name === network.netns);
  const routes = (await command('ip route show table all')).split('\n');
  const routed = routes.filter((line) => line.includes(` ${network.hostLink} `) || line.startsWith(network.address));
  return [...names, ...namespaces, ...routed];
}
