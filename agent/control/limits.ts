// What one connection may cost the agent.

export interface Limits {
  /** Open at once, of one session. */
  readonly streams: number;
  /** Bytes of one message to the agent. */
  readonly messageBytes: number;
  /** Bytes of one answer; one that would be longer is an error, counted before it is made. */
  readonly replyBytes: number;
  readonly requestsInFlight: number;
  readonly requestsPerSecond: number;
  /** Open at once on the local socket, handshakes included. */
  readonly connections: number;
  /** Milliseconds that a connection may take to become a session. */
  readonly handshakeMs: number;
  /** Milliseconds that a dial may take, from the first credential file to the end of the websocket handshake. */
  readonly dialMs: number;
  /** Milliseconds in which a scheduler that was dialled says `session.hello`. */
  readonly helloMs: number;
  /** Bytes not yet taken by the peer, above which one more reply finds a slow reader, and disconnects it. */
  readonly bufferedBytes: number;
  /** Bytes not yet taken, above which events wait in the log instead; who falls out of the log is disconnected. */
  readonly eventBytes: number;
}

export const LIMITS: Limits = {
  streams: 16,
  messageBytes: 1 << 20,
  replyBytes: 8 << 20,
  requestsInFlight: 64,
  requestsPerSecond: 500,
  connections: 256,
  handshakeMs: 5000,
  dialMs: 10_000,
  helloMs: 10_000,
  bufferedBytes: 4 << 20,
  eventBytes: 256 << 10,
};

/** Websocket close codes: RFC 6455 7.4, and 4000-4999 which it leaves to applications. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  unsupportedData: 1003,
  messageTooLarge: 1009,
  tryAgainLater: 1013,
  staleEpoch: 4001,
  dead: 4002,
  noHello: 4003,
} as const;

/** `rate` tokens a second, a second's worth at most. Times in milliseconds of any one clock. */
export class TokenBucket {
  readonly #rate: number;
  #tokens: number;
  #at: number;

  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#at = now;
  }

  /** Takes a token: 0; or leaves it and says in how many milliseconds there will be one. */
  take(now: number): number {
    this.#tokens = Math.min(this.#rate, this.#tokens + (Math.max(0, now - this.#at) * this.#rate) / 1000);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / this.#rate);
  }
}
