// The rival of Kubernetes and containerd: the CNI plugin `bridge` with `host-local` addresses, called as a runtime does.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { time, turn, type Way } from '../interleave.js';
import { ip } from './iproute.js';
import type { NamedNetwork } from './names.js';

const PLUGINS = '/usr/lib/cni';
const CNI_BRIDGE = 'cni-bench';

/** Why there is no CNI here. */
export function cniMissing(): string | undefined {
  const absent = ['bridge', 'host-local'].filter((name) => !existsSync(`${PLUGINS}/${name}`));
  return absent.length === 0 ? undefined : `no CNI plugin ${absent.join(', ')} (containernetworking-plugins)`;
}

/**
 * A runtime makes the namespace before ADD, so that is not counted; `prepare` does it. `directory` is for the leases.
 */
export function cniWay(
  verb: 'ADD' | 'DEL',
  network: (number: number) => NamedNetwork,
  directory: string,
  prepare: (netns: string) => Promise<void> = async () => {},
): Way {
  const input = JSON.stringify({
    cniVersion: '0.4.0',
    name: 'bench-berth',
    type: 'bridge',
    bridge: CNI_BRIDGE,
    isGateway: true,
    isDefaultGateway: true,
    ipMasq: false,
    ipam: { type: 'host-local', subnet: '10.250.0.0/16', dataDir: `${directory}/cni` },
  });
  return {
    name: `CNI ${verb}`,
    missing: cniMissing(),
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) await prepare(network(number).netns);
      for (const number of numbers) {
        await turn();
        const { netns } = network(number);
        const env = {
          PATH: process.env.PATH ?? '',
          CNI_COMMAND: verb,
          CNI_CONTAINERID: netns,
          CNI_NETNS: `/run/netns/${netns}`,
          CNI_IFNAME: 'eth0',
          CNI_PATH: PLUGINS,
        };
        values.push(await time(() => plugin(input, env)));
      }
      return values;
    },
  };
}

/** Takes away the bridge that the plugin made. */
export function removeCniBridge(): void {
  if (existsSync(`/sys/class/net/${CNI_BRIDGE}`)) ip(['link', 'del', CNI_BRIDGE]);
}

function plugin(input: string, env: Readonly<Record<string, string>>): void {
  const { status, stdout, stderr, error } = spawnSync(`${PLUGINS}/bridge`, [], { input, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`CNI ${env.CNI_COMMAND}: ${error?.message ?? stdout ?? stderr}`);
}
