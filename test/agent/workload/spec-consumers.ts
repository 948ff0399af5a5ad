// What a specification becomes, made without starting anything: each throws where it cannot be made as asked.
import { basename } from 'node:path';
import { temporaryName } from '../../../agent/base/durable.js';
import { configSchema } from '../../../agent/config/schema.js';
import { LIMITS } from '../../../agent/control/limits.js';
import { configText } from '../../../agent/drivers/container.js';
import { fileMount, type Mount } from '../../../agent/drivers/containment.js';
import { workloadEnvironment } from '../../../agent/drivers/environment.js';
import { sandboxConfig } from '../../../agent/drivers/exec/sandbox.js';
import { bootFiles, driveFiles, machineConfig } from '../../../agent/drivers/firecracker/machine-config.js';
import { createDrivers } from '../../../agent/drivers/index.js';
import { defaultConfig } from '../../../agent/drivers/oci/default.js';
import { machineArguments } from '../../../agent/drivers/qemu/arguments.js';
import { requireDevices } from '../../../agent/limits/io.js';
import { limitsOf } from '../../../agent/limits/limits.js';
import { tmpfsOptions } from '../../../agent/model/mounts-spec.js';
import type { Sandbox } from '../../../agent/model/record.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import { requireRates } from '../../../agent/network/attachment.js';
import { Claims } from '../../../agent/network/claims.js';
import { networkFor, planSandbox, sandboxFor } from '../../../agent/workload/plan.js';
import { planValues } from '../../../cgroups/controllers.js';
import type { Value } from '../../../cgroups/types.js';
import { assertFirewall } from '../../../netns/firewall/index.js';
import { assertBandwidth } from '../../../netns/shaping/index.js';
import { bucketOf } from '../../../netns/shaping/rate.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import { assertSandbox } from '../../../netns/validate.js';
import { datagramsOf, malformed } from '../../netns/recorder.js';
import { openDocument } from '../drivers/firecracker/api-document.js';
import { ALL_FILES } from '../limits/files.js';
import { wrongValues } from '../limits/kernel-grammar.js';

/** A node with a bridge of every name that the rows have, and IPv6 everywhere. */
export const NODE = configSchema.parse({
  network: {
    pool6: 'fd00:1::/64',
    bridge: Object.fromEntries(
      ['lan0', 'a', 'a'.repeat(15)].map((name, at) => [
        name,
        {
          addresses: [`10.${140 + at}.0.1/24`, `fd00:${140 + at}::1/64`],
          pool: `10.${140 + at}.0.0/24`,
          pool6: `fd00:${140 + at}::/64`,
        },
      ]),
    ),
  },
});
const drivers = createDrivers(NODE);
/** Of the newest: a field that it lacks, no Firecracker has. */
const DOCUMENTS = [openDocument('1.17')];
/** binfmts.h: MAX_ARG_STRLEN, with the NUL. */
const MOST_ARGUMENT = 131_072;
/** arch/x86: COMMAND_LINE_SIZE, with the NUL. The kernel cuts what is longer, and says nothing. */
const MOST_COMMAND_LINE = 2048;
const PATH_MAX = 4096;
const MAX_U32 = 2 ** 32 - 1;
const MOST_ARGUMENTS = 2 << 20;
const NAME_MAX = 255;

const device = (path: string): string => (path.startsWith('/') ? '254:0' : path);

/** As `workload.create` judges it before anything of the host is asked. */
export function accept(input: unknown): WorkloadSpec {
  const spec = parseSpec(input);
  requireRates(spec.network, NODE.network);
  requireDevices(spec, device);
  return spec;
}

/** What would be written into its cgroup. */
export function valuesOf(spec: WorkloadSpec): readonly Value[] {
  const limits = limitsOf(spec, 0, {
    ...{ files: ALL_FILES, device, config: NODE.cgroups },
    defaultCpu: NODE.density.default_cpu_request,
  });
  return planValues(limits);
}

/** Its driver, and what the agent would give it. */
function sandboxOf(spec: WorkloadSpec) {
  const driver = drivers.get(spec.driver);
  if (driver === undefined) throw new Error(`no driver ${spec.driver}`);
  const claim = new Claims(NODE.network, [3, 99]).claim(spec);
  return { driver, sandbox: sandboxFor(spec, driver, NODE.network.link_prefix, claim, undefined) };
}

const PLANNER = { config: NODE, installation: { id: '0123abcd' } };

/** Null: it has none. */
export function networkOf(spec: WorkloadSpec): SandboxNetwork | null {
  const { driver, sandbox } = sandboxOf(spec);
  return networkFor(spec, sandbox, driver, PLANNER);
}

/** One sentence for each thing that could not be made of an accepted spec as it asks. */
export function makeParts(spec: WorkloadSpec): string[] {
  const { driver, sandbox } = sandboxOf(spec);
  const values = valuesOf(spec);
  planSandbox(spec, sandbox, driver, values, PLANNER);
  const network = networkOf(spec);
  if (network !== null) {
    assertSandbox(network);
    assertFirewall(network.firewall);
    assertBandwidth(network.bandwidth, network.mtu);
    for (const rate of [network.bandwidth.ingress, network.bandwidth.egress])
      for (const [what, value] of Object.entries(rate === null ? {} : bucketOf(rate, network.mtu)))
        if (!Number.isSafeInteger(value) || value < 1 || (what !== 'bytesPerSecond' && value > MAX_U32))
          throw new Error(`the bucket has ${what} ${value}`);
    const torn = datagramsOf(network).flatMap(malformed);
    if (torn.length > 0) throw new Error(torn.join('; '));
  }
  const { exec, oci, qemu, firecracker } = spec;
  const section = exec ?? oci;
  const env = workloadEnvironment(spec, sandbox, { ...section?.env, ...spec.env }, '/root');
  const argv = [...(section?.command ?? [])];
  const strings = [...argv, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)];
  // fs/exec.c, bprm_stack_limits: a quarter of the stack of 8 MiB, pointers included. A request is shorter than that.
  const bytes = strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1 + 8, 0);
  if (Buffer.byteLength(JSON.stringify(spec)) <= LIMITS.messageBytes && bytes > MOST_ARGUMENTS)
    throw new Error(`the kernel takes no ${bytes} bytes of arguments and environment`);
  const wrong = configsOf(spec, sandbox, argv, env).flatMap(wrongConfig);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  for (const name of [basename(temporaryName(`${spec.id}.json`)), basename(sandbox.cgroup), sandbox.netns ?? ''])
    if (Buffer.byteLength(name) > NAME_MAX || /[/\0]/.test(name)) throw new Error(`no file can have the name ${name}`);
  const paths = [exec?.cwd, oci?.bundle, oci?.rootfs, qemu?.kernel, qemu?.initrd, qemu?.root];
  if (qemu !== undefined) {
    const directory = `/run/berth/workloads/${spec.id}`;
    const machine = {
      id: spec.id,
      qemu,
      ksm: false,
      sandbox,
      directory,
      accel: 'tcg',
      uid: 1,
      version: [7, 2],
    } as const;
    const machineArgv = machineArguments({ ...machine, servers: ['255.255.255.255', '255.255.255.254'] });
    strings.push(...machineArgv);
    const line = machineArgv[machineArgv.indexOf('-append') + 1] ?? '';
    if (Buffer.byteLength(line) >= MOST_COMMAND_LINE)
      throw new Error(`the kernel cuts ${Buffer.byteLength(line)} bytes`);
    if (/^0/.test(machineArgv[machineArgv.indexOf('-m') + 1] ?? ''))
      throw new Error('QEMU takes no guest without memory');
  }
  if (firecracker !== undefined) {
    const bootable = { ...firecracker, kernel: firecracker.kernel ?? '/of-the-node' };
    const config = machineConfig({
      ...{ id: spec.id, image: spec.image !== undefined },
      firecracker: bootable,
      sandbox,
      servers: ['255.255.255.255', '255.255.255.254'],
    });
    const problems = DOCUMENTS.flatMap((document) => document.configProblems(config));
    if (problems.length > 0) throw new Error(problems.join('; '));
    paths.push(...[...bootFiles(bootable), ...driveFiles(bootable)].map(({ host }) => host));
  }
  for (const text of strings)
    if (text.includes('\0') || Buffer.byteLength(text) >= MOST_ARGUMENT)
      throw new Error('the kernel takes no such argument');
  for (const path of paths)
    if (path !== undefined && (path.includes('\0') || Buffer.byteLength(path) >= PATH_MAX))
      throw new Error('the kernel takes no such path');
  return wrongValues(values);
}

/** As the driver makes them, but for the sources of binds, which are on a host. */
function mountsOf({ mounts, files, secrets }: WorkloadSpec): Mount[] {
  return [
    ...mounts.map((mount) => ({
      destination: mount.target,
      type: mount.type,
      source: mount.source ?? 'tmpfs',
      options: mount.type === 'bind' ? ['bind'] : tmpfsOptions(mount),
    })),
    ...[...files, ...secrets].map(({ path }, at) => fileMount(path, `/run/berth/${at}`)),
  ];
}

/** The config.json of a container; of a bundle it is its maker's. */
function configsOf(
  spec: WorkloadSpec,
  sandbox: Sandbox,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly object[] {
  const directory = `/run/berth/workloads/${spec.id}`;
  const names = { resolvConf: `${directory}/r`, hosts: `${directory}/h`, hostname: `${directory}/n` };
  const { oci, exec } = spec;
  if (oci?.rootfs !== undefined) {
    const place = { rootfs: oci.rootfs, mount: '/usr/bin/mount', maxFiles: 1024 };
    const process = { env: {}, user: { uid: 0, gid: 0 }, cwd: '/', home: '/' };
    return [defaultConfig({ spec, oci, process, sandbox, names, env, argv, mounts: mountsOf(spec), ...place })];
  }
  if (exec?.isolation !== 'sandbox') return [];
  const user = { uid: 4_000_000_000, gid: 4_000_000_000, groups: [] };
  const root = { mounts: [], masked: [] };
  const { netns } = sandbox;
  const { cwd } = exec;
  const place = { root, names: [], skeleton: '/run/berth/r', maxFiles: 1024 };
  return [sandboxConfig({ spec, argv, env, cwd, user, netns, mounts: mountsOf(spec), ...place })];
}

interface RuntimeConfig {
  readonly hostname?: string;
  readonly mounts?: readonly { readonly destination: string; readonly options: readonly string[] }[];
  readonly process?: {
    readonly cwd: string;
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly rlimits?: readonly { readonly soft: string; readonly hard: string }[];
  };
  readonly linux?: {
    readonly namespaces: readonly { readonly path?: string }[];
    readonly sysctl?: Readonly<Record<string, string>>;
  };
}

/** config.md and config-linux.md of the runtime specification, and what the system calls behind it take. */
function wrongConfig(config: object): string[] {
  // Numbers as text: a limit may be greater than any that JavaScript has.
  const text = configText(config).replace(/("(?:soft|hard)":)(\d+)/g, '$1"$2"');
  const { hostname = '', mounts = [], process, linux }: RuntimeConfig = JSON.parse(text);
  const { rlimits = [] } = process ?? {};
  const told: string[] = [];
  // __NEW_UTS_LEN.
  if (hostname.length < 1 || hostname.length > 64) told.push(`hostname ${hostname}`);
  if (!process?.cwd.startsWith('/')) told.push(`cwd ${process?.cwd}`);
  if ((process?.args.length ?? 0) < 1) told.push('no args');
  for (const text of process?.env ?? [])
    if (!/^[A-Za-z_][A-Za-z0-9_]*=/.test(text)) told.push(`env ${text.slice(0, 80)}`);
  for (const { path = '/' } of linux?.namespaces ?? [])
    if (!/^\/[^\0]{0,4094}$/.test(path)) told.push(`namespace ${path}`);
  // Only what a network namespace of its own has: the others are the host's.
  const own = linux?.namespaces.some((one) => 'path' in one);
  for (const [name, value] of Object.entries(linux?.sysctl ?? {}))
    if (!own || !/^net\.[a-z0-9_.]+$/.test(name) || !/^[\d ]+$/.test(value)) told.push(`sysctl ${name}=${value}`);
  const wrong = rlimits.filter(({ soft, hard }) => [soft, hard].some((one) => !/^\d{1,20}$/.test(String(one))));
  if (wrong.length > 0) told.push(`rlimits ${JSON.stringify(wrong)}`);
  const places = mounts.map(({ destination }) => destination);
  if (new Set(places).size < places.length) told.push(`mounts twice in one place: ${places.join(' ')}`);
  for (const { destination, options } of mounts)
    if (!/^\/[^\0]{1,4094}$/.test(destination) || options.some((one) => /[,\0]/.test(one)))
      told.push(`mount ${destination} ${options.join(' ')}`);
  return told;
}
