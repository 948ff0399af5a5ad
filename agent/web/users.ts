// Basic authentication (RFC 7617) against bcrypt hashes. A comparison is slow on purpose, so that a pair that was right is
// remembered: a scrape every second costs nothing.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PasswordHash } from '../../linux/crypt.js';
import { Serial } from '../base/serial.js';

/** Of nobody's password: a name that does not exist takes as long as one that does. */
const NOBODY = '$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi';
/** Each holds a thread for tens of milliseconds; more are told to come again. */
const MOST_WAITING = 16;

export type Verdict = 'allowed' | 'denied' | 'busy';

export class Users {
  readonly #users: ReadonlyMap<string, string>;
  readonly #hash: PasswordHash;
  readonly #serial = new Serial();
  readonly #allowed = new Set<string>();
  #waiting = 0;

  /** `users`: name to hash. */
  constructor(users: Readonly<Record<string, string>>, hash: PasswordHash) {
    this.#users = new Map(Object.entries(users));
    this.#hash = hash;
  }

  /** Of an Authorization header. Rejects with what the hash function throws. */
  async verdict(authorization: string | undefined): Promise<Verdict> {
    const pair = pairOf(authorization);
    if (pair === undefined) return 'denied';
    const key = createHash('sha256').update(JSON.stringify(pair)).digest('base64');
    if (this.#allowed.has(key)) return 'allowed';
    if (this.#waiting >= MOST_WAITING) return 'busy';
    this.#waiting++;
    try {
      const expected = this.#users.get(pair.user);
      const found = await this.#serial.run(() => this.#hash(pair.password, expected ?? NOBODY));
      if (expected === undefined || found === undefined || !isEqual(found, expected)) return 'denied';
      this.#allowed.add(key);
      return 'allowed';
    } finally {
      this.#waiting--;
    }
  }
}

function pairOf(authorization: string | undefined): { user: string; password: string } | undefined {
  const [, encoded] = /^basic +([\w+/]+=*) *$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function isEqual(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
