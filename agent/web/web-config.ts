// TLS and users of the web listener, in the file format of Prometheus' exporters (web-config.yml of exporter-toolkit), so that
// one file serves every exporter of a host. What the file names is read with it; paths start at its directory.
import { dirname, resolve } from 'node:path';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';
import { readPlain, whyUnreadable } from '../../linux/plain-file.js';
import type { BerthError } from '../../protocol/errors.js';
import { LOST_NAME, lostMember } from '../base/lost-name.js';
import { headerText } from '../base/values/places.js';
import { invalid } from '../config/load.js';
import { pemProblem } from './certificates.js';
import { cipherOf, curveOf, VERSIONS } from './tls-names.js';

export const CLIENT_AUTH = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;

/** Of a file that is read whole. */
const MOST_BYTES = 2 ** 20;

const file = z.string().min(1).max(4096);
const version = z.enum(VERSIONS);

const tlsSchema = z.strictObject({
  cert_file: file.optional(),
  key_file: file.optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  client_auth_type: z.enum(CLIENT_AUTH).default('NoClientCert'),
  client_ca_file: file.optional(),
  client_ca: z.string().optional(),
  client_allowed_sans: z.array(z.string()).default([]),
  min_version: version.default('TLS12'),
  max_version: version.default('TLS13'),
  cipher_suites: z
    .array(z.string().refine((name) => cipherOf(name) !== undefined, 'is no cipher suite of this OpenSSL'))
    .optional(),
  curve_preferences: z
    .array(
      z.string().refine((name) => curveOf(name) !== undefined, 'is no curve: CurveP256, CurveP384, CurveP521, X25519'),
    )
    .optional(),
  prefer_server_cipher_suites: z.boolean().default(true),
});

const tlsSection = tlsSchema.refine(
  ({ min_version: least, max_version: most }) => VERSIONS.indexOf(least) <= VERSIONS.indexOf(most),
  { path: ['min_version'], message: 'must not be above max_version' },
);

const HEADERS = [
  'Content-Security-Policy',
  'Referrer-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
  'X-XSS-Protection',
] as const;

const fileSchema = z.strictObject({
  tls_server_config: tlsSection.optional(),
  http_server_config: z
    .strictObject({
      // Every client takes HTTP/1.1, which is what this listener speaks.
      http2: z.boolean().optional(),
      headers: z.partialRecord(z.enum(HEADERS), headerText).default({}),
    })
    .optional(),
  // A higher cost than 14 holds a thread of the agent for seconds.
  basic_auth_users: z
    .record(
      z.string().regex(/^[^:\0]+$/, 'a user name has no colon'),
      z.string().regex(/^\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z\d]{53}$/, 'must be a bcrypt hash with a cost up to 14'),
    )
    .default({}),
});

export interface Tls {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
  readonly clientAuth: (typeof CLIENT_AUTH)[number];
  readonly sans: readonly string[];
  readonly settings: Omit<z.output<typeof tlsSchema>, 'cert' | 'key' | 'client_ca'>;
}

export interface WebConfig {
  readonly tls: Tls | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Name to bcrypt hash; none: everybody is let in. */
  readonly users: Readonly<Record<string, string>>;
}

/** `web.config_file` empty. */
export const OPEN: WebConfig = { tls: undefined, headers: {}, users: {} };

/** Throws `config_invalid` with file and line of every mistake, also of files that it names. */
export async function readWebConfig(path: string): Promise<WebConfig> {
  const text = await read(path).catch((error: unknown) => {
    throw invalid([{ origin: path, key: 'web.config_file', problem: unreadable(path, error) }]);
  });
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, lineCounter });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const problem = broken.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'is not YAML';
    throw invalid([{ origin: `${path}:${broken.linePos?.[0].line ?? 1}`, key: '', problem }]);
  }
  const place: Place = (key) => `${path}:${lineOf(document, lineCounter, key)}`;
  const whole: unknown = document.toJS({ maxAliasCount: 10 }) ?? {};
  const result = fileSchema.safeParse(whole);
  if (!result.success)
    throw invalid(
      result.error.issues.map((issue) => {
        const key = [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])].map(String);
        return { origin: place(key), key: issue.path.join('.'), problem: issue.message };
      }),
    );
  const lost = lostMember(whole);
  if (lost !== undefined)
    throw invalid([{ origin: place(lost), key: lost.join('.'), problem: `must not be named ${LOST_NAME}` }]);
  const { tls_server_config: tls, http_server_config: http, basic_auth_users: users } = result.data;
  return {
    tls: tls === undefined ? undefined : await readTls(path, place, tls),
    headers: http?.headers ?? {},
    users,
  };
}

/** FILE:LINE of a key, or of the innermost table of it that is there. */
type Place = (key: readonly string[]) => string;

function lineOf(document: Document, lines: LineCounter, key: readonly string[]): number {
  for (let length = key.length; length > 0; length--) {
    const node = document.getIn(key.slice(0, length), true);
    const offset = isNode(node) ? node.range?.[0] : undefined;
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

async function readTls(path: string, place: Place, tls: z.output<typeof tlsSchema>): Promise<Tls> {
  const { cert, key, client_ca, ...settings } = tls;
  const wrong = (name: string, problem: string): BerthError => {
    const at = ['tls_server_config', name];
    return invalid([{ origin: place(at), key: at.join('.'), problem }]);
  };
  const text = async (inline: string | undefined, named: string | undefined, name: string): Promise<string> => {
    if (inline !== undefined && named !== undefined)
      throw wrong(`${name}_file`, `is given beside ${name}: only one of them`);
    if (inline !== undefined) return inline;
    if (named === undefined) throw wrong(`${name}_file`, 'is missing');
    const file = resolve(dirname(path), named);
    return read(file).catch((error: unknown) => {
      throw wrong(`${name}_file`, unreadable(file, error));
    });
  };
  const verifies = /Verify/.test(settings.client_auth_type);
  const hasCa = client_ca !== undefined || settings.client_ca_file !== undefined;
  const pems = {
    cert: await text(cert, settings.cert_file, 'cert'),
    key: await text(key, settings.key_file, 'key'),
    clientCa: hasCa || verifies ? await text(client_ca, settings.client_ca_file, 'client_ca') : undefined,
  };
  const unusable = pemProblem(pems);
  if (unusable !== undefined) {
    const { part, problem } = unusable;
    const named = settings[`${part}_file`];
    throw named === undefined
      ? wrong(part, problem)
      : wrong(`${part}_file`, `${resolve(dirname(path), named)} ${problem}`);
  }
  return { ...pems, clientAuth: settings.client_auth_type, sans: settings.client_allowed_sans, settings };
}

/** Rejects with SysError. */
async function read(path: string): Promise<string> {
  return (await readPlain(path, MOST_BYTES)).toString('utf8');
}

function unreadable(path: string, error: unknown): string {
  return `${path} cannot be read (${whyUnreadable(error)})`;
}
