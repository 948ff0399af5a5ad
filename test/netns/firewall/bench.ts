// What one change of elements costs while many workloads are present: node dist/test/netns/firewall/bench.js (as root).
// Prints; asserts nothing. In a namespace of its own, with elements only: links and packets play no part.
import { closeSync } from 'node:fs';
import { openNamespace, unshareNetwork, visitNetwork } from '../../../linux/namespace.js';
import { applyEntries, setupFirewall } from '../../../netns/firewall/index.js';
import { openHost } from '../../../netns/host.js';
import type { Firewall, SandboxNetwork } from '../../../netns/types.js';
import { makeNames } from '../lab.js';

const ROUNDS = 40;
const names = makeNames(4);
const settings = { ...names.settings('berth-test'), hostAccess: false };

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];
const KINDS: Readonly<Record<string, Partial<Firewall>>> = {
  plain: {},
  'limits, 2 ports': {
    connections: 1000,
    packets: { ingress: 10_000, egress: 10_000 },
    ports: [
      { protocol: 'tcp', host: 1, guest: 80 },
      { protocol: 'udp', host: 1, guest: 80 },
    ],
  },
  'egress: 4 networks denied': { egress: { default: 'allow', allow: [], deny: PRIVATE } },
  'egress: all but 16 denied': {
    egress: { default: 'deny', allow: Array.from({ length: 16 }, (_, at) => `203.0.${at * 3}.0/24`), deny: [] },
  },
};

function workload(number: number, kind: string): SandboxNetwork {
  const plain = names.sandbox(1);
  const own = { egress: { default: 'deny', allow: [`203.${number >> 8}.${number & 255}.0/24`], deny: [] } } as const;
  const firewall: Partial<Firewall> = KINDS[kind] ?? own;
  const ports = (firewall.ports ?? []).map((port) => ({ ...port, host: 1000 + number }));
  return {
    ...plain,
    hostLink: `bt${number}`,
    address: `10.60.${number >> 8}.${number & 255}`,
    group: 1 + (number >> 3),
    firewall: { ...plain.firewall, ...firewall, ports },
  };
}

function median(values: number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  return `${at(0.5)} ms (p95 ${at(0.95)})`;
}

function timed(body: () => void): number {
  const begun = performance.now();
  body();
  return performance.now() - begun;
}

const home = openNamespace();
for (const kind of [...Object.keys(KINDS), 'egress: all but a network of its own'])
  visitNetwork(home, unshareNetwork, () => {
    const host = openHost();
    setupFirewall(host, settings);
    let present = 0;
    for (const goal of [10, 100, 1000, 4000]) {
      const more = Array.from({ length: goal - present }, (_, at) => workload(present + at, kind));
      const filled = timed(() => applyEntries(host, settings.table, { add: more, remove: [] }));
      present = goal;
      const adds: number[] = [];
      const removes: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const one = workload(5000 + round, kind);
        adds.push(timed(() => applyEntries(host, settings.table, { add: [one], remove: [] })));
        removes.push(timed(() => applyEntries(host, settings.table, { add: [], remove: [one] })));
      }
      process.stdout.write(
        `${kind}, ${goal} present: add ${median(adds)}, remove ${median(removes)}; filling in ${more.length} at once took ${filled.toFixed(0)} ms\n`,
      );
    }
    host.close();
  });
closeSync(home);
