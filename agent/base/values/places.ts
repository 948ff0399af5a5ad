// Where something listens, lies or is found: addresses to listen on, socket paths, URLs of schedulers, names in headers.
import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`, `:9464` (all addresses); undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, six, other = '', digits = ''] = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  if (six !== undefined) return isIPv6(six) ? { host: six, port } : undefined;
  if (other === '') return { host: '::', port };
  return isIPv4(other) || other === 'localhost' ? { host: other, port } : undefined;
}

export const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'must be an absolute path');

/** Empty: none. No other host name: what it resolves to, and whether, is known only when it is too late. */
export const listenAddress = z
  .string()
  .refine(
    (text) => text === '' || parseListenAddress(text) !== undefined,
    'must be an address with a port up to 65535, such as "127.0.0.1:9464" or "[::1]:9464"; empty for none',
  );

/** RFC 1123, as a Host header has it; compared in lower case. */
export const hostName = z
  .string()
  .max(253)
  .regex(/^[a-z\d](?:[\w.-]*[a-z\d])?$/i, 'must be a host name without a port, such as "node-1.example.com"')
  .transform((name) => name.toLowerCase());

/** sun_path holds 108 bytes with its final NUL (unix(7)); Node cuts off what is longer. */
export const MOST_SOCKET_PATH = 107;

export const socketPath = z
  .string()
  .refine((text) => text === '' || text.startsWith('/'), 'must be an absolute path')
  .refine((text) => !text.includes('\0'), 'must not contain a NUL')
  .refine(
    (text) => Buffer.byteLength(text) <= MOST_SOCKET_PATH,
    `must be at most ${MOST_SOCKET_PATH} bytes: the kernel takes no longer path for a socket`,
  );

/** Names of directories below the cgroup mount. The lock of the agent (daemon/assembly/sole.ts) has it in a file name of 255 bytes. */
export const cgroupPath = z
  .string()
  .max(128)
  .regex(
    /^(?:\/?(?!\.{1,2}(?:\/|$))[\w.@:-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.@:-]+)*)?$/,
    'must be a path below the cgroup mount of names of [A-Za-z0-9_.@:-], such as "berth" or "machine.slice/berth"',
  );

/** A program: a name on PATH, or an absolute path. */
export const program = z
  .string()
  .max(4096)
  .regex(/^(?:\/[^\0]+|[\w.+-]+)$/, 'must be the name of a program, such as "crun", or an absolute path');

/** What a header of HTTP carries as it is (RFC 9110, 5.5). */
export const headerText = z
  .string()
  .max(253)
  .regex(/^(?:[!-~](?:[ -~]*[!-~])?)?$/, 'must be printable ASCII: schedulers are told it in a header of HTTP');

const SECRET_NAMES = /token|secret|passw|key|auth|sig/i;

/** What is wrong with the URL of a scheduler; undefined: nothing. Never repeats the URL: it may hold a secret. */
function problemOf(text: string): string | undefined {
  if (!/^wss?:\/\//.test(text)) return 'must start with ws:// or wss://';
  if (!URL.canParse(text)) return 'must be a URL such as "wss://scheduler.example:8443/berth"';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user or a password: name a file in token_file';
  if ([...url.searchParams.keys()].some((name) => SECRET_NAMES.test(name)))
    return 'must not hold a secret in its query: name a file in token_file';
  return url.hash === '' ? undefined : 'must not have a fragment (#)';
}

export const schedulerUrl = z
  .string()
  .max(2048)
  .superRefine((text, ctx) => {
    const message = problemOf(text);
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  });

/** Whether everybody on the way could read what is sent. */
export function isReadable(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'ws:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
