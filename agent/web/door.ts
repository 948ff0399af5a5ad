// Who is let in: nobody is told anything before it is asked.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { openPasswordHash } from '../../linux/crypt.js';
import { BerthError } from '../../protocol/errors.js';
import { refusalOf } from './access.js';
import { PLAIN, send } from './answer.js';
import { Users } from './users.js';
import type { WebConfig } from './web-config.js';

export class Door {
  readonly #names: ReadonlySet<string>;
  #headers: Readonly<Record<string, string>> = {};
  #users: Users | undefined;

  /** `names` in lower case. */
  constructor(names: readonly string[], config: WebConfig) {
    this.#names = new Set(names);
    this.configure(config);
  }

  configure({ headers, users }: WebConfig): void {
    this.#headers = headers;
    this.#users = Object.keys(users).length === 0 ? undefined : new Users(users, passwordHash());
  }

  /** False: it has been answered. */
  async opens(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    for (const [name, value] of Object.entries(this.#headers)) response.setHeader(name, value);
    const refusal = refusalOf(request.headers, this.#names);
    if (refusal !== undefined) {
      send(response, refusal.status, PLAIN, `${refusal.text}\n`);
      return false;
    }
    const verdict = (await this.#users?.verdict(request.headers.authorization)) ?? 'allowed';
    if (verdict === 'allowed') return true;
    if (verdict === 'denied') response.setHeader('WWW-Authenticate', 'Basic realm="berth", charset="UTF-8"');
    else response.setHeader('Retry-After', '1');
    send(response, verdict === 'denied' ? 401 : 503, PLAIN, verdict === 'denied' ? 'unauthorized\n' : 'busy\n');
    return false;
  }
}

function passwordHash(): ReturnType<typeof openPasswordHash> {
  try {
    return openPasswordHash();
  } catch (error) {
    throw new BerthError(
      'config_invalid',
      'basic_auth_users of web.config_file need libcrypt, which is not installed',
      {
        hint: 'Install libcrypt1 (Debian) or libxcrypt (Fedora), or remove the users.',
        cause: error,
      },
    );
  }
}
