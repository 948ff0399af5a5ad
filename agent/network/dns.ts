// Who answers a workload's names: what its spec says, else the configuration of the node, else what the host itself asks.
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { parseAddress } from '../base/cidr.js';
import type { Config } from '../config/schema.js';
import type { Sandbox } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';

/** As resolv.conf(5) has it. */
export interface Resolver {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** systemd-resolved keeps the real servers in the first one; its /etc/resolv.conf names 127.0.0.53. */
const RESOLV_FILES = ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf'];

/** Three servers and six search domains are what a resolver takes of it. */
const MOST_BYTES = 1 << 20;

export const NO_SERVERS =
  'no name server can be reached from its network: the host has none but on its loopback; set network.dns.servers';

/** What spec and configuration say. Whoever names the servers also says the rest: search domains belong to servers. */
export function givenResolver(spec: Pick<WorkloadSpec, 'network'>, config: Config['network']['dns']): Resolver {
  const { dns } = spec.network;
  if (dns === undefined) return config;
  const of = <K extends keyof Resolver>(key: K) => (dns[key].length > 0 ? dns[key] : config[key]);
  return dns.servers.length > 0 ? dns : { servers: config.servers, search: of('search'), options: of('options') };
}

/** All that a workload in a network of its own needs; `servers` is empty when there is nobody to ask. */
export async function resolverFor(
  spec: Pick<WorkloadSpec, 'network'>,
  sandbox: Pick<Sandbox, 'address6'>,
  config: Config['network']['dns'],
  files: readonly string[] = RESOLV_FILES,
): Promise<Resolver> {
  const given = givenResolver(spec, config);
  if (given.servers.length > 0) return given;
  const host = await hostResolver(sandbox.address6 !== null, files);
  const or = (mine: readonly string[], theirs: readonly string[]) => (mine.length > 0 ? mine : theirs);
  return { servers: host.servers, search: or(given.search, host.search), options: or(given.options, host.options) };
}

/** The text of /etc/resolv.conf in the host's own network: the host's, unless spec or configuration say otherwise. */
export async function sharedResolvConf(
  spec: Pick<WorkloadSpec, 'network'>,
  config: Config['network']['dns'],
  files: readonly string[] = RESOLV_FILES,
): Promise<string> {
  const given = givenResolver(spec, config);
  if (given.servers.length > 0) return formatResolvConf(given);
  return (await readOptional(files.at(-1) ?? '')) ?? '';
}

export function formatResolvConf({ servers, search, options }: Resolver): string {
  const lines = [
    ...(servers.length === 0 ? [`# ${NO_SERVERS}`] : servers.map((server) => `nameserver ${server}`)),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The first file with servers that can be reached from another network: not on the loopback, not of a family it lacks. */
async function hostResolver(ipv6: boolean, files: readonly string[]): Promise<Resolver> {
  let last: Resolver = { servers: [], search: [], options: [] };
  for (const file of files) {
    const text = await readOptional(file);
    if (text === undefined) continue;
    last = parseResolvConf(text);
    const servers = last.servers.filter((server) => isReachable(server, ipv6));
    if (servers.length > 0) return { ...last, servers };
  }
  return { ...last, servers: [] };
}

/** Pure. The last `search` line counts, as for the resolver. */
export function parseResolvConf(text: string): Resolver {
  const found: { servers: string[]; search: string[]; options: string[] } = { servers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) found.servers.push(values[0]);
    if (word === 'search' || word === 'domain') found.search = values;
    if (word === 'options') found.options.push(...values);
  }
  return found;
}

// A server with a zone (fe80::1%eth0) is a link-local one of the host.
function isReachable(server: string, ipv6: boolean): boolean {
  const address = parseAddress(server);
  if (address === undefined) return false;
  return address.family === 4 ? !server.startsWith('127.') : ipv6 && server !== '::1';
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return (await readPlain(file, MOST_BYTES)).toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
