// One attachment is one workload of driver external: admission, journal, audit, repair, metrics and reaper know it as any other.
import { createHash } from 'node:crypto';
import { parseSpec, type WorkloadSpec } from '../model/spec.js';
import type { CniConfig } from './config.js';
import { CniFault } from './fault.js';
import { argsOf, type CniRequest, type Target, wrong } from './request.js';

const PREFIX = 'cni-';

/** Labels of the workload, by which a selector finds it. */
export const LABELS = {
  network: 'cni.network',
  container: 'cni.container',
  interface: 'cni.interface',
  namespace: 'kubernetes.namespace',
  pod: 'kubernetes.pod',
} as const;

const K8S_NAMESPACE = 'K8S_POD_NAMESPACE';
const K8S_POD = 'K8S_POD_NAME';
const MOST_LABEL = 256;

/** What names an attachment for ever (specification: network name, container id, interface). Hostile text is only hashed. */
export function attachmentId({ name }: Pick<CniConfig, 'name'>, { containerId, ifname }: Target): string {
  const hash = createHash('sha256').update(`${name}\0${containerId}\0${ifname}`).digest('hex');
  return `${PREFIX}${hash.slice(0, 24)}`;
}

/** A label alone may be anybody's. */
export function isAttachment(id: string): boolean {
  return id.startsWith(PREFIX);
}

/** `inode`: of the namespace at `netns`. Throws CniFault, and BerthError invalid_spec for what `network` has wrong. */
export function attachmentSpec(
  config: CniConfig,
  request: CniRequest,
  target: Target,
  inode: number | undefined,
): WorkloadSpec {
  const args = argsOf(request);
  const { network } = config;
  for (const [field, source] of [
    ['ports', 'capability portMappings'],
    ['dns', 'dns of the network configuration'],
  ] as const)
    if (Object.hasOwn(network, field))
      throw new CniFault('unsupported', `network.${field} is not supported: use ${source} instead`);
  return parseSpec({
    id: attachmentId(config, target),
    tenant: tenantOf(config, args),
    driver: 'external',
    // Nothing runs in the cgroup of an attachment: cores and memory of the container are in that of its runtime.
    resources: { cpu: { request: 0.001 }, memory: { request: 0 } },
    external: { namespace: request.netns, interface: target.ifname, ...(inode === undefined ? {} : { inode }) },
    network: { ...network, ...portsOf(config), ...bandwidthOf(config) },
    labels: {
      ...labelled(LABELS.network, config.name),
      ...labelled(LABELS.container, target.containerId),
      ...labelled(LABELS.interface, target.ifname),
      ...labelled(LABELS.namespace, args.get(K8S_NAMESPACE)),
      ...labelled(LABELS.pod, args.get(K8S_POD)),
    },
  });
}

function tenantOf({ tenant }: CniConfig, args: ReadonlyMap<string, string>): string {
  if (typeof tenant === 'string') return tenant;
  const namespace = args.get(K8S_NAMESPACE);
  if (namespace === undefined)
    throw wrong('CNI_ARGS', '', `must have ${K8S_NAMESPACE}, which "tenant" of the network configuration goes by`);
  return `${tenant.prefix}${namespace}`;
}

function portsOf({ runtimeConfig }: CniConfig): { readonly ports?: object } {
  const ports = (runtimeConfig?.portMappings ?? []).flatMap((mapping) => {
    const { hostPort, containerPort, protocol, hostIP } = mapping;
    // As portmap: the container has the port, and the host none.
    if (hostPort === 0) return [];
    if (!['', '0.0.0.0', '::'].includes(hostIP)) throw unsupportedMapping('hostIP', hostIP);
    const lower = protocol.toLowerCase();
    if (lower !== 'tcp' && lower !== 'udp') throw unsupportedMapping('protocol', protocol);
    return [{ host: hostPort, guest: containerPort, protocol: lower }];
  });
  return ports.length === 0 ? {} : { ports };
}

function unsupportedMapping(key: string, value: string): CniFault {
  return new CniFault('unsupported', `portMappings ${key} ${JSON.stringify(value)} is not supported`);
}

/** `ingress` is towards the container in both worlds. */
function bandwidthOf({ runtimeConfig }: CniConfig): { readonly bandwidth?: object } {
  const asked = runtimeConfig?.bandwidth;
  if (asked == null) return {};
  const ingress = limitOf(asked.ingressRate, asked.ingressBurst);
  const egress = limitOf(asked.egressRate, asked.egressBurst);
  if (ingress === undefined && egress === undefined) return {};
  return { bandwidth: { ...(ingress && { ingress }), ...(egress && { egress }) } };
}

/** kubelet asks for a burst of 2^31-1 bits when nobody has asked for any: then ours is better, which holds the rate from the start. */
const NO_BURST = 2 ** 31 - 1;

function limitOf(rate: number, burst: number): object | undefined {
  if (rate === 0) return undefined;
  return { rate, ...(burst === 0 || burst >= NO_BURST ? {} : { burst: Math.floor(burst / 8) }) };
}

function labelled(label: string, value: string | undefined): Record<string, string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const shown = value?.replace(/[\x00-\x1f\x7f]/g, '?').slice(0, MOST_LABEL);
  return shown === undefined ? {} : { [label]: shown };
}
