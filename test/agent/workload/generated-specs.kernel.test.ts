// Whole specifications at random, their networks made in the kernel: it takes every message, and the audit finds what was asked
// for, neither cut nor rounded.
import test from 'ava';
import { roomSettings } from '../../../agent/network/settings.js';
import { auditSandboxes } from '../../../netns/audit.js';
import { removalOf } from '../../../netns/defaults.js';
import { setupFirewall } from '../../../netns/firewall/index.js';
import { removeSandboxes } from '../../../netns/removal.js';
import { provideBridge } from '../../../netns/sandbox/bridge.js';
import { createSandbox, updateSandbox } from '../../../netns/sandbox/create.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import { Lab } from '../../netns/firewall/lab.js';
import { fc, holds } from '../../runner/property.js';
import { accept, NODE, networkOf } from './spec-consumers.js';
import { specs } from './spec-generator.js';

const lab = await Lab.open(12);
const settings = roomSettings(NODE.network, '0123abcd', false);

test.before(() => {
  setupFirewall(lab.host, settings);
  for (const bridge of settings.bridges) provideBridge(lab.host, settings, bridge);
  lab.host.settings = settings;
});
test.after.always(() => lab.close());

/** In a namespace of a name that nobody else has; one of another runtime is not there (netns/crash.kernel has them). */
function networkFrom(spec: Parameters<typeof networkOf>[0]): SandboxNetwork | null {
  const found = networkOf(spec);
  if (found === null) return null;
  const { given: _, ...network } = found;
  return network.netns === null ? network : { ...network, netns: `${lab.names.netnsPrefix}spec` };
}

test.serial('the kernel makes the network of every specification, and changes it to that of another', (t) => {
  const networks = specs(accept)
    .map((spec) => ({ spec, network: networkFrom(spec) }))
    .filter(({ network }) => network !== null);
  const made = fc.property(networks, networks, ({ network: first }, { network: second }) => {
    if (first === null || second === null) throw new Error('has no network');
    const told = (network: SandboxNetwork): string => JSON.stringify(auditSandboxes(lab.host, [network]));
    try {
      createSandbox(lab.host, first);
      if (told(first) !== '[]') throw new Error(told(first));
      const next = { ...first, bandwidth: second.bandwidth, firewall: second.firewall };
      // What its MTU cannot carry is refused before: see requireRates.
      if (second.mtu >= first.mtu) {
        updateSandbox(lab.host, first, next);
        if (told(next) !== '[]') throw new Error(told(next));
        updateSandbox(lab.host, next, first);
        if (told(first) !== '[]') throw new Error(told(first));
      }
    } finally {
      removeSandboxes(lab.host, [{ ...removalOf(first), patient: false }]);
    }
    return true;
  });
  holds(t, made, { numRuns: 20, seed: 1 });
});
