// What a spec says of its container, in the words of the OCI runtime specification: the same for every driver that writes the
// config.json itself.
import { BerthError } from '../../protocol/errors.js';
import { type CapabilityName, rlimitValue } from '../model/container-spec.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Mount } from './containment.js';
import type { DriverContext } from './driver.js';
import { requireBinary } from './files.js';

/** RLIM_INFINITY, which no number of JavaScript is: see `configText`. NUL is in no string of a spec. */
const INFINITE = '\0infinity';
const INFINITY_TEXT = '18446744073709551615';
/** The files of a process that asks for nothing: programs that use select(2) break above it. */
const SOFT_FILES = 1024;

/** Where the container finds the reaper: a directory that is in its memory, whatever its root filesystem has. */
const INIT_PLACE = '/dev/init';

export interface Rlimit {
  readonly type: string;
  readonly soft: number | string;
  readonly hard: number | string;
}

/** `maxFiles`: hard limit of open files where the spec says nothing. Without a word of the spec there is no core dump. */
export function rlimitsOf({ rlimits = {} }: Pick<WorkloadSpec, 'rlimits'>, maxFiles: number): Rlimit[] {
  const usual = {
    nofile: { soft: Math.min(SOFT_FILES, maxFiles), hard: maxFiles },
    core: { soft: 0, hard: 0 },
  };
  return Object.entries({ ...usual, ...rlimits }).map(([name, { soft, hard }]) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    soft: jsonOf(rlimitValue(soft)),
    hard: jsonOf(rlimitValue(hard)),
  }));
}

function jsonOf(value: number): number | string {
  return value === Number.POSITIVE_INFINITY ? INFINITE : value;
}

/** A configuration as the runtime reads it. */
export function configText(config: object): string {
  return JSON.stringify(config).replaceAll(JSON.stringify(INFINITE), INFINITY_TEXT);
}

export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

/**
 * `usual`: what root of such a container has. `bounding`: what others may come to have. A user other than root has what the spec
 * adds from the first program on, which needs it among the ambient ones (capabilities(7)).
 */
export function capabilitySets(
  { capabilities }: Pick<WorkloadSpec, 'capabilities'>,
  uid: number,
  usual: readonly string[],
  bounding: readonly string[],
): CapabilitySets {
  const { drop, add } = capabilities ?? { drop: [], add: [] };
  const without = (names: readonly string[]) =>
    drop.includes('ALL') ? [] : names.filter((name) => !(drop as readonly string[]).includes(name));
  const sorted = (names: readonly string[]) => [...new Set(names)].sort().map((name) => `CAP_${name}`);
  const added = sorted(add);
  const held = uid === 0 ? sorted([...without(usual), ...add]) : added;
  const inherited = uid === 0 ? [] : added;
  return {
    bounding: sorted([...without(bounding), ...add]),
    ...{ effective: held, permitted: held, inheritable: inherited, ambient: inherited },
  };
}

/** Whether its root can change the network namespace that it is in. */
export function changesNetwork({ capabilities }: Pick<WorkloadSpec, 'capabilities'>): boolean {
  return capabilities?.add.includes('NET_ADMIN') === true;
}

/** Throws `not_permitted` for capabilities that the node does not let this tenant add. */
export function requireCapabilities(
  { capabilities, tenant }: Pick<WorkloadSpec, 'capabilities' | 'tenant'>,
  allowed: readonly CapabilityName[],
): void {
  const missing = (capabilities?.add ?? []).filter((name) => !allowed.includes(name));
  if (missing.length === 0) return;
  const named = missing.map((name) => `"${name}"`).join(', ');
  throw new BerthError(
    'not_permitted',
    `capabilities.add: this node does not let containers of tenant "${tenant}" have ${named}`,
    {
      data: { field: 'capabilities.add', missing },
      hint: `Leave it out, or have the operator add ${named} to drivers.capabilities or tenant.${tenant}.capabilities of this node.`,
    },
  );
}

/** The reaper in front of `argv`, and the mount that shows it to the container. Both as they are without one. */
export function withInit(
  { init }: Pick<WorkloadSpec, 'init'>,
  argv: readonly string[],
  which: DriverContext['which'],
): { readonly argv: readonly string[]; readonly mounts: readonly Mount[] } {
  if (!init) return { argv, mounts: [] };
  const source = requireInit(which);
  const shown: Mount = { destination: INIT_PLACE, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev'] };
  return { argv: [INIT_PLACE, '--', ...argv], mounts: [shown] };
}

/** Both are linked statically: an image need not have their libraries. */
export function requireInit(which: DriverContext['which']): string {
  return (
    which('tini-static') ??
    requireBinary(
      'catatonit',
      which,
      'is the first process of a container with "init": true (package catatonit, or tini)',
    )
  );
}
