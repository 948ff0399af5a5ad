// How a workload is attached, decided once at admission and kept in its record: a changed configuration must not move
// the ground under what runs.
import { SysError } from '../../linux/errors.js';
import { assertBandwidth } from '../../netns/shaping/index.js';
import type { Attachment } from '../../netns/types.js';
import { BerthError } from '../../protocol/errors.js';
import { networkAround, parseNetwork } from '../base/cidr.js';
import type { Config } from '../config/schema.js';
import type { NetworkSpec } from '../model/network-spec.js';
import { bandwidthOf } from './sandbox-network.js';

type BridgeConfig = Config['network']['bridge'][string];

/** IPv6 demands links that carry 1280 bytes (RFC 8200, section 5). */
const MIN_MTU_6 = 1280;

/** Whether the workload has addresses of its own at all. */
export function hasAddress({ mode }: Pick<NetworkSpec, 'mode'>): boolean {
  return mode === 'routed' || mode === 'bridge';
}

export function mtuOf(spec: NetworkSpec, config: Config['network']): number {
  return spec.mtu ?? config.mtu;
}

/** Whether it gets an IPv6 address. Off without a pool: an address that nobody routes is a broken one, and a trap. */
export function wantsIpv6(spec: NetworkSpec, config: Config['network']): boolean {
  const pool6 = spec.mode === 'bridge' ? config.bridge[spec.bridge ?? '']?.pool6 : config.pool6;
  return (spec.ipv6 ?? mtuOf(spec, config) >= MIN_MTU_6) && pool6 !== undefined && pool6 !== '';
}

/** Throws `network_missing` when the spec names what the configuration of this node does not have. */
export function requireNetwork(spec: NetworkSpec, config: Config['network']): void {
  const missing = (message: string, hint: string): never => {
    throw new BerthError('network_missing', message, { hint });
  };
  const { mode, bridge = '' } = spec;
  if (mode === 'bridge') {
    const settings = Object.hasOwn(config.bridge, bridge) ? config.bridge[bridge] : undefined;
    const names = Object.keys(config.bridge);
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
    if (settings === undefined)
      missing(`this node has no bridge "${bridge}"; ${known}`, `Add [network.bridge.${bridge}] to its configuration.`);
    if (settings?.pool === '')
      missing(`bridge "${bridge}" of this node has no addresses for workloads`, `Set network.bridge.${bridge}.pool.`);
  }
  if (spec.ipv6 !== true || wantsIpv6(spec, config)) return;
  const key = mode === 'bridge' ? `network.bridge.${bridge}.pool6` : 'network.pool6';
  missing('the workload asks for IPv6, and this node has no such addresses', `Set ${key}.`);
}

/** Throws `invalid_spec`: what a token bucket can carry depends on the MTU, which the spec alone does not know. */
export function requireRates(spec: NetworkSpec, config: Config['network']): void {
  try {
    assertBandwidth(bandwidthOf(spec), mtuOf(spec, config));
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const field = `network.${error.path?.replace('bitsPerSecond', 'rate').replace('burstBytes', 'burst')}`;
    const problem = `${error.note} (it is ${error.value})`;
    throw new BerthError('invalid_spec', `the workload is not valid: ${field}: ${problem}`, {
      data: { fields: [{ field, problem }] },
    });
  }
}

export function attachmentOf(spec: NetworkSpec, config: Config['network']): Attachment {
  const bridge = spec.mode === 'bridge' ? (spec.bridge ?? '') : '';
  const settings = config.bridge[bridge];
  if (settings === undefined) return { mode: 'routed' };
  const way = wayOut(settings, 4);
  const way6 = wantsIpv6(spec, config) ? wayOut(settings, 6) : undefined;
  return {
    mode: 'bridge',
    bridge,
    prefix: way?.prefix ?? parseNetwork(settings.pool)?.prefix ?? 32,
    gateway: way?.address ?? null,
    prefix6: wantsIpv6(spec, config) ? (way6?.prefix ?? parseNetwork(settings.pool6)?.prefix ?? 128) : null,
    gateway6: way6?.address ?? null,
    isolated: settings.isolated,
    vlan: settings.vlan ?? null,
  };
}

function wayOut({ gateway, addresses }: BridgeConfig, family: 4 | 6) {
  const given = gateway === '' ? addresses : [gateway, ...addresses];
  const first = given.find((text) => networkAround(text)?.family === family);
  return first === undefined ? undefined : { address: first.split('/')[0] ?? '', prefix: Number(first.split('/')[1]) };
}
