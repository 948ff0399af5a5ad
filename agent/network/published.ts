// Ports of the host that lead to workloads: one holder each, over all workloads of all tenants.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { codeOf } from '../../linux/errors.js';
import type { NetworkSpec } from '../workload/network-spec.js';

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
 * Whether a process of this host has the port, on any address. Asked by taking it for a moment, in both families apart:
 * what is published by the packet filter is no socket and does not count.
 */
export async function isTaken({ protocol, host }: Pick<Port, 'protocol' | 'host'>): Promise<boolean> {
  const bind = protocol === 'tcp' ? bindTcp : bindUdp;
  return (await refused(() => bind(host, 4))) || (await refused(() => bind(host, 6)));
}

/** Any other refusal (no IPv6 on this host) says nothing about the port. */
async function refused(bind: () => Promise<void>): Promise<boolean> {
  try {
    await bind();
    return false;
  } catch (error) {
    return codeOf(error) === 'EADDRINUSE';
  }
}

async function bindTcp(port: number, family: 4 | 6): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  const address = family === 4 ? { host: '0.0.0.0' } : { host: '::', ipv6Only: true };
  server.listen({ port, exclusive: true, ...address });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

async function bindUdp(port: number, family: 4 | 6): Promise<void> {
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
  const bound = once(socket, 'listening');
  socket.bind({ port, exclusive: true });
  try {
    await bound;
  } finally {
    socket.close();
  }
}
