// From a spec to the cgroup and the network that have to exist, as data: applied, shown, tested, and applied again after a crash.
// What a start does beside these stands in sandbox.ts and start.ts, the way back in take-down.ts.
import { controllersNeeded, planValues } from '../../cgroups/controllers.js';
import { unsupported } from '../../cgroups/probe.js';
import type { Limits, Value } from '../../cgroups/types.js';
import { linkNameFor, macFor } from '../../netns/names.js';
import type { SandboxNetwork, Slot, SlotKind } from '../../netns/types.js';
import { BerthError } from '../../protocol/errors.js';
import type { Config } from '../config/schema.js';
import type { Driver } from '../drivers/driver.js';
import type { Sandbox } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import { type Installation, NETNS_PREFIX, ownerTag } from '../model/tags.js';
import type { Claim } from '../network/claims.js';
import { sandboxNetwork } from '../network/sandbox-network.js';

/** One thing that must exist; the executors are in steps.ts. Order is order of creation. */
export type Step =
  | {
      readonly kind: 'cgroup';
      readonly path: string;
      readonly tenant: string;
      readonly owner: string;
      readonly values: readonly Value[];
    }
  | { readonly kind: 'namespace'; readonly netns: string }
  | { readonly kind: 'network'; readonly network: SandboxNetwork };

/** The agent that plans, as far as a plan needs it. */
export interface Planner {
  readonly config: Pick<Config, 'network'>;
  readonly installation: Pick<Installation, 'id'>;
}

/** The kind of ready-made namespace that will do, or null. Slots are routed, of the node's MTU, and without IPv6. */
export function slotKind(
  spec: WorkloadSpec,
  driver: Driver,
  config: Pick<Config['network'], 'mtu'>,
  claim: Claim,
): SlotKind | null {
  const { address, address6, attachment, mtu } = claim;
  if (address === null || address6 !== null || attachment?.mode !== 'routed' || mtu !== config.mtu) return null;
  if (spec.external?.at === 'host' || spec.external?.namespace !== undefined) return null;
  const tap = driver.tap(spec);
  if (tap === null) return 'veth';
  return tap.vnetHeader && !tap.multiQueue ? 'tap' : null;
}

/** Names are functions of the id, so that objects can be found again without any journal, or those of the slot. */
export function sandboxFor(
  spec: WorkloadSpec,
  driver: Driver,
  linkPrefix: string,
  claim: Claim,
  slot: Slot | undefined,
): Sandbox {
  const linked = claim.address !== null;
  const onHost = spec.external?.at === 'host';
  const hostLink = linked ? (slot?.hostLink ?? linkNameFor(linkPrefix, spec.id)) : null;
  const tap = linked ? driver.tap(spec) : null;
  return {
    cgroup: `${spec.tenant}/${spec.id}`,
    netns: spec.network.mode === 'host' || onHost ? null : (slot?.netns ?? `${NETNS_PREFIX}${spec.id}`),
    hostLink,
    tap: tap !== null && onHost ? hostLink : (tap?.name ?? null),
    mac: linked ? (slot?.mac ?? macFor(spec.id)) : null,
    baseline: slot?.baseline ?? null,
    ...claim,
  };
}

/** The same sandbox without the slot that it was meant to have. */
export function withoutSlot(id: string, sandbox: Sandbox, linkPrefix: string): Sandbox {
  const own = { netns: `${NETNS_PREFIX}${id}`, hostLink: linkNameFor(linkPrefix, id), mac: macFor(id) };
  return { ...sandbox, ...own, baseline: null };
}

/** The network of a workload as it should be; null when it has no link. */
export function networkFor(
  spec: WorkloadSpec,
  sandbox: Sandbox,
  driver: Driver,
  { config, installation }: Planner,
): SandboxNetwork | null {
  return sandboxNetwork(spec, sandbox, ownerTag(installation.id, spec.id), driver.tap(spec), config.network);
}

/** Throws `controller_missing` naming the first controller that a limit of the spec needs and the host lacks. */
export function requireControllers(limits: Limits, controllers: ReadonlySet<string>): void {
  const missing = controllersNeeded(limits).filter((name) => !controllers.has(name));
  if (missing.length === 0) return;
  throw new BerthError(
    'controller_missing',
    `this host has no cgroup v2 controller ${missing.map((name) => `"${name}"`).join(', ')}, which the limits asked for need`,
    { data: { missing, available: [...controllers].sort() } },
  );
}

/** Throws `limit_unsupported` naming the files that a limit of the spec needs and this kernel lacks, and what they need. */
export function requireFiles(limits: Limits, files: ReadonlySet<string>): void {
  const missing = unsupported(planValues(limits), files);
  if (missing.length === 0) return;
  const named = missing.map(({ file, need }) => `${file} (${need})`).join(', ');
  throw new BerthError('limit_unsupported', `this kernel does not have ${named}, which the limits asked for need`, {
    data: { missing },
  });
}

export function planSandbox(
  spec: WorkloadSpec,
  sandbox: Sandbox,
  driver: Driver,
  values: readonly Value[],
  planner: Planner,
): readonly Step[] {
  const owner = ownerTag(planner.installation.id, spec.id);
  const { tenant } = spec;
  const cgroup: Step = { kind: 'cgroup', path: sandbox.cgroup, tenant, owner, values };
  const network = networkFor(spec, sandbox, driver, planner);
  if (network !== null) return [cgroup, { kind: 'network', network }];
  return sandbox.netns === null ? [cgroup] : [cgroup, { kind: 'namespace', netns: sandbox.netns }];
}
