// What workloads hold of the node's network: addresses, ports of the host, a group number for their tenant. In memory;
// durable as part of each workload's record, from which it is rebuilt at every start.
import type { Cidr } from '../../netns/addresses/cidr.js';
import { AddressPool, type Utilisation } from '../../netns/addresses/pool.js';
import { BerthError } from '../../protocol/errors.js';
import { parseAddress } from '../base/cidr.js';
import type { VsockRange } from '../config/network.js';
import type { Config } from '../config/schema.js';
import type { Refusal } from '../model/capacity.js';
import type { Sandbox } from '../model/record.js';
import { type WorkloadSpec, wantsVsock } from '../model/spec.js';
import { attachmentOf, hasAddress, mtuOf, wantsIpv6 } from './attachment.js';
import { Groups } from './groups.js';
import { keyOf, type Port, PublishedPorts } from './published.js';
import { VsockIds } from './vsock-ids.js';

/** The part of a sandbox that is granted rather than derived from the id. */
export type Claim = Pick<Sandbox, 'address' | 'address6' | 'mtu' | 'group' | 'attachment' | 'vsockId'>;

/** Those that it must have: a guest that comes back takes them for its own. */
export type Addresses = Pick<Sandbox, 'address' | 'address6'>;

export const NO_CLAIM: Claim = {
  address: null,
  address6: null,
  mtu: null,
  group: null,
  attachment: null,
  vsockId: null,
};

type Claimed = Pick<WorkloadSpec, 'id' | 'tenant' | 'network' | 'qemu' | 'external'>;

/** How full a pool is, by the key of the configuration that names it. */
export interface PoolUsage extends Utilisation {
  readonly pool: string;
}

export class Claims {
  readonly #config: Config['network'];
  readonly #pools = new Map<string, AddressPool>();
  readonly #groups = new Groups();
  readonly #ports = new PublishedPorts();
  readonly #vsock: VsockIds;
  /** Who holds an address. */
  readonly #holders = new Set<string>();

  /** `vsock`: network.vsock_ids, parsed. */
  constructor(config: Config['network'], vsock: VsockRange) {
    this.#config = config;
    this.#vsock = new VsockIds(vsock);
    this.#open('network.pool', config.pool);
    this.#open('network.pool6', config.pool6);
    for (const [name, { pool, pool6, addresses, gateway }] of Object.entries(config.bridge)) {
      const taken = [...addresses, gateway].filter((text) => text !== '').map((text) => text.split('/')[0] ?? '');
      this.#open(`network.bridge.${name}.pool`, pool, taken);
      this.#open(`network.bridge.${name}.pool6`, pool6, taken);
    }
  }

  /** Addresses for routed workloads: the dimension of the ledger. */
  get routable(): number {
    return this.#pools.get('network.pool')?.total ?? 0;
  }

  /** Vsock ids for guests, without those that are kept out of use: the dimension of the ledger. */
  get vsockIds(): number {
    return this.#vsock.total;
  }

  pools(): PoolUsage[] {
    return [...this.#pools].map(([name, pool]) => ({ pool: name, ...pool.utilisation() }));
  }

  /** Why `spec` cannot have what it asks for, beside what the ledger says. What its id holds is not counted. */
  refusals({ id, network }: Pick<WorkloadSpec, 'id' | 'network'>): Refusal[] {
    const taken = this.#ports.conflicts(id, network.ports).map(({ port, holder }) => portRefusal(port, holder));
    if (network.mode !== 'bridge') return taken;
    const name = keyFor(network, 4);
    const pool = this.#pools.get(name);
    if (pool === undefined || pool.free > 0 || this.#holders.has(id)) return taken;
    const { total } = pool;
    const hint = `Delete workloads on ${network.bridge}, or widen ${name}.`;
    return [...taken, refusal('addresses', `bridge/${network.bridge}`, total, hint)];
  }

  /** Throws `address_pool_exhausted`, `address_in_use` for one of `wanted`; ports must have been asked for with `refusals`. */
  claim(spec: Claimed, wanted?: Addresses): Claim {
    const { id, tenant, network } = spec;
    const vsockId = wantsVsock(spec) ? this.#leaseVsock(id) : null;
    if (!hasAddress(network)) return { ...NO_CLAIM, vsockId };
    const address = this.#lease(id, keyFor(network, 4), wanted?.address);
    const address6 = wantsIpv6(network, this.#config) ? this.#lease(id, keyFor(network, 6), wanted?.address6) : null;
    this.#holders.add(id);
    this.#ports.hold(id, network.ports);
    const group = this.#groups.of(id, tenant);
    return {
      address,
      address6,
      group,
      mtu: mtuOf(network, this.#config),
      attachment: attachmentOf(network, this.#config),
      vsockId,
    };
  }

  /** First of all, when records are read: the numbers in them stay, whatever others need. */
  restoreGroups(
    records: readonly { readonly id: string; readonly spec: { readonly tenant: string }; readonly sandbox: Sandbox }[],
  ): void {
    for (const { id, spec, sandbox } of records)
      if (sandbox.group !== null) this.#groups.restore(id, spec.tenant, sandbox.group);
  }

  /**
   * Takes up what a record says; the answer has the group number that is right for it now. `kept`: addresses that a guest on disk will
   * want again, which are nobody's meanwhile.
   */
  restore(spec: Claimed, sandbox: Sandbox, settled: boolean, kept?: Addresses): Sandbox {
    const { id, tenant, network } = spec;
    if (!settled && sandbox.vsockId !== null) this.#vsock.restore(id, sandbox.vsockId);
    if (!hasAddress(network)) return sandbox;
    if (kept?.address != null) this.#pools.get(keyFor(network, 4))?.rest(kept.address);
    if (kept?.address6 != null) this.#pools.get(keyFor(network, 6))?.rest(kept.address6);
    const group =
      sandbox.group === null ? this.#groups.of(id, tenant) : this.#groups.restore(id, tenant, sandbox.group);
    if (!settled) {
      if (sandbox.address !== null) this.#pools.get(keyFor(network, 4))?.restore(id, sandbox.address);
      if (sandbox.address6 !== null) this.#pools.get(keyFor(network, 6))?.restore(id, sandbox.address6);
      this.#holders.add(id);
      this.#ports.hold(id, network.ports);
    }
    return group === sandbox.group ? sandbox : { ...sandbox, group };
  }

  holdPorts(id: string, ports: readonly Port[]): void {
    this.#ports.hold(id, ports);
  }

  portsOf(id: string): readonly Port[] {
    return this.#ports.holds(id);
  }

  /** The sandbox is gone: addresses and ports are free. The tenant's number stays while the workload is known. */
  release(id: string): void {
    this.#holders.delete(id);
    for (const pool of this.#pools.values()) pool.release(id);
    this.#ports.release(id);
    this.#vsock.release(id);
  }

  /** The workload is no more. */
  forget(id: string): void {
    this.release(id);
    this.#groups.forget(id);
  }

  /** Leases nothing out of these networks, which the host uses; see AddressPool. */
  avoid(networks: readonly Cidr[]): void {
    for (const pool of this.#pools.values()) pool.avoid(networks);
  }

  /** Keeps an address out of use under `key`, which no workload id can be; false when someone has it. */
  hold(key: string, address: string): boolean {
    return this.#poolsOf(address).some((pool) => pool.restore(key, address));
  }

  /** The same for a vsock id. */
  holdVsockId(key: string, vsockId: number): boolean {
    return this.#vsock.keep(key, vsockId);
  }

  unhold(key: string): void {
    for (const pool of this.#pools.values()) pool.release(key);
    this.#vsock.release(key);
  }

  /** Numbers that links without a record carry. */
  avoidGroups(groups: ReadonlySet<number>): void {
    this.#groups.avoid(groups);
  }

  #open(name: string, cidr: string, exclude: readonly string[] = []): void {
    if (cidr !== '') this.#pools.set(name, new AddressPool(cidr, { exclude }));
  }

  #poolsOf(address: string): AddressPool[] {
    const six = parseAddress(address)?.family === 6;
    return [...this.#pools].filter(([name]) => name.endsWith('pool6') === six).map(([, pool]) => pool);
  }

  #leaseVsock(id: string): number {
    const number = this.#vsock.lease(id);
    // The ledger counts them, and has refused what does not fit.
    if (number === undefined) throw new BerthError('internal', 'no vsock id of network.vsock_ids is free');
    return number;
  }

  #lease(id: string, name: string, wanted?: string | null): string {
    const pool = this.#pools.get(name);
    if (wanted != null) {
      if (pool?.restore(id, wanted)) return wanted;
      this.release(id);
      throw new BerthError(
        'address_in_use',
        `${wanted}, which the guest takes for its address, is not free in ${name}`,
        {
          hint: 'Stop the workload that has it, or delete the snapshot: `berth workload delete-snapshot ID NAME`; then this one boots.',
          data: { address: wanted },
        },
      );
    }
    const address = pool?.lease(id);
    if (address !== undefined) return address;
    this.release(id);
    throw new BerthError('address_pool_exhausted', `no address of ${name} is free`, {
      hint: `Delete workloads or widen ${name}.`,
    });
  }
}

function keyFor({ mode, bridge }: WorkloadSpec['network'], family: 4 | 6): string {
  return `network.${mode === 'bridge' ? `bridge.${bridge}.` : ''}${family === 4 ? 'pool' : 'pool6'}`;
}

/** `holder`: a workload, or null for a process of the host. */
export function portRefusal(port: Port, holder: string | null): Refusal {
  const who = holder === null ? 'a process of this host' : `workload "${holder}"`;
  const scope = `${keyOf(port)} (${who})`;
  const look = holder === null ? ` \`ss -ln${port.protocol[0]}p sport = ${port.host}\` shows who has it.` : '';
  return { ...refusal('ports', scope, 1, `Choose another host port.${look}`), ...(holder === null ? {} : { holder }) };
}

function refusal(dimension: Refusal['dimension'], scope: string, limit: number, hint: string): Refusal {
  return {
    code: 'admission_refused',
    dimension,
    scope,
    limit,
    used: limit,
    requested: 1,
    shortBy: 1,
    retryAfterMs: null,
    hint,
  };
}
