// Whom a request is for, and on whose behalf a browser sends it. A page of somebody else's can make a browser ask an address
// that only this host reaches, under a name that leads here (DNS rebinding): so the name must be one of ours. Pure.
import { isIPv4, isIPv6 } from 'node:net';

export interface Refusal {
  readonly status: number;
  readonly text: string;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const FOREIGN: Refusal = { status: 403, text: 'pages of other origins are told nothing' };

/**
 * Undefined: to be answered. Addresses are always ours, as nobody can point one elsewhere; names are those in `names` (lower
 * case) and `localhost`: 421 for others (RFC 9110, 15.5.20). 403 for what a browser asks for a page of another origin, unless
 * a person follows a link (Fetch Metadata, W3C): that page cannot read the answer.
 */
export function refusalOf(headers: Headers, names: ReadonlySet<string>): Refusal | undefined {
  const { host, origin } = headers;
  if (typeof host === 'string') {
    const name = nameOf(host);
    if (name === undefined) return { status: 400, text: 'the Host header is not a name or an address with a port' };
    if (!isAddress(name) && name !== 'localhost' && !names.has(name))
      return { status: 421, text: `this node is not called ${JSON.stringify(name)}: add the name to web.hosts` };
  }
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') {
    const isFollowed = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
    return isFollowed ? undefined : FOREIGN;
  }
  // Browsers without Fetch Metadata name the origin of the page that would read the answer.
  return typeof origin === 'string' && hostOf(origin) !== host ? FOREIGN : undefined;
}

function nameOf(host: string): string | undefined {
  const [, name] = /^(\[[\da-fA-F:.]+\]|[\w.-]{1,255})(?::\d{1,5})?$/.exec(host) ?? [];
  return name?.toLowerCase().replace(/\.$/, '');
}

function isAddress(name: string): boolean {
  return isIPv4(name) || (name.startsWith('[') && isIPv6(name.slice(1, -1)));
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
