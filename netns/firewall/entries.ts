// What the packet filter must know of a sandbox, as elements. Pure: the kernel is in apply.ts.
import { inetBytes } from '../netlink/inet.js';
import { concatenation, type ElementExpression, type SetElement } from '../netlink/set-element.js';
import type { SandboxNetwork } from '../types.js';
import { type Policy, policyOf, sendersOf } from './policy.js';
import type { Family } from './sets.js';

/** One element of one of the sets. */
export interface Entry {
  readonly family: Family;
  readonly set: string;
  readonly element: SetElement;
  /** What the element jumps to. */
  readonly policy?: Policy;
}

const PROTOCOL = { tcp: 6, udp: 17 } as const;
const IFNAMSIZ = 16;

/** Entries of `network`, each key at most once. Throws RangeError for an address or network that is none. */
export function entriesOf(network: SandboxNetwork): Entry[] {
  const { hostLink, address, address6, firewall, attachment } = network;
  const link = linkKey(hostLink);
  const mac = Buffer.from(network.mac.replaceAll(':', ''), 'hex');
  const port = attachment.mode === 'bridge' ? 'bridge' : 'inet';
  const entries: Entry[] = [];
  const add = (family: Family, set: string, element: SetElement) => entries.push({ family, set, element });
  const go = (set: string, key: Buffer, policy: Policy | undefined) => {
    if (policy !== undefined) entries.push({ family: 'inet', set, element: { key, jump: policy.name }, policy });
  };
  const limit = (set: string, rate: number | null) => {
    if (rate !== null) add(port, set, { key: link, expression: packetLimit(rate) });
  };

  if (port === 'bridge') add('bridge', 'links', { key: concatenation(link, mac) });
  else add('inet', 'groups', { key: concatenation(hostOrder(network.group), hostOrder(network.group)) });
  limit('packets_out', firewall.packets.egress);
  limit('packets_in', firewall.packets.ingress);
  for (const [text, suffix, family] of [
    [address, '', 4],
    [address6, '6', 6],
  ] as const) {
    if (text === null) continue;
    const ip = inetBytes(text);
    if (family === 6) add(port, 'links6', { key: concatenation(link, mac) });
    add(port, `sources${suffix}`, { key: concatenation(link, mac, ip) });
    if (port === 'bridge') add('inet', `bridged${suffix}`, { key: ip });
    if (firewall.metadata) add('inet', `metadata${suffix}`, { key: ip });
    go(`policies${suffix}`, ip, policyOf(firewall.egress, family));
    if (firewall.connections !== null) {
      const expression = { kind: 'connections', count: firewall.connections } as const;
      add('inet', `connections${suffix}`, { key: ip, expression });
    }
    if (firewall.ports.length > 0) add('inet', `hairpin${suffix}`, { key: concatenation(ip, ip) });
    if (firewall.reachable === 'any') add('inet', `open${suffix}`, { key: ip });
    if (firewall.reachable === 'published') add('inet', `closed${suffix}`, { key: ip });
    for (const published of firewall.ports) {
      const { protocol, guest } = published;
      const port = portBytes(published.host);
      const key = concatenation(Buffer.from([PROTOCOL[protocol]]), port);
      add('inet', `ports${suffix}`, { key, data: concatenation(ip, portBytes(guest)) });
      go(`senders_${protocol}${suffix}`, port, sendersOf(published, family));
    }
  }
  return entries;
}

/** A link name as a key. */
export function linkKey(name: string): Buffer {
  const key = Buffer.alloc(IFNAMSIZ);
  key.write(name);
  return key;
}

/** Where the element is: equal for elements that cannot both be in a set. */
export function placeOf({ family, set, element }: Entry): string {
  return `${family} ${set} ${element.key.toString('hex')} ${element.keyEnd?.toString('hex') ?? ''}`;
}

/** Whether two elements of one place say the same; what counters have counted is not compared. */
export function sameContent(a: SetElement, b: SetElement): boolean {
  const data = (element: SetElement) => element.data?.toString('hex') ?? '';
  return data(a) === data(b) && a.jump === b.jump && expressionText(a.expression) === expressionText(b.expression);
}

/** For findings and errors, e.g. `inet sources "bt1" 02:00:00:00:00:01 10.0.0.1` as far as the set is known. */
export function entryText({ family, set, element }: Entry): string {
  const parts = [element.key, element.keyEnd, element.data].flatMap((bytes) => (bytes === undefined ? [] : [bytes]));
  const state = element.jump ?? expressionText(element.expression);
  return [family, set, ...parts.map((bytes) => fieldsText(set, bytes)), state].filter((part) => part !== '').join(' ');
}

// 100 ms at full rate, so that a burst of one scheduling round of a guest is no reason to drop.
function packetLimit(rate: number): ElementExpression {
  return { kind: 'limit', rate, burst: Math.max(16, Math.ceil(rate / 10)) };
}

function portBytes(port: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16BE(port);
  return out;
}

function hostOrder(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function expressionText(expression: ElementExpression | undefined): string {
  if (expression === undefined || expression.kind === 'counter') return '';
  if (expression.kind === 'connections') return `over ${expression.count} connections`;
  return `over ${expression.rate}/s burst ${expression.burst}`;
}

function fieldsText(set: string, bytes: Buffer): string {
  const linked = /^(sources|links|packets_|dropped_)/.test(set);
  if (!linked) return bytes.toString('hex').replace(/.{8}(?=.)/g, '$&.');
  const name = bytes.toString('latin1', 0, IFNAMSIZ).replace(/\0+$/, '');
  return [JSON.stringify(name), bytes.subarray(IFNAMSIZ).toString('hex')].filter((part) => part !== '').join(' . ');
}
