// /etc/resolv.conf, /etc/hosts and /etc/hostname of a container, in its directory. A bundle that wants them mounts them
// from there.
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import type { Sandbox } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import { formatResolvConf, NO_SERVERS, resolverFor, sharedResolvConf } from '../network/dns.js';
import type { DriverContext } from './driver.js';
import { writeWithMode } from './modes.js';

export interface NameFiles {
  /** Absolute paths. */
  readonly resolvConf: string;
  readonly hosts: string;
  readonly hostname: string;
}

/** What the container calls itself. */
export function hostnameOf({ id, hostname }: Pick<WorkloadSpec, 'id' | 'hostname'>): string {
  return hostname ?? id;
}

/** Written anew at every start: the address may be another one. */
export async function writeNames(
  spec: WorkloadSpec,
  { sandbox, directory, warn }: Pick<DriverContext, 'sandbox' | 'directory' | 'warn'>,
  dns: Config['network']['dns'],
): Promise<NameFiles> {
  const file = (name: string) => join(directory, name);
  const files = { resolvConf: file('resolv.conf'), hosts: file('hosts'), hostname: file('hostname') };
  await writePublic(files.resolvConf, await resolvConf(spec, sandbox, dns, warn));
  await writePublic(files.hosts, hostsFile(hostnameOf(spec), sandbox));
  await writePublic(files.hostname, `${hostnameOf(spec)}\n`);
  return files;
}

/** Content of /etc/resolv.conf. */
export async function resolvConf(
  spec: WorkloadSpec,
  sandbox: Sandbox,
  dns: Config['network']['dns'],
  warn: DriverContext['warn'],
): Promise<string> {
  if (spec.network.mode === 'host') return sharedResolvConf(spec, dns);
  const resolver = await resolverFor(spec, sandbox, dns);
  if (resolver.servers.length === 0 && spec.network.mode !== 'none') warn(NO_SERVERS);
  return formatResolvConf(resolver);
}

export function hostsFile(name: string, { address, address6 }: Pick<Sandbox, 'address' | 'address6'>): string {
  const own = [address ?? '127.0.1.1', ...(address6 === null ? [] : [address6])];
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...own.map((ip) => `${ip}\t${name}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** For the container's users. */
function writePublic(file: string, text: string): Promise<void> {
  return writeWithMode(file, text, 0o644);
}
