// Which fields go with which kind of workload. What a driver cannot carry out is refused by name: nothing is ignored in silence.
/** What the fields below go by. */
export type Kind = 'sandbox' | 'rootfs' | 'bundle' | 'plain' | 'guest' | 'image-guest' | 'external';

interface Kinded {
  readonly driver: string;
  readonly image?: string | undefined;
  readonly exec?: { readonly isolation: string } | undefined;
  readonly oci?: { readonly bundle?: string | undefined } | undefined;
}

/** Of a spec what the rules are about. */
interface Asked extends Kinded {
  readonly env: object;
  readonly envFile?: string | undefined;
  readonly groups: readonly unknown[];
  readonly mounts: readonly unknown[];
  readonly files: readonly unknown[];
  readonly secrets: readonly unknown[];
  readonly hostname?: string | undefined;
  readonly rlimits?: object | undefined;
  readonly capabilities?: object | undefined;
  readonly init: boolean;
  readonly readOnlyRootfs: boolean;
  readonly idle?: object | undefined;
  readonly health?: { readonly command?: unknown } | undefined;
  readonly network: { readonly mode: string };
  readonly stop: { readonly signal?: string | undefined; readonly grace?: string | undefined };
}

type Rule = readonly [field: string, isAsked: (spec: Asked) => boolean, kinds: readonly Kind[]];

const CONTAINERS: readonly Kind[] = ['sandbox', 'rootfs'];
/** Whose first process berth describes itself. */
const DESCRIBED: readonly Kind[] = [...CONTAINERS, 'plain'];
const PROCESSES: readonly Kind[] = [...DESCRIBED, 'bundle'];
/** Whose environment, names and root filesystem berth makes, within a virtual machine, too. */
const IMAGE_GUEST: Kind = 'image-guest';

const RULES: readonly Rule[] = [
  ['env', ({ env }) => Object.keys(env).length > 0, [...DESCRIBED, IMAGE_GUEST]],
  ['envFile', ({ envFile }) => envFile !== undefined, [...DESCRIBED, IMAGE_GUEST]],
  ['groups', ({ groups }) => groups.length > 0, [...DESCRIBED, IMAGE_GUEST]],
  ['mounts', ({ mounts }) => mounts.length > 0, CONTAINERS],
  ['files', ({ files }) => files.length > 0, CONTAINERS],
  ['secrets', ({ secrets }) => secrets.length > 0, CONTAINERS],
  ['hostname', ({ hostname }) => hostname !== undefined, [...CONTAINERS, IMAGE_GUEST]],
  ['rlimits', ({ rlimits }) => rlimits !== undefined, CONTAINERS],
  ['capabilities', ({ capabilities }) => capabilities !== undefined, CONTAINERS],
  ['init', ({ init }) => init, CONTAINERS],
  ['readOnlyRootfs', ({ readOnlyRootfs }) => readOnlyRootfs, [...CONTAINERS, IMAGE_GUEST]],
  ['stop.signal', ({ stop }) => stop.signal !== undefined, [...PROCESSES, IMAGE_GUEST]],
  ['stop.grace', ({ stop }) => stop.grace !== undefined, [...PROCESSES, 'guest', IMAGE_GUEST]],
  ['health.command', ({ health }) => health?.command !== undefined, PROCESSES],
  ['idle', ({ idle }) => idle !== undefined, ['guest', IMAGE_GUEST]],
  ['health', ({ health }) => health !== undefined, [...PROCESSES, 'guest', IMAGE_GUEST]],
];

const WHY: Readonly<Record<Kind, (driver: string) => string>> = {
  sandbox: () => 'does not go with exec.isolation "sandbox"',
  rootfs: () => 'does not go with oci.rootfs',
  bundle: () => 'does not go with oci.bundle: its config.json says it',
  plain: () => 'does not go with exec.isolation "none": it runs without a container',
  guest: (driver) => `does not go with driver "${driver}": it runs a virtual machine`,
  'image-guest': (driver) => `does not go with driver "${driver}": it runs the image in a virtual machine`,
  external: () => 'does not go with driver "external": berth does not start its processes',
};

export function kindOf({ driver, image, exec, oci }: Kinded): Kind {
  if (driver === 'exec') return exec?.isolation === 'none' ? 'plain' : 'sandbox';
  if (driver === 'oci') return oci?.bundle === undefined ? 'rootfs' : 'bundle';
  if (driver === 'external') return 'external';
  return image === undefined ? 'guest' : 'image-guest';
}

/** Each field that this kind of workload cannot carry out, and why. */
export function unfitFields(spec: Asked): { readonly field: string; readonly problem: string }[] {
  const kind = kindOf(spec);
  const unfit = RULES.flatMap(([field, isAsked, kinds]) =>
    isAsked(spec) && !kinds.includes(kind) ? [{ field, problem: WHY[kind](spec.driver) }] : [],
  );
  const { health } = spec;
  const isOutOfReach = health !== undefined && health.command === undefined && spec.network.mode === 'none';
  const problem = 'does not go with network.mode "none": berth asks by the network, but for health.command';
  return isOutOfReach ? [...unfit, { field: 'health', problem }] : unfit;
}
