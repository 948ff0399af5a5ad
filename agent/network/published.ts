// Ports of the host that lead to workloads: one holder each, over all workloads of all tenants.
import { type HostPort, servedPorts } from '../../netns/servers.js';
import type { NetworkSpec } from '../model/network-spec.js';

export type Port = NetworkSpec['ports'][number];

export class PublishedPorts {
  readonly #holders = new Map<string, string>();
  readonly #held = new Map<string, readonly Port[]>();

  /** Those of `ports` that others than `id` hold, with their holders. */
  conflicts(id: string, ports: readonly Port[]): { readonly port: Port; readonly holder: string }[] {
    return ports.flatMap((port) => {
      const holder = this.#holders.get(keyOf(port));
      return holder === undefined || holder === id ? [] : [{ port, holder }];
    });
  }

  /** `id` holds exactly these from now on. What another holds stays with it. */
  hold(id: string, ports: readonly Port[]): void {
    this.release(id);
    const mine = ports.filter((port) => !this.#holders.has(keyOf(port)));
    for (const port of mine) this.#holders.set(keyOf(port), id);
    if (mine.length > 0) this.#held.set(id, mine);
  }

  holds(id: string): readonly Port[] {
    return this.#held.get(id) ?? [];
  }

  release(id: string): void {
    for (const port of this.holds(id)) this.#holders.delete(keyOf(port));
    this.#held.delete(id);
  }
}

/** `tcp/8080` */
export function keyOf({ protocol, host }: Pick<Port, 'protocol' | 'host'>): string {
  return `${protocol}/${host}`;
}

/**
 * Those of `ports` that a process of this host serves, on any address and in either family: a server on 127.0.0.1 alone
 * would lose its clients to the workload as well. What the packet filter publishes is no socket and does not count. Asks
 * and binds nothing, so that neither another program's bind nor a second question at the same time can fail for it.
 */
export function portsTaken(ports: readonly Port[]): readonly Port[] {
  const served = new Set(servedPorts(ports.map(({ protocol, host }) => ({ protocol, port: host }))).map(textOf));
  return ports.filter(({ protocol, host }) => served.has(textOf({ protocol, port: host })));
}

function textOf({ protocol, port }: HostPort): string {
  return `${protocol}/${port}`;
}
