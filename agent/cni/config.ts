// The network configuration: what the specification has of it, and ours. A key that is not known is an error, as in a spec.
import * as z from 'zod';
import { parseBounded } from '../base/bounds.js';
import { JsonError, parseJson } from '../base/json.js';
import { sentenceOf } from '../base/wrong-fields.js';
import { tenantName } from '../model/spec.js';
import { CniFault } from './fault.js';

/** Results of 0.3.x are those of 0.4.0. */
export const VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type Version = (typeof VERSIONS)[number];
export const NEWEST: Version = '1.1.0';

/** Of one network on one host; a kubelet stops at 110 pods, and a message to the agent is 1 MiB. */
const MOST_VALID = 8192;

const port = z.number().int().min(0).max(65_535);
const rate = z.number().int().min(0);
const text = z.string().max(256);

const portMapping = z.strictObject({
  hostPort: port,
  containerPort: port,
  protocol: z.string().max(16).default('tcp'),
  hostIP: z.string().max(64).default(''),
});

/** Of capability `bandwidth`: bits a second and bits, as the reference plugin has them. 0: not limited. */
const bandwidth = z.strictObject({
  ingressRate: rate.default(0),
  ingressBurst: rate.default(0),
  egressRate: rate.default(0),
  egressBurst: rate.default(0),
});

const dns = z.looseObject({
  nameservers: z.array(text).max(16).optional(),
  domain: text.optional(),
  search: z.array(text).max(32).optional(),
  options: z.array(text).max(32).optional(),
});

/** The tenant by name, or that of the Kubernetes namespace behind a prefix: without one, a namespace would join the tenant of its name. */
const tenant = z.union([
  tenantName,
  z.strictObject({ from: z.literal('kubernetes-namespace'), prefix: z.string().min(1).max(40) }),
]);

const schema = z.strictObject({
  cniVersion: z.string().max(32).default('0.1.0'),
  name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, 'must be 1-128 of [a-zA-Z0-9_.-]'),
  type: z.string().max(64),
  tenant: tenant.default('default'),
  /** Fields of `network` of a workload. Checked by parseSpec, so that its errors are the same on every way in. */
  network: z.record(z.string().max(64), z.unknown()).default({}),
  dns: dns.optional(),
  // What runtimes add.
  runtimeConfig: z
    .strictObject({ portMappings: z.array(portMapping).max(256).nullish(), bandwidth: bandwidth.nullish() })
    .nullish(),
  capabilities: z.record(z.string().max(64), z.boolean()).optional(),
  prevResult: z.unknown().optional(),
  args: z.unknown().optional(),
  disableCheck: z.boolean().optional(),
  disableGC: z.boolean().optional(),
  'cni.dev/valid-attachments': z
    .array(z.looseObject({ containerID: z.string().max(256), ifname: z.string().max(64) }))
    .max(MOST_VALID)
    .nullish(),
});

export type CniConfig = z.output<typeof schema> & { readonly cniVersion: Version };
type Known = Readonly<Record<string, unknown>>;

/** Throws CniFault: `decode` for what is no JSON, `version`, `unsupported` for keys that berth does not know, `config`. */
export function parseConfig(input: string): CniConfig {
  const document = decode(input);
  requireVersion(document);
  requireKnown(document, schema.shape, '');
  const { runtimeConfig } = document;
  if (isObject(runtimeConfig)) requireKnown(runtimeConfig, { portMappings: 0, bandwidth: 0 }, 'runtimeConfig.');
  // Whatever a domain has added beside the keys of the specification is not for us.
  const ours = Object.fromEntries(Object.entries(document).filter(([key]) => Object.hasOwn(schema.shape, key)));
  const parsed = parseBounded(schema, ours, '(configuration)');
  if (!parsed.ok)
    throw new CniFault('config', `the network configuration is not valid: ${sentenceOf(parsed.problems)}`);
  return parsed.data as CniConfig;
}

/** The version that an answer is to have, of a document that may be anything. */
export function versionOf(input: string): Version {
  const [, asked] = /"cniVersion"\s*:\s*"([0-9.]{1,16})"/.exec(input) ?? [];
  return isVersion(asked) ? asked : NEWEST;
}

function decode(input: string): Known {
  let document: unknown;
  try {
    document = parseJson(input);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new CniFault('decode', `the network configuration at ${error.position}: ${error.message}`);
  }
  if (isObject(document)) return document;
  throw new CniFault('decode', 'the network configuration must be a JSON object');
}

function requireVersion({ cniVersion = '0.1.0' }: Known): void {
  if (isVersion(cniVersion)) return;
  const asked = JSON.stringify(cniVersion)?.slice(0, 40);
  throw new CniFault('version', `cniVersion ${asked} is not supported; supported are ${VERSIONS.join(', ')}`);
}

/** Keys with a domain are for others, by the conventions of CNI. */
function requireKnown(found: Known, shape: object, path: string): void {
  const key = Object.keys(found).find((one) => !Object.hasOwn(shape, one) && !/[./]/.test(one));
  if (key === undefined) return;
  const value = JSON.stringify(found[key])?.slice(0, 200);
  const why = key === 'ipam' ? ': berth leases the addresses itself, from network.pool of the node' : '';
  throw new CniFault('unsupported', `${path}${key.slice(0, 64)} is not supported${why} (it is ${value})`);
}

function isVersion(value: unknown): value is Version {
  return VERSIONS.some((one) => one === value);
}

function isObject(value: unknown): value is Known {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
