// Stands before a scheduler and does to its answers what networks, proxies and hosts do to them, from a stage of the
// conversation on. What the agent sends reaches the scheduler until then.
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { BlackHole } from './black-hole.js';

/**
 * Where the fault begins: with the first SYN, with the first byte of an answer, behind the HTTP handshake, or when `strike` is
 * called.
 */
export type Stage = 'connect' | 'answer' | 'hello' | 'session';

/**
 * `hang`: nothing more, and nothing is read; `trickle`: a byte at a time, never the last; `garbage`: other bytes; `close`: the
 * end; `flood`: bytes without end, and nothing is read; `deaf`: pings, and nothing is read; `late`: the answer, when the agent
 * has hung up; `drop`: of `connect`, each SYN is dropped.
 */
export type Fault = 'hang' | 'trickle' | 'garbage' | 'close' | 'flood' | 'deaf' | 'late' | 'drop';

export interface Plan {
  readonly stage: Stage;
  readonly fault: Fault;
}

const TRICKLE_MS = 20;
const GARBAGE = Buffer.alloc(64, 0xff);
/** Of HTTP a header without end; neither TLS nor a websocket. */
const FLOOD = Buffer.from('X-Flood: yes\r\n'.repeat(512));
/** Frames of a server are not masked. */
const PING = Buffer.from([0x89, 0x00]);
const REQUEST = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.ping', params: {} }));
const MESSAGE = Buffer.concat([Buffer.from([0x81, REQUEST.length]), REQUEST]);

export class FaultyFront {
  readonly #server: Server;
  readonly #target: number;
  /** Each with what it is joined to. */
  readonly #open = new Map<Socket, Socket>();
  #plan: Plan | undefined;
  /** In the place of the server until it is healed. */
  #hole: BlackHole | undefined;
  #struck = 0;

  private constructor(server: Server, target: number, plan: Plan, hole?: BlackHole) {
    this.#server = server;
    this.#target = target;
    this.#plan = plan;
    this.#hole = hole;
    server.on('connection', (agent) => this.#join(agent));
  }

  /** Listens on a free port, before the scheduler at `target`. */
  static async start(target: number, plan: Plan): Promise<FaultyFront> {
    const server = createServer();
    if (plan.stage === 'connect') return new FaultyFront(server, target, plan, await BlackHole.open());
    const front = new FaultyFront(server, target, plan);
    await new Promise<void>((resolve) => front.#server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get port(): number {
    return this.#hole?.port ?? (this.#server.address() as AddressInfo).port;
  }

  /** Connections that have met the fault. */
  get struck(): number {
    return this.#hole?.waiting ?? this.#struck;
  }

  /** Connections that the agent has not ended. */
  get open(): number {
    return this.#open.size;
  }

  /** The fault meets every connection that is open. */
  strike(): void {
    const plan = this.#plan;
    if (plan === undefined) return;
    for (const [agent, scheduler] of this.#open) {
      scheduler.unpipe();
      this.#meet(agent, plan.fault, MESSAGE);
    }
  }

  /** New connections meet no fault, and old ones are read, so that their end is seen. */
  async heal(): Promise<void> {
    this.#plan = undefined;
    const hole = this.#hole;
    await hole?.becomes(this.#server);
    this.#hole = undefined;
    for (const agent of this.#open.keys()) agent.resume();
  }

  async stop(): Promise<void> {
    for (const agent of this.#open.keys()) agent.destroy();
    this.#hole?.close();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(agent: Socket): void {
    const plan = this.#plan;
    const scheduler = createConnection(this.#target, '127.0.0.1');
    this.#open.set(agent, scheduler);
    for (const socket of [agent, scheduler]) socket.on('error', () => socket.destroy());
    agent.once('close', () => {
      this.#open.delete(agent);
      scheduler.destroy();
    });
    agent.pipe(scheduler);
    const strike = (answer: Buffer): void => {
      scheduler.removeAllListeners('data');
      if (plan !== undefined) this.#meet(agent, plan.fault, answer);
    };
    if (plan?.stage === 'answer') scheduler.once('data', strike);
    else if (plan?.stage === 'hello') afterHandshake(scheduler, agent, strike);
    else scheduler.pipe(agent);
  }

  #meet(agent: Socket, fault: Fault, answer: Buffer): void {
    this.#struck++;
    agent.unpipe();
    FAULTS[fault](agent, answer);
  }
}

/** Passes the HTTP handshake on, and gives the first byte behind it, and what is with it, to `strike`. */
function afterHandshake(scheduler: Socket, agent: Socket, strike: (bytes: Buffer) => void): void {
  let head = Buffer.alloc(0);
  const look = (bytes: Buffer): void => {
    const before = head.length;
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\r\n\r\n') + 4;
    if (end < 4 || end === head.length) return void agent.write(bytes);
    if (end > before) agent.write(head.subarray(before, end));
    strike(head.subarray(Math.max(end, before)));
  };
  scheduler.on('data', look);
}

const FAULTS: Readonly<Record<Fault, (agent: Socket, answer: Buffer) => void>> = {
  hang: (agent) => agent.pause(),
  trickle: (agent, answer) => {
    let sent = 0;
    repeat(agent, () => {
      if (sent < answer.length - 1) agent.write(answer.subarray(sent, ++sent));
    });
  },
  garbage: (agent) => {
    agent.resume();
    agent.write(GARBAGE);
  },
  close: (agent) => agent.destroy(),
  flood: (agent) => {
    agent.pause();
    const pour = (): void => {
      while (!agent.destroyed && agent.write(FLOOD));
    };
    agent.on('drain', pour);
    pour();
  },
  deaf: (agent) => {
    agent.pause();
    repeat(agent, () => agent.write(PING));
  },
  // The kernel does it.
  drop: () => undefined,
  late: (agent, answer) => {
    agent.resume();
    agent.once('end', () => agent.write(answer));
  },
};

function repeat(agent: Socket, step: () => void): void {
  const timer = setInterval(step, TRICKLE_MS);
  agent.once('close', () => clearInterval(timer));
}
