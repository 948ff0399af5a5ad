// A listener whose queue is full and of which nobody accepts: the kernel drops each further SYN, as a firewall or a dead host on the
// way does. Who dials it hears nothing at all.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Server, type Socket } from 'node:net';
import { closeDescriptor } from '../../../linux/fd.js';
import { check, func } from '../../../linux/libc.js';

const libc = {
  socket: func('int socket(int domain, int type, int protocol)'),
  bind: func('int bind(int fd, void *address, unsigned int length)'),
  listen: func('int listen(int fd, int backlog)'),
  getsockname: func('int getsockname(int fd, void *address, void *length)'),
};
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK_CLOEXEC = 0o2004000;
const SYN_SENT = '02';

export class BlackHole {
  readonly port: number;
  readonly #fd: number;
  /** In the queue, which a backlog of 0 makes one long. */
  readonly #filler: Socket;
  #accepted = false;

  private constructor(fd: number, port: number, filler: Socket) {
    this.#fd = fd;
    this.port = port;
    this.#filler = filler;
  }

  /** On a free port of 127.0.0.1. */
  static async open(): Promise<BlackHole> {
    const fd = check(libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, 0), 'socket');
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET);
    address.set([127, 0, 0, 1], 4);
    check(libc.bind(fd, address, address.length), 'bind');
    check(libc.listen(fd, 0), 'listen');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(address.length);
    check(libc.getsockname(fd, address, length), 'getsockname');
    const port = address.readUInt16BE(2);
    const filler = createConnection(port, '127.0.0.1');
    await once(filler, 'connect');
    filler.on('error', () => filler.destroy());
    return new BlackHole(fd, port, filler);
  }

  /** Connections that wait for an answer to their SYN. */
  get waiting(): number {
    const peer = `0100007F:${this.port.toString(16).toUpperCase().padStart(4, '0')}`;
    const lines = readFileSync('/proc/self/net/tcp', 'utf8').split('\n');
    return lines.filter((line) => {
      const [, , remote, state] = line.trim().split(/\s+/);
      return remote === peer && state === SYN_SENT;
    }).length;
  }

  /** `server` accepts from now on what comes to this port, and has the descriptor. */
  async becomes(server: Server): Promise<void> {
    this.#accepted = true;
    server.listen({ fd: this.#fd });
    await once(server, 'listening');
    this.#filler.destroy();
  }

  close(): void {
    this.#filler.destroy();
    if (!this.#accepted) closeDescriptor(this.#fd);
    this.#accepted = true;
  }
}
