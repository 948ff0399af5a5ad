// The face of this room: what the agent may ask, in the kernel's words. Nothing here knows a workload or a tenant.

/** One sandbox network, routed: no bridge, /32 addresses. All names are the caller's, deterministic from its id. */
export interface SandboxNetwork {
  /** Name in /run/netns, at most 64 of [a-z0-9-]. */
  readonly netns: string;
  /** Host end of the veth pair, at most 15 characters (IFNAMSIZ - 1). Inside the namespace the peer is `eth0`. */
  readonly hostLink: string;
  /** IPv4 address of the workload, dotted. */
  readonly address: string;
  /** Address of eth0 or of the guest's NIC, aa:bb:cc:dd:ee:ff. */
  readonly mac: string;
  /** Written to ifalias of every link as the owner tag, e.g. `berth:web-1`. */
  readonly owner: string;
  readonly mtu: number;
  /**
   * Present for microVMs: a persistent tap of this name inside the namespace; the address then belongs to the guest
   * and the namespace routes between eth0 and the tap.
   */
  readonly tap?: { readonly name: string; readonly uid: number };
}

/** The gateway every workload sees, link-local on both sides of each veth, so that no address of the pool is spent. */
export const GATEWAY = '169.254.1.1';

/** What is to go of one sandbox; null: it has, or is meant to keep, no such thing. */
export interface Removal {
  readonly netns: string | null;
  readonly hostLink: string | null;
  readonly owner: string;
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

/** Everything runs on one worker thread; errors are SysError with the kernel's extended acknowledgement text. */
export interface NetworkRoom {
  /** Loads the static nft table (masquerade of `pool` leaving through links that are not ours). Idempotent. */
  setup(options: { readonly pool: string; readonly linkPrefix: string; readonly table: string }): Promise<void>;
  /** Idempotent: what exists already and fits is kept, what is half-made is completed. */
  create(network: SandboxNetwork): Promise<void>;
  /** A namespace with nothing but loopback, for workloads without a network. Idempotent. */
  createIsolated(netns: string): Promise<void>;
  /** Idempotent: removes link, tap and namespace; missing ones are fine. Only links whose ifalias is `owner` go. */
  remove(removal: Removal): Promise<void>;
  /** Objects whose netns name starts with `netnsPrefix` or whose ifalias starts with `ownerPrefix`. */
  list(prefixes: { readonly netnsPrefix: string; readonly ownerPrefix: string }): Promise<OwnedNetwork>;
  /** One RTM_GETLINK dump on the host, only links whose name starts with `linkPrefix`. */
  stats(linkPrefix: string): Promise<LinkStats[]>;
  /** Removes the nft table. */
  teardown(table: string): Promise<void>;
  close(): Promise<void>;
}
