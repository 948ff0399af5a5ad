// A host of its own: the test's thread moves into a namespace that forwards, has an uplink to `outside`, and gets
// sandboxes. Nothing of it touches the machine's own network.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { enterNetwork, openNamespace } from '../../../linux/namespace.js';
import { applyEntries, setupFirewall } from '../../../netns/firewall/index.js';
import { type Host, openHost } from '../../../netns/host.js';
import { createSandbox } from '../../../netns/sandbox/create.js';
import type { Firewall, RoomSettings, SandboxNetwork } from '../../../netns/types.js';
import { command, makeNames } from '../lab.js';

const PEER = fileURLToPath(new URL('peer.js', import.meta.url));

/** The uplink: the host's address and two of the world outside, and two networks behind it. */
export const NET = {
  host: '198.51.100.1',
  outside: '198.51.100.2',
  far: '203.0.113.5',
  host6: '2001:db8:1::1',
  outside6: '2001:db8:1::2',
} as const;

export class Lab {
  readonly names: ReturnType<typeof makeNames>;
  readonly hostNetns: string;
  readonly outsideNetns: string;
  readonly settings: RoomSettings;
  readonly host: Host;
  readonly #home: number;
  readonly #children: ChildProcess[] = [];
  readonly #sandboxes = new Map<string, SandboxNetwork>();

  private constructor(file: number, home: number, host: Host) {
    this.names = makeNames(file);
    this.hostNetns = `${this.names.netnsPrefix}host`;
    this.outsideNetns = `${this.names.netnsPrefix}outside`;
    this.settings = { ...this.names.settings('berth-test'), hostAccess: false };
    this.#home = home;
    this.host = host;
  }

  static async open(file: number): Promise<Lab> {
    const { netnsPrefix } = makeNames(file);
    await command(`ip netns add ${netnsPrefix}host`);
    await command(`ip netns add ${netnsPrefix}outside`);
    const home = openNamespace();
    const fd = openNamespace(`/run/netns/${netnsPrefix}host`);
    enterNetwork(fd);
    closeSync(fd);
    const lab = new Lab(file, home, openHost());
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
    const inside = `ip -n ${lab.outsideNetns}`;
    for (const line of [
      'ip link set lo up',
      `ip link add up0 type veth peer name eth0 netns ${lab.outsideNetns}`,
      `ip address add ${NET.host}/24 dev up0`,
      `ip address add ${NET.host6}/64 dev up0 nodad`,
      'ip link set up0 up',
      `ip route add 203.0.113.0/24 via ${NET.outside}`,
      `ip route add 169.254.169.254 via ${NET.outside}`,
      `${inside} link set lo up`,
      `${inside} link set eth0 up`,
      `${inside} address add ${NET.outside}/24 dev eth0`,
      `${inside} address add ${NET.outside6}/64 dev eth0 nodad`,
      `${inside} address add ${NET.far}/32 dev lo`,
      `${inside} address add 169.254.169.254/32 dev lo`,
      `${inside} route add default via ${NET.host}`,
      `${inside} route add default via ${NET.host6}`,
    ])
      await command(line);
    return lab;
  }

  /** Loads the tables as `settings` say. */
  setup(settings: RoomSettings = this.settings): void {
    setupFirewall(this.host, settings);
  }

  /** Makes a sandbox and its elements; `firewall` over a plain one. */
  async sandbox(number: number, firewall: Partial<Firewall> = {}, group = 1): Promise<SandboxNetwork> {
    const plain = this.names.sandbox(number);
    const network: SandboxNetwork = { ...plain, group, firewall: { ...plain.firewall, ...firewall } };
    createSandbox(this.host, network);
    await command(`ip link set ${network.hostLink} group ${group}`);
    this.apply([network], []);
    this.#sandboxes.set(network.hostLink, network);
    return network;
  }

  /** Changes the elements of a sandbox. */
  change(network: SandboxNetwork, firewall: Partial<Firewall>): SandboxNetwork {
    const next = { ...network, firewall: { ...network.firewall, ...firewall } };
    this.apply([next], [network]);
    this.#sandboxes.set(next.hostLink, next);
    return next;
  }

  apply(add: readonly SandboxNetwork[], remove: readonly SandboxNetwork[]): void {
    applyEntries(this.host, this.settings.table, { add, remove });
  }

  /** Every sandbox made so far, as it was changed last. */
  all(): SandboxNetwork[] {
    return [...this.#sandboxes.values()];
  }

  /** A server in a namespace; null is the host's own. */
  async serve(netns: string | null, port: number): Promise<void> {
    const child = this.#start(netns, ['serve', String(port)]);
    await once(child.stdout, 'data');
  }

  /** What a client hears, `silence`, or the code of the error. */
  async ask(netns: string | null, protocol: 'tcp' | 'udp', address: string, port: number): Promise<string> {
    const child = this.#start(netns, [protocol, address, String(port)]);
    const [data] = await once(child.stdout, 'data');
    return String(data).trim();
  }

  /** A connection that stays open; call `echo` to see whether it still carries. */
  async connection(netns: string, address: string, port: number): Promise<{ echo(): Promise<boolean>; end(): void }> {
    const script = `
      const socket = require('net').connect(${port}, '${address}');
      socket.on('data', (data) => process.stdout.write(data + '\\n'));
      process.stdin.on('data', () => socket.write('echo'));`;
    const child = spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    await once(child.stdout, 'data');
    return {
      async echo() {
        child.stdin.write('x');
        const heard = once(child.stdout, 'data').then(() => true);
        return Promise.race([heard, new Promise<boolean>((resolve) => setTimeout(resolve, 1500, false))]);
      },
      end: () => child.kill('SIGKILL'),
    };
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    this.host.close();
    enterNetwork(this.#home);
    for (const { netns } of this.#sandboxes.values()) await command(`ip netns delete ${netns}`);
    await command(`ip netns delete ${this.hostNetns}`);
    await command(`ip netns delete ${this.outsideNetns}`);
  }

  #start(netns: string | null, args: readonly string[]) {
    const line = [process.execPath, PEER, ...args];
    const [program = '', ...rest] = netns === null ? line : ['ip', 'netns', 'exec', netns, ...line];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }
}
