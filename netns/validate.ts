// Names and numbers end up in paths, interface names and rule text: what does not fit is refused before any effect.
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { parseIp } from './addresses/ip.js';
import type { Removal, SandboxNetwork } from './types.js';

/** A prefix and a name of 63 characters. */
const NETNS = /^[a-z0-9-]{1,80}$/;
const LINK = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;
const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i;
/** IFALIASZ - 1. */
const ALIAS_BYTES = 255;
const MOST_MTU = 65_535;
/** MAX_MTU without the Ethernet header (drivers/net/tun.c). */
const MOST_TAP_MTU = 65_521;

/** Throws SysError EINVAL that names the field, the value and the rule. */
export function assertSandbox(network: SandboxNetwork): void {
  assertSandboxNames(network);
  demand(isIpv4(network.address), 'address', network.address, 'an IPv4 address');
  demand(MAC.test(network.mac), 'mac', network.mac, 'a unicast MAC address, aa:bb:cc:dd:ee:ff');
  const { mtu, tap } = network;
  const most = tap === null ? MOST_MTU : MOST_TAP_MTU;
  demand(Number.isInteger(mtu) && mtu >= 68 && mtu <= most, 'mtu', String(mtu), `68 to ${most}`);
  if (tap === null) return;
  demand(LINK.test(tap.name) && tap.name !== 'eth0' && tap.name !== 'lo', 'tap.name', tap.name, LINK_RULE);
  const uid = tap.uid;
  demand(Number.isInteger(uid) && uid >= 0 && uid < 2 ** 32 - 1, 'tap.uid', String(uid), 'a user id');
}

const LINK_RULE = '1 to 15 of A-Z a-z 0-9 _ . - and not eth0 or lo';

export function assertNetns(netns: string): void {
  demand(NETNS.test(netns), 'netns', netns, '1 to 80 of a-z 0-9 -');
}

export function assertSandboxNames(network: Pick<Removal, 'netns' | 'hostLink' | 'owner'>): void {
  if (network.netns !== null) assertNetns(network.netns);
  if (network.hostLink !== null) demand(LINK.test(network.hostLink), 'hostLink', network.hostLink, LINK_RULE);
  const bytes = Buffer.byteLength(network.owner);
  demand(bytes > 0 && bytes <= ALIAS_BYTES && !network.owner.includes('\0'), 'owner', network.owner, '1 to 255 bytes');
}

function demand(valid: boolean, field: string, value: string, rule: string): void {
  if (!valid) throw new SysError('network', constants.errno.EINVAL, { path: field, value, note: `must be ${rule}` });
}

function isIpv4(text: string): boolean {
  return passes(() => parseIp(text).family === 4);
}

function passes(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
