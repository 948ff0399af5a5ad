// Requests over one rtnetlink socket: sequence numbers, acknowledgements, dumps. Synchronous, because the kernel
// executes requests inside send(2).
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { NetlinkSocket } from '../linux/netlink-socket.js';
import { NLM_F, NLMSG, RTM } from './netlink/constants.js';
import { dumpLinks, getLink, type Link, parseLink } from './netlink/link.js';
import { type Message, parseAcknowledgement, parseMessages, setSequence } from './netlink/message.js';

/** One request with the words for its error. `tolerate`: errno values that are an answer rather than a failure. */
export interface Request {
  readonly message: Buffer;
  readonly op: string;
  readonly path: string;
  readonly value?: string;
  readonly tolerate?: readonly number[];
}

/** The part of NetlinkSocket that is needed here; a test plays the kernel through it. */
export interface Transport {
  send(data: Buffer): void;
  receive(): Buffer;
  close(): void;
}

const DUMP_ATTEMPTS = 10;
const { EAGAIN, ENOBUFS, ENODEV } = constants.errno;

export class Rtnl {
  readonly #socket: Transport;
  #sequence = 1;

  constructor(socket: Transport = NetlinkSocket.open()) {
    this.#socket = socket;
  }

  /**
   * Sends all requests in one datagram; the kernel executes every one of them in order, also behind a failed one.
   * Returns the errno of each (0 or tolerated); throws SysError with the kernel's own words for the first other one.
   */
  transact(requests: readonly Request[], visit: (reply: Message) => void = ignore): number[] {
    if (requests.length === 0) return [];
    const first = this.#sequence;
    this.#sequence += requests.length;
    requests.forEach((request, position) => {
      setSequence(request.message, first + position);
    });
    this.#socket.send(Buffer.concat(requests.map((request) => request.message)));
    const results: number[] = [];
    let failure: SysError | undefined;
    while (results.length < requests.length) {
      for (const reply of parseMessages(this.#receive())) {
        const request = requests[reply.sequence - first];
        if (request === undefined) continue;
        if (reply.type !== NLMSG.ERROR) {
          visit(reply);
          continue;
        }
        const { errno, text } = parseAcknowledgement(reply);
        results.push(errno);
        if (errno === 0 || request.tolerate?.includes(errno) === true) continue;
        const value = request.value === undefined ? {} : { value: request.value };
        const note = text === undefined ? {} : { note: text };
        failure ??= new SysError(request.op, errno, { path: request.path, ...value, ...note });
      }
    }
    if (failure !== undefined) throw failure;
    return results;
  }

  /**
   * Dumps until the kernel gives a consistent answer: NLM_F_DUMP_INTR says that the table changed meanwhile and
   * entries may be missing or doubled. `start` is called before each attempt. Throws SysError EAGAIN after ten.
   */
  dump(message: Buffer, op: string, start: () => void, visit: (reply: Message) => void): void {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      start();
      if (this.#dumpOnce(message, op, visit)) return;
    }
    throw new SysError(op, EAGAIN, { note: `the table changed during each of ${DUMP_ATTEMPTS} dumps` });
  }

  /** The link of this name or index, or undefined. */
  link(which: { readonly name: string } | { readonly index: number }): Link | undefined {
    let found: Link | undefined;
    const path = 'name' in which ? which.name : `#${which.index}`;
    const request = { message: getLink(which), op: 'RTM_GETLINK', path, tolerate: [ENODEV] };
    this.transact([request], (reply) => {
      if (reply.type === RTM.NEWLINK) found = parseLink(reply);
    });
    return found;
  }

  /** All links for which `keep` says yes. `counters` asks for IFLA_STATS64 too. */
  links(keep: (link: Link) => boolean, options: { readonly counters: boolean }): Link[] {
    let links: Link[] = [];
    const restart = () => {
      links = [];
    };
    this.dump(dumpLinks(options.counters), 'RTM_GETLINK dump', restart, (reply) => {
      if (reply.type !== RTM.NEWLINK) return;
      const link = parseLink(reply);
      if (keep(link)) links.push(link);
    });
    return links;
  }

  close(): void {
    this.#socket.close();
  }

  #dumpOnce(message: Buffer, op: string, visit: (reply: Message) => void): boolean {
    const sequence = this.#sequence++;
    setSequence(message, sequence);
    this.#socket.send(message);
    let consistent = true;
    for (;;) {
      for (const reply of parseMessages(this.#receive())) {
        if (reply.sequence !== sequence) continue;
        if ((reply.flags & NLM_F.DUMP_INTR) !== 0) consistent = false;
        if (reply.type === NLMSG.DONE || reply.type === NLMSG.ERROR) {
          const { errno, text } = parseAcknowledgement(reply);
          if (errno !== 0) throw new SysError(op, errno, text === undefined ? {} : { note: text });
          return consistent;
        }
        visit(reply);
      }
    }
  }

  #receive(): Buffer {
    try {
      return this.#socket.receive();
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== ENOBUFS) throw error;
      const note = 'the kernel dropped answers; the outcome is unknown, repeat the call';
      throw new SysError('recv', ENOBUFS, { path: 'netlink', note });
    }
  }
}

function ignore(): void {}
