// What a sandbox looks like, as data: the addresses and routes of each of its links. The recipe applies it, the audit
// compares it with the kernel.
//
// Routed container       host                            namespace
//                        HOSTLINK 169.254.1.1/32  -----  eth0 A/32, default via 169.254.1.1
//                        route A/32 dev HOSTLINK
//
// Routed microVM         host                            namespace                               guest
//                        HOSTLINK 169.254.1.3/32  -----  eth0 169.254.1.2/32, default via .3
//                        route A/32 via 169.254.1.2      TAP 169.254.1.1/32  ------------------  A/32, default via .1
//                                                        route A/32 dev TAP, ip_forward
//
// Routed tap on the host host                                                                    guest
//                        HOSTLINK 169.254.1.1/32  ---------------------------------------------  A/32, default via .1
//                        route A/32 dev HOSTLINK
//
// Bridge                 HOSTLINK is a port: eth0 or the guest has A/PREFIX and the bridge's gateway; a tap inside is
//                        joined to eth0 frame by frame (redirect.ts).
//
// IPv6 is the same with fe80::1 on the host and fe80::2 on eth0; link-local addresses are per link, so that the hop of
// a microVM needs no third one.
import { formatIp } from '../addresses/ip.js';
import type { Scope } from '../netlink/address.js';
import type { Route } from '../netlink/route.js';
import { GATEWAY, GATEWAY6, type SandboxNetwork } from '../types.js';

/** Both ends of the inner hop of a microVM sandbox, and the inner end for IPv6. */
export const TAP_HOP = { host: '169.254.1.3', inside: '169.254.1.2', inside6: 'fe80::2' } as const;

export interface Placed {
  readonly address: string;
  readonly prefix: number;
  readonly scope: Scope;
}

export type Way = Omit<Route, 'index'>;

/** Addresses and routes of one link. */
export interface Face {
  readonly addresses: readonly Placed[];
  readonly routes: readonly Way[];
}

export interface Layout {
  readonly host: Face;
  readonly eth0: Face;
  readonly tap: Face;
}

/** What a layout depends on. Without an address it is the part that a slot has before it is handed out. */
export type Shape = Pick<SandboxNetwork, 'netns' | 'attachment' | 'tap' | 'mac'> & {
  readonly address: string | null;
  readonly address6: string | null;
};

const NOTHING: Face = { addresses: [], routes: [] };

export function layoutOf(shape: Shape): Layout {
  const { netns, attachment, tap } = shape;
  if (attachment.mode === 'bridge')
    return { host: NOTHING, eth0: tap === null ? bridged(shape) : NOTHING, tap: NOTHING };
  if (netns === null || tap === null) {
    const host = join(on(GATEWAY, 32, 'link'), reached(shape, GATEWAY));
    return { host, eth0: netns === null ? NOTHING : contained(shape), tap: NOTHING };
  }
  // With a tap the host end must not be 169.254.1.1 too: the namespace owns that address (the guest's gateway) and
  // would drop the host's ARP and packets from it as martians (fib_validate_source in net/ipv4/fib_frontend.c).
  return {
    host: join(on(TAP_HOP.host, 32, 'link'), reached(shape, TAP_HOP.host, TAP_HOP.inside)),
    eth0: hop(shape),
    tap: guestSide(shape),
  };
}

/** What `whole` has and `part` has not. */
export function without(whole: Layout, part: Layout): Layout {
  const face = (a: Face, b: Face): Face => ({
    addresses: a.addresses.filter(({ address }) => !b.addresses.some((other) => other.address === address)),
    routes: a.routes.filter((way) => !b.routes.some((other) => isSameWay(other, way))),
  });
  return { host: face(whole.host, part.host), eth0: face(whole.eth0, part.eth0), tap: face(whole.tap, part.tap) };
}

export function isSameWay(a: Way, b: Way): boolean {
  return a.destination === b.destination && a.prefix === b.prefix && a.gateway === b.gateway;
}

/** The host's face: its own gateway addresses and the way to the workload. */
function reached({ address, address6 }: Shape, source: string, via?: string): Face {
  const way =
    via === undefined ? { scope: 'link' as const } : { scope: 'universe' as const, gateway: via, onlink: true };
  // Scope link and an explicit source: the many 169.254.1.x of the host are then used towards workloads and never
  // picked for anything else, ICMP errors to the outside included.
  const four = address === null ? [] : [{ destination: address, prefix: 32, source, ...way }];
  if (address6 === null) return { addresses: [], routes: four };
  const onward = via === undefined ? {} : { gateway: TAP_HOP.inside6 };
  const six: Way = { destination: address6, prefix: 128, scope: 'universe', ...onward };
  return join(on(GATEWAY6, 64, 'link'), { addresses: [], routes: [...four, six] });
}

function contained({ address, address6 }: Shape): Face {
  const four =
    address === null
      ? NOTHING
      : join(on(address, 32, 'universe'), { addresses: [], routes: outward(GATEWAY, address) });
  if (address6 === null) return four;
  return join(four, on(TAP_HOP.inside6, 64, 'link'), on(address6, 128, 'universe'), outward6());
}

function hop({ address6 }: Shape): Face {
  const routes = outward(TAP_HOP.host, TAP_HOP.inside);
  const four = join(on(TAP_HOP.inside, 32, 'link'), { addresses: [], routes });
  return address6 === null ? four : join(four, on(TAP_HOP.inside6, 64, 'link'), outward6());
}

function guestSide({ address, address6, tap }: Shape): Face {
  // What a clone takes for its address is no part of a slot, either.
  const guest = address === null ? null : (tap?.guestAddress ?? address);
  const four: Way[] = guest === null ? [] : [{ destination: guest, prefix: 32, scope: 'link', source: GATEWAY }];
  const face = join(on(GATEWAY, 32, 'link'), { addresses: [], routes: four });
  if (address6 === null) return face;
  const six: Way = { destination: address6, prefix: 128, scope: 'universe' };
  return join(face, on(GATEWAY6, 64, 'link'), { addresses: [], routes: [six] });
}

function bridged({ address, address6, attachment, mac }: Shape): Face {
  if (attachment.mode !== 'bridge') return NOTHING;
  const { prefix, gateway, prefix6, gateway6 } = attachment;
  const via = (next: string | null): Face => ({
    addresses: [],
    routes: next === null ? [] : [{ prefix: 0, scope: 'universe', gateway: next }],
  });
  const four = address === null ? NOTHING : join(on(address, prefix, 'universe'), via(gateway));
  if (address6 === null || prefix6 === null) return four;
  return join(four, on(linkLocal(mac), 64, 'link'), on(address6, prefix6, 'universe'), via(gateway6));
}

/** Many share a bridge, so that each needs its own: the modified EUI-64 of RFC 4291, appendix A. */
function linkLocal(mac: string): string {
  const bytes = mac.split(':');
  const [first = '00'] = bytes;
  const flipped = (Number.parseInt(first, 16) ^ 2).toString(16).padStart(2, '0');
  const id = [flipped, ...bytes.slice(1, 3), 'ff', 'fe', ...bytes.slice(3)].join('');
  return formatIp(6, BigInt(`0xfe80000000000000${id}`));
}

function outward(gateway: string, source: string): Way[] {
  return [
    { destination: gateway, prefix: 32, scope: 'link', source },
    { prefix: 0, scope: 'universe', gateway, source },
  ];
}

function outward6(): Face {
  return { addresses: [], routes: [{ prefix: 0, scope: 'universe', gateway: GATEWAY6 }] };
}

function on(address: string, prefix: number, scope: Scope): Face {
  return { addresses: [{ address, prefix, scope }], routes: [] };
}

function join(...faces: readonly Face[]): Face {
  return { addresses: faces.flatMap((face) => face.addresses), routes: faces.flatMap((face) => face.routes) };
}

/** A sandbox, or a slot: then without addresses. */
export type Base = Shape & Pick<SandboxNetwork, 'hostLink' | 'owner' | 'mtu' | 'group' | 'given'>;

export type Bare = Base & { readonly netns: string };
