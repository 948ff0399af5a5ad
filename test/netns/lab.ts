// What the kernel tests share: names of their own, a look at the kernel through iproute2, and a way to clean up.
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { PLAIN_FIREWALL, UNLIMITED } from '../../netns/defaults.js';
import { macFor } from '../../netns/names.js';
import type { OwnTags, RoomSettings, SandboxNetwork } from '../../netns/types.js';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 10_000;

/** A sandbox with a namespace. */
export type NamedNetwork = SandboxNetwork & { readonly netns: string };

/** Output of a command; rejects when it fails or takes longer than 10 s. */
export async function command(line: string): Promise<string> {
  const [program = '', ...args] = line.split(' ');
  return (await run(program, args, { timeout: COMMAND_TIMEOUT_MS })).stdout;
}

/** As an agent has them, for tests: what begins with `owner` is theirs. */
export function tagsOf(owner: string): OwnTags {
  return {
    ...{ prefix: 'berth-test:', namespace: owner, slot: `${owner}-slot`, bridge: `${owner}-bridge`, former: null },
    table: { owner: owner.replace(/\W/g, '_'), instead: `berth-${owner.replace(/\W/g, '_')}` },
  };
}

/** Names and addresses that no other test file or process uses: `file` is 0-9, one for each test file. */
export function makeNames(file: number, pid: number = process.pid) {
  const tag = `${(pid % 46656).toString(36)}${file}`;
  const block = `10.${200 + file}.${pid % 256}`;
  return {
    prefix: `bt${tag}`,
    netnsPrefix: `berth-test-${tag}-`,
    ownerPrefix: `berth-test:${tag}:`,
    pool: `${block}.0/24`,
    settings(table: string): RoomSettings {
      const linkPrefix = this.prefix;
      const { netnsPrefix } = this;
      return {
        table,
        linkPrefix,
        netnsPrefix,
        masquerade: [this.pool],
        bridges: [],
        hostAccess: true,
        connectionRate: 1000,
        slots: null,
        tags: tagsOf(`berth-test:${tag}`),
      };
    },
    sandbox(number: number): NamedNetwork {
      return {
        netns: `berth-test-${tag}-${number}`,
        hostLink: `bt${tag}n${number}`,
        address: `${block}.${number}`,
        mac: macFor(`${tag}-${number}`),
        owner: `berth-test:${tag}:${number}`,
        mtu: 1500,
        address6: null,
        group: 1,
        attachment: { mode: 'routed' },
        tap: null,
        bandwidth: UNLIMITED,
        firewall: PLAIN_FIREWALL,
      };
    },
    microvm(number: number): NamedNetwork {
      return {
        ...this.sandbox(number),
        tap: { name: 'tap0', uid: 4321, multiQueue: false, vnetHeader: true, guestAddress: null },
      };
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
