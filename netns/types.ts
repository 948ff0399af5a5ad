// The face of this room: what the agent may ask, in the kernel's words. Nothing here knows a workload or a tenant.

import type { Members } from '../linux/namespace-holders.js';
import type { HostNetworks } from './addresses/conflict.js';
import type { Hint } from './monitor/hints.js';

/** The gateway every routed workload sees, link-local on each veth, so that no address of a pool is spent; GATEWAY6 for IPv6. */
export const GATEWAY = '169.254.1.1';
export const GATEWAY6 = 'fe80::1';
/** `op` of the SysError EEXIST that says that another caller has a namespace of this name; its `value` is their tag. */
export const CLAIM = 'claim namespace';

/**
 * One sandbox network. All names are the caller's. `netns` with a veth pair (container), with a tap behind it (microVM),
 * or, without `netns`, a tap on the host that any VMM may open.
 */
export interface SandboxNetwork {
  /** Name in /run/netns, at most 64 of [a-z0-9-]; null: no namespace, `hostLink` is the tap. */
  readonly netns: string | null;
  /** Host end of the veth pair, or the tap; at most 15 characters (IFNAMSIZ - 1). Inside, the peer is `eth0`. */
  readonly hostLink: string;
  /** IPv4 address of the workload, dotted. */
  readonly address: string;
  /** IPv6 address of the workload; null: IPv6 is off in the namespace and on the host end. */
  readonly address6: string | null;
  /** Address of eth0 or of the guest's NIC, aa:bb:cc:dd:ee:ff. */
  readonly mac: string;
  /** Written to ifalias of every link as the owner tag, e.g. `berth:1a2b3c4d:web-1`. */
  readonly owner: string;
  readonly mtu: number;
  /** IFLA_GROUP of the host end, 1 to 2^31-1: routed traffic passes only between links of one group. */
  readonly group: number;
  readonly attachment: Attachment;
  readonly tap: Tap | null;
  /** The namespace is another runtime's, which has made it; absent: it is made here. */
  readonly given?: Given;
  readonly bandwidth: Bandwidth;
  readonly firewall: Firewall;
}

/** `routed`: /32 and /128 routes to the host end, no bridge: thousands to a host. */
export type Attachment = { readonly mode: 'routed' } | BridgePort;

/** The host end is a port of a bridge, at most 1,023 to one (BR_PORT_BITS in net/bridge/br_private.h). */
export interface BridgePort {
  readonly mode: 'bridge';
  readonly bridge: string;
  /** Length of the network that the bridge carries, and where the rest is; null: no way out. */
  readonly prefix: number;
  readonly gateway: string | null;
  /** The same for IPv6; null without `address6`. */
  readonly prefix6: number | null;
  readonly gateway6: string | null;
  /** IFLA_BRPORT_ISOLATED: reaches the bridge and its uplink, not other isolated ports. */
  readonly isolated: boolean;
  /** Access VLAN of the port; null: none. The bridge must filter. */
  readonly vlan: number | null;
}

/**
 * A namespace that another runtime has made and takes away. It gets the name `netns` as well, and nothing in it changes
 * but the tag of `lo`, which comes up, and the link that is made.
 */
export interface Given {
  /** The file that leads to it, until it has its name. */
  readonly path: string;
  /** Of the namespace; what has another one at the path is refused. Null: not known. */
  readonly inode: number | null;
  /** Instead of `eth0`. */
  readonly link: string;
}

/** A persistent tap, IFF_NO_PI. The address then belongs to the guest. */
export interface Tap {
  /** Inside the namespace; on the host (`netns` null) it is `hostLink`. */
  readonly name: string;
  /** The only user, besides root, that may open it. */
  readonly uid: number;
  /** IFF_MULTI_QUEUE: the VMM attaches up to 256 queues; it must then open the tap with the flag, too. */
  readonly multiQueue: boolean;
  /** IFF_VNET_HDR: frames carry a virtio_net_hdr (offloads). QEMU and Cloud Hypervisor want it, Firecracker as well. */
  readonly vnetHeader: boolean;
  /** What the guest of a snapshot believes to be its address; translated to `address` in the namespace. Null: `address`. */
  readonly guestAddress: string | null;
}

/** Token buckets at the host end; null: not limited. `ingress` is towards the workload. Changed live. */
export interface Bandwidth {
  readonly ingress: Rate | null;
  readonly egress: Rate | null;
}

export interface Rate {
  readonly bitsPerSecond: number;
  /** Bytes that may pass at once; null: max(rate x 5 ms, 10 x MTU). */
  readonly burstBytes: number | null;
}

/**
 * What the packet filter knows of one sandbox: elements of static sets, and for an egress list an element that leads to
 * the chain of that list, which all sandboxes with the same list share. Changed live.
 */
export interface Firewall {
  /** Networks in CIDR form, IPv4 or IPv6; the longest prefix wins, on a tie `deny`. */
  readonly egress: {
    readonly default: 'allow' | 'deny';
    readonly allow: readonly string[];
    readonly deny: readonly string[];
  };
  /** Whether the cloud's metadata addresses (169.254.169.254, fd00:ec2::254) may be reached. */
  readonly metadata: boolean;
  /** Ports of the host's addresses that lead to ports of the workload. */
  readonly ports: readonly PublishedPort[];
  /**
   * Who may open connections to it beside its published ports; the host itself always may. `group`: routed links of its group.
   * `any`: whoever has a route to it, but for links of other groups.
   */
  readonly reachable: 'published' | 'group' | 'any';
  /** Tracked connections at most, both directions together; null: not limited. */
  readonly connections: number | null;
  /** Packets per second at most; null: not limited. */
  readonly packets: { readonly ingress: number | null; readonly egress: number | null };
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  readonly host: number;
  readonly guest: number;
  /** Networks in CIDR form that it is open to; undefined: every address. */
  readonly from?: readonly string[];
}

/** What is set up once for all sandboxes. */
export interface RoomSettings {
  /** Name of the nft tables (inet, and bridge where there are bridges). */
  readonly table: string;
  /** Links whose name starts with this are ours. */
  readonly linkPrefix: string;
  /** Names in /run/netns that start with this are ours. */
  readonly netnsPrefix: string;
  /** Networks in CIDR form whose traffic to the outside takes the host's address (masquerade). */
  readonly masquerade: readonly string[];
  readonly bridges: readonly Bridge[];
  /** Whether workloads may open connections to the host itself. */
  readonly hostAccess: boolean;
  /** New connections per second that one workload may open, and four times as many at once; 0: any number. */
  readonly connectionRate: number;
  /** Namespaces made ahead; null: none. */
  readonly slots: SlotSettings | null;
  readonly tags: OwnTags;
}

/** Whose the things are that no sandbox has alone. Another caller on this host has others, and none are changed that carry those. */
export interface OwnTags {
  /** What all tags of all callers begin with, e.g. `berth:`. */
  readonly prefix: string;
  /** ifalias of `lo` in each namespace that is made here, e.g. `berth:1a2b3c4d`; below 256 bytes, as all of these. */
  readonly namespace: string;
  /** ifalias of the host link of a ready slot. */
  readonly slot: string;
  /** ifalias of bridges made at setup. */
  readonly bridge: string;
  /** `owner`: told by our nft tables. `instead`: name of those where another caller has the one that is asked for. */
  readonly table: { readonly owner: string; readonly instead: string };
  /** What an earlier version wrote instead: taken over as ours. Null: left alone, as it may be somebody else's. */
  readonly former: { readonly slot: string; readonly bridge: string } | null;
}

/** Slots are routed and without IPv6: with it, each of thousands of ready links would join MLD groups for nobody. */
export interface SlotSettings {
  /** Ready slots that are kept without a tap, and with one (`tap0`, one queue, virtio_net_hdr). */
  readonly veth: number;
  readonly tap: number;
  readonly mtu: number;
  /** Names in /run/netns are this and a number; no other name may begin with it. */
  readonly netnsPrefix: string;
}

export type SlotKind = 'veth' | 'tap';

/** A ready namespace with its links, waiting for an address and an owner. */
export interface Slot {
  readonly netns: string;
  readonly hostLink: string;
  /** Of eth0: a sandbox that takes it, too, saves setting another. */
  readonly mac: string;
  /** Counters of the host link now: what came before belongs to others. */
  readonly baseline: LinkStats;
}

export interface SlotCounts {
  readonly ready: Readonly<Record<SlotKind, number>>;
  /** Since the room was opened. */
  readonly handedOut: number;
  readonly recycled: number;
  readonly discarded: number;
  /**
   * Namespaces that the pool answers for: ready, in the making, or handed out and not back yet. Between the hand-out and
   * the caller's own record of it nobody else does.
   */
  readonly names: readonly string[];
}

export interface Bridge {
  /** Link name; one that exists without our tag (made by an administrator) is used and never changed. */
  readonly name: string;
  /** Addresses of the bridge with prefix, e.g. 10.140.0.1/24: the workloads' gateways. */
  readonly addresses: readonly string[];
  /** IFLA_BR_VLAN_FILTERING, needed by ports with a VLAN. */
  readonly vlanFiltering: boolean;
}

/** Something works in the sandbox. With its start time, as numbers of processes are given again; null: not known which. */
export interface Use {
  readonly process: { readonly pid: number; readonly startTime: number } | null;
}

/** What is to go of one sandbox; null: it has, or is meant to keep, no such thing. */
export interface Removal {
  readonly netns: string | null;
  readonly hostLink: string | null;
  readonly owner: string;
  /** The sandbox as it was made, for its elements in the firewall; null: unknown, `sweep` removes them. */
  readonly network: SandboxNetwork | null;
  /** Nothing in the namespace could change it (no CAP_NET_ADMIN): a slot is flushed and kept for the next. */
  readonly recycle: boolean;
}

/** Something that nobody explains, of which it is asked whether somebody is in it; null: it has no such part. */
export interface Stray {
  readonly netns: string | null;
  readonly hostLink: string | null;
}

/** `heldBy`: a sentence, null: nobody uses it. `tag`: ifalias of `lo` in the namespace; null: none, or there is no namespace. */
export interface StrayState {
  readonly heldBy: string | null;
  readonly tag: string | null;
}

/** A sandbox whose tags an earlier version wrote: `from` becomes `to` where it is found, and nothing else changes. */
export interface Retag {
  readonly netns: string | null;
  readonly hostLink: string | null;
  readonly from: string;
  readonly to: string;
}

/** What exists in the kernel and carries our tags; for the reaper. */
export interface OwnedNetwork {
  readonly netns: readonly string[];
  readonly links: readonly { readonly name: string; readonly owner: string; readonly index: number }[];
}

/** Counters of the host end of a link: rx is what the workload sent. Since creation of the link. */
export interface LinkStats {
  readonly name: string;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

export const DROP_REASONS = [
  'spoofed',
  'egress',
  'metadata',
  'isolation',
  'host',
  'connections',
  'packets',
  'midstream',
  'ingress',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Packets that the firewall has dropped of one sandbox, by its host link. */
export interface Drops {
  readonly link: string;
  readonly packets: Readonly<Partial<Record<DropReason, number>>>;
}

/** Traffic of ours that others drop. `offered` new connections left our chain, `passed` reached the wire. */
export interface Interference {
  readonly offered: number;
  readonly passed: number;
  /** Base chains of other tables on the way that may drop, e.g. `ip filter FORWARD (policy drop)`. */
  readonly suspects: readonly string[];
  readonly foreign: readonly ForeignTable[];
}

/** A table of this kind that another caller has made. */
export interface ForeignTable {
  /** With its family, e.g. `inet berth`. */
  readonly table: string;
  /** Null: it tells none. */
  readonly owner: string | null;
}

/** Something that is not as the sandbox says. */
export interface Finding {
  /** Owner tag of the sandbox; null: it concerns the host (a table, a bridge) or nobody known. */
  readonly owner: string | null;
  readonly kind: 'netns' | 'link' | 'address' | 'route' | 'firewall' | 'shaping' | 'table' | 'bridge';
  /** One sentence with the name of the object. */
  readonly detail: string;
}

/** A part of the setup that the kernel, or nft, refused. */
export interface SetupProblem {
  /** Null: the nft tables. */
  readonly bridge: string | null;
  readonly error: Error;
}

export interface CallOptions {
  /** Gives the call up. One that the worker does not have yet is not carried out then. */
  readonly signal?: AbortSignal | undefined;
}

/** A call on which the worker has been for longer than it may. */
export interface Overdue {
  readonly operation: string;
  readonly ageMs: number;
}

/**
 * Everything runs on one worker thread; errors are SysError with the kernel's extended acknowledgement text. Each call has a
 * deadline (deadlines.ts): when the worker hangs, calls reject with ETIMEDOUT, new ones at once, until it answers again.
 */
export interface NetworkRoom {
  /**
   * Loads the static nft tables, makes the bridges, begins to fill the slots. Idempotent; elements of sets survive. Resolves
   * with the parts that failed: the others stand, and all calls work on what stands.
   */
  setupParts(settings: RoomSettings): Promise<readonly SetupProblem[]>;
  /** The same; rejects with the first error. */
  setup(settings: RoomSettings): Promise<void>;
  /** A ready slot, from memory; undefined: none. What is acquired is created or given back. */
  acquire(kind: SlotKind): Slot | undefined;
  giveBack(slot: Slot): void;
  slots(): SlotCounts;
  /** Asked before each slot is made in the background. */
  refillWhen(mayRefill: () => boolean): void;
  /**
   * Idempotent: what exists already and fits is kept, what is half-made is completed, what differs is mended. A
   * namespace that lives without its name is bound to it again. `use`: this is a repair; what somebody holds is not made
   * anew then, and the call rejects with SysError EBUSY that says so.
   */
  create(network: SandboxNetwork, use?: Use, options?: CallOptions): Promise<void>;
  /** Changes bandwidth and firewall of a sandbox live; the rest of both must be equal. Idempotent. */
  update(from: SandboxNetwork, to: SandboxNetwork, options?: CallOptions): Promise<void>;
  /** A namespace with nothing but loopback, for workloads without a network. Idempotent. */
  createIsolated(netns: string, options?: CallOptions): Promise<void>;
  /**
   * Idempotent: removes links and namespace; missing ones are fine. Only links whose ifalias is `owner` go, and no
   * namespace that another caller has tagged.
   */
  remove(removal: Removal): Promise<void>;
  /** Objects whose netns name starts with `netnsPrefix` or whose ifalias starts with `ownerPrefix`. */
  list(
    prefixes: { readonly netnsPrefix: string; readonly ownerPrefix: string },
    options?: CallOptions,
  ): Promise<OwnedNetwork>;
  /**
   * For each, who is in the namespace behind it: a process, a descriptor or a socket; and whose tag it has.
   * One walk through all processes: for removals, not for a timer.
   */
  held(strays: readonly Stray[], options?: CallOptions): Promise<StrayState[]>;
  /** The processes in the namespace of this name. One look at each process of the host. `kill`: see membersOf in held-by.ts. */
  members(netns: string, options?: CallOptions & { readonly kill?: boolean }): Promise<Members>;
  /** Gives links and namespaces of sandboxes the tags of this version. Idempotent; what others have is left alone. */
  retag(sandboxes: readonly Retag[], options?: CallOptions): Promise<void>;
  /** Compares sandboxes with the kernel. Changes nothing. */
  audit(networks: readonly SandboxNetwork[]): Promise<Finding[]>;
  /** Removes elements of the firewall that belong to none of `networks`; returns how many. */
  sweep(networks: readonly SandboxNetwork[]): Promise<number>;
  /**
   * Calls back, within a second, when someone else has changed links, addresses, routes or our tables. Rejects with
   * SysError when that cannot be heard, e.g. EPERM without CAP_NET_BROADCAST.
   */
  watch(onHints: (hints: readonly Hint[]) => void): Promise<void>;
  /** Routes and addresses of the host, to compare pools with. */
  hostNetworks(): Promise<HostNetworks>;
  /** One RTM_GETLINK dump on the host, only links whose name starts with `linkPrefix`. */
  stats(linkPrefix: string): Promise<LinkStats[]>;
  /** What the firewall has dropped, only of links that it has dropped something of. */
  drops(): Promise<Drops[]>;
  interference(): Promise<Interference>;
  /** Removes the nft tables, the bridges that setup made, and ready slots. */
  teardown(settings: RoomSettings): Promise<void>;
  /** The call that the worker hangs on; undefined: it answers. */
  overdue(): Overdue | undefined;
  /** Calls back when `overdue` has come or gone. */
  onOverdue(listener: () => void): void;
  /** Finishes what is under way. A worker that hangs is not waited for. */
  close(): Promise<void>;
}
