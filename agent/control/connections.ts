// The connections of a listener, from the first byte on: how many there may be, and how long one may take to become a
// session. Before the handshake node:http knows them and after it ws does; neither counts both.
import type { Duplex } from 'node:stream';

export interface ConnectionLimits {
  /** A quarter of them is kept for root: others cannot keep an operator out. */
  readonly connections: number;
  readonly handshakeMs: number;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  /** Those without a handshake yet have a deadline. */
  readonly #open = new Map<Duplex, NodeJS.Timeout | undefined>();
  /** Of them, those that are not root's. */
  #others = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  opened(socket: Duplex, isRoot: boolean): void {
    const { connections } = this.#limits;
    const full =
      this.#open.size >= connections || (!isRoot && this.#others >= connections - Math.floor(connections / 4));
    if (full) {
      socket.on('error', () => socket.destroy());
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      // Whoever does not read the answer does not keep the descriptor either.
      setImmediate(() => socket.destroy());
      return;
    }
    // Of the whole handshake: the timeouts of node:http begin anew with each byte or are looked at seldom.
    const late = setTimeout(() => socket.destroy(), this.#limits.handshakeMs).unref();
    this.#open.set(socket, late);
    if (!isRoot) this.#others++;
    socket.once('close', () => {
      clearTimeout(this.#open.get(socket));
      this.#open.delete(socket);
      if (!isRoot) this.#others--;
    });
  }

  /** The handshake is over. */
  agreed(socket: Duplex): void {
    clearTimeout(this.#open.get(socket));
    if (this.#open.has(socket)) this.#open.set(socket, undefined);
  }

  cutHandshakes(): void {
    for (const [socket, late] of this.#open) if (late !== undefined) socket.destroy();
  }

  cutAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}
