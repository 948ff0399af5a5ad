// What does not fit is refused before any effect: settings become rule text, and a bad limit would be the kernel's to
// explain.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { parseCidr } from '../addresses/cidr.js';
import type { Firewall, RoomSettings } from '../types.js';

const TABLE = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const OWNER = /^\w{1,64}$/;
const LINK = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;
/** Each becomes up to two ranges in a set whose cost grows with them. */
export const MOST_NETWORKS = 512;
/** The kernel computes nanoseconds for each packet, as an integer (nft_limit_init in net/netfilter/nft_limit.c). */
export const MOST_PACKETS = 10_000_000;
export const MOST_CONNECTIONS = 1_000_000;
const REACHABLE: readonly string[] = ['published', 'group', 'any'] satisfies Firewall['reachable'][];

/** Throws SysError EINVAL that names the field, the value and the rule. */
export function assertSettings(settings: RoomSettings): void {
  assertTable(settings.table);
  demand(LINK.test(settings.linkPrefix), 'linkPrefix', settings.linkPrefix, '1 to 15 of A-Z a-z 0-9 _ . -');
  const { owner, instead } = settings.tags.table;
  assertTable(instead);
  demand(OWNER.test(owner), 'tags.table.owner', owner, '1 to 64 letters, digits and _');
  for (const net of settings.masquerade) network('masquerade', net);
  for (const { name } of settings.bridges) {
    const own = LINK.test(name) && !name.startsWith(settings.linkPrefix);
    demand(own, 'bridges', name, `a link name that does not start with ${settings.linkPrefix}`);
  }
}

export function assertTable(table: string): void {
  demand(TABLE.test(table), 'table', table, 'letters, digits, _ and -');
}

/** Throws SysError EINVAL that names the field, the value and the rule. */
export function assertFirewall(firewall: Firewall): void {
  const { egress, ports, reachable, connections, packets } = firewall;
  for (const net of [...egress.allow, ...egress.deny]) network('firewall.egress', net);
  for (const { from = [] } of ports) for (const net of from) network('firewall.ports', net);
  const senders = ports.reduce((sum, { from = [] }) => sum + from.length, 0);
  demand(senders <= MOST_NETWORKS, 'firewall.ports', `${senders} networks`, `at most ${MOST_NETWORKS} networks`);
  demand(REACHABLE.includes(reachable), 'firewall.reachable', reachable, REACHABLE.join(', '));
  const count = egress.allow.length + egress.deny.length;
  demand(count <= MOST_NETWORKS, 'firewall.egress', `${count} networks`, `at most ${MOST_NETWORKS} networks`);
  for (const { host, guest } of ports) for (const port of [host, guest]) range('firewall.ports', port, 65535);
  const published = ports.map(({ protocol, host }) => `${protocol} ${host}`);
  const twice = published.find((port, position) => published.indexOf(port) !== position);
  demand(twice === undefined, 'firewall.ports', twice ?? '', 'published once');
  if (connections !== null) range('firewall.connections', connections, MOST_CONNECTIONS);
  for (const rate of [packets.ingress, packets.egress])
    if (rate !== null) range('firewall.packets', rate, MOST_PACKETS);
}

function range(field: string, value: number, most: number): void {
  demand(Number.isInteger(value) && value >= 1 && value <= most, field, String(value), `1 to ${most}`);
}

function network(field: string, text: string): void {
  try {
    parseCidr(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    demand(false, field, text, 'a network in CIDR form without host bits');
  }
}

function demand(valid: boolean, field: string, value: string, rule: string): void {
  if (!valid) throw new SysError('network', constants.errno.EINVAL, { path: field, value, note: `must be ${rule}` });
}
