// TLS and users of the web listener, in the file format of Prometheus' exporters (web-config.yml of exporter-toolkit), so that
// one file serves every exporter of a host. What the file names is read with it; paths start at its directory.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { codeOf } from '../../linux/errors.js';
import { invalid } from '../config/load.js';
import type { BerthError } from '../errors.js';
import { headerText } from '../values/places.js';
import { cipherOf, curveOf, VERSIONS } from './tls-names.js';

export const CLIENT_AUTH = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;

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

const HEADERS = [
  'Content-Security-Policy',
  'Referrer-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
  'X-XSS-Protection',
] as const;

const fileSchema = z.strictObject({
  tls_server_config: tlsSchema.optional(),
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

/** Throws `config_invalid` with the place of every mistake, also of files that it names. */
export async function readWebConfig(path: string): Promise<WebConfig> {
  const text = await read(path, path, 'web.config_file');
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true });
  const [broken] = document.errors;
  if (broken !== undefined) throw wrong(path, '', broken.message.split('\n')[0] ?? 'is not YAML');
  const result = fileSchema.safeParse(document.toJS({ maxAliasCount: 10 }) ?? {});
  if (!result.success)
    throw invalid(
      result.error.issues.map((issue) => ({ origin: path, key: issue.path.join('.'), problem: issue.message })),
    );
  const { tls_server_config: tls, http_server_config: http, basic_auth_users: users } = result.data;
  return {
    tls: tls === undefined ? undefined : await readTls(path, tls),
    headers: http?.headers ?? {},
    users,
  };
}

async function readTls(path: string, tls: z.output<typeof tlsSchema>): Promise<Tls> {
  const { cert, key, client_ca, ...settings } = tls;
  const text = (inline: string | undefined, named: string | undefined, name: string): Promise<string> | string => {
    const key = `tls_server_config.${name}_file`;
    if (inline !== undefined && named !== undefined)
      throw wrong(path, key, `is given beside ${name}: only one of them`);
    if (named !== undefined) return read(resolve(dirname(path), named), path, key);
    if (inline !== undefined) return inline;
    throw wrong(path, key, 'is missing');
  };
  const verifies = /Verify/.test(settings.client_auth_type);
  const hasCa = client_ca !== undefined || settings.client_ca_file !== undefined;
  return {
    cert: await text(cert, settings.cert_file, 'cert'),
    key: await text(key, settings.key_file, 'key'),
    clientCa: hasCa || verifies ? await text(client_ca, settings.client_ca_file, 'client_ca') : undefined,
    clientAuth: settings.client_auth_type,
    sans: settings.client_allowed_sans,
    settings,
  };
}

async function read(path: string, origin: string, key: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw wrong(origin, key, `${path} cannot be read (${codeOf(error)})`);
  }
}

function wrong(origin: string, key: string, problem: string): BerthError {
  return invalid([{ origin, key, problem }]);
}
