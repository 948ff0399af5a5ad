// Requests over one netlink socket: sequence numbers, acknowledgements, dumps. Synchronous, because the kernel executes
// requests inside send(2). What is said in them is up to rtnl.ts and nfnl.ts.
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { NLM_F, NLMSG } from './netlink/constants.js';
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
  /** Absent where a test plays the kernel. */
  readonly port?: number;
  send(data: Buffer): void;
  receive(): Buffer;
  close(): void;
}

const DUMP_ATTEMPTS = 10;
const { EAGAIN, ENOBUFS, EPERM } = constants.errno;

export class NetlinkClient {
  readonly #socket: Transport;
  #sequence = 1;

  constructor(socket: Transport) {
    this.#socket = socket;
  }

  /**
   * Sends all requests in one datagram; the kernel executes every one of them in order, also behind a failed one.
   * Returns the errno of each (0 or tolerated); throws SysError with the kernel's own words for the first other one.
   */
  transact(requests: readonly Request[], visit: (reply: Message) => void = ignore): number[] {
    if (requests.length === 0) return [];
    const first = this.post(requests.map((request) => request.message));
    const results: number[] = [];
    let failure: SysError | undefined;
    while (results.length < requests.length) {
      for (const reply of this.read()) {
        const request = requests[reply.sequence - first];
        if (request === undefined) continue;
        if (reply.type !== NLMSG.ERROR) {
          visit(reply);
          continue;
        }
        const { errno, text } = parseAcknowledgement(reply);
        results.push(errno);
        if (errno === 0 || request.tolerate?.includes(errno) === true) continue;
        failure ??= refusal(request, errno, text);
        // nfnetlink refuses the whole datagram then, and says so once (nfnetlink_rcv in net/netfilter/nfnetlink.c).
        if (errno === EPERM) throw failure;
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

  /** The port that notifications of what was changed through this socket name; see NetlinkSocket. */
  get port(): number | undefined {
    return this.#socket.port;
  }

  /** What a dump finds, parsed one by one; undefined ones are left out. Throws SysError. */
  collect<T>(message: Buffer, op: string, parse: (reply: Message) => T | undefined): T[] {
    let found: T[] = [];
    const restart = () => {
      found = [];
    };
    this.dump(message, op, restart, (reply) => {
      const item = parse(reply);
      if (item !== undefined) found.push(item);
    });
    return found;
  }

  close(): void {
    this.#socket.close();
  }

  #dumpOnce(message: Buffer, op: string, visit: (reply: Message) => void): boolean {
    const sequence = this.post([message]);
    let consistent = true;
    for (;;) {
      for (const reply of this.read()) {
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

  /** Numbers the messages in place and sends them as one datagram; returns the number of the first. */
  protected post(messages: readonly Buffer[]): number {
    const first = this.#sequence;
    this.#sequence += messages.length;
    messages.forEach((message, position) => {
      setSequence(message, first + position);
    });
    this.#socket.send(Buffer.concat(messages));
    return first;
  }

  /** The messages of the next datagram, valid until the one after. */
  protected read(): Message[] {
    try {
      return parseMessages(this.#socket.receive());
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== ENOBUFS) throw error;
      const note = 'the kernel dropped answers; the outcome is unknown, repeat the call';
      throw new SysError('recv', ENOBUFS, { path: 'netlink', note });
    }
  }
}

/** The error for a request that the kernel refused. */
export function refusal(request: Request, errno: number, text: string | undefined): SysError {
  const value = request.value === undefined ? {} : { value: request.value };
  const note = text === undefined ? {} : { note: text };
  return new SysError(request.op, errno, { path: request.path, ...value, ...note });
}

function ignore(): void {}
