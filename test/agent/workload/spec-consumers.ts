// What a specification becomes, made without starting anything: each throws where it cannot be made as asked.
import { configSchema } from '../../../agent/config/schema.js';
import { createDrivers } from '../../../agent/drivers/index.js';
import { machineArguments } from '../../../agent/drivers/qemu/arguments.js';
import { limitsOf } from '../../../agent/limits/limits.js';
import { requireRates } from '../../../agent/network/attachment.js';
import { Claims } from '../../../agent/network/claims.js';
import { networkFor, planSandbox, sandboxFor } from '../../../agent/workload/plan.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/workload/spec.js';
import { planValues } from '../../../cgroups/controllers.js';
import type { Value } from '../../../cgroups/types.js';
import { assertFirewall } from '../../../netns/firewall/index.js';
import { assertBandwidth } from '../../../netns/shaping/index.js';
import { bucketOf } from '../../../netns/shaping/rate.js';
import { assertSandbox } from '../../../netns/validate.js';
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
/** binfmts.h: MAX_ARG_STRLEN, with the NUL. */
const MOST_ARGUMENT = 131_072;
/** arch/x86: COMMAND_LINE_SIZE, with the NUL. The kernel cuts what is longer, and says nothing. */
const MOST_COMMAND_LINE = 2048;
const PATH_MAX = 4096;
const MAX_U32 = 2 ** 32 - 1;

/** As `workload.create` judges it before anything of the host is asked. */
export function accept(input: unknown): WorkloadSpec {
  const spec = parseSpec(input);
  requireRates(spec.network, NODE.network);
  return spec;
}

/** What would be written into its cgroup. */
export function valuesOf(spec: WorkloadSpec): readonly Value[] {
  const limits = limitsOf(spec, 0, {
    ...{ files: ALL_FILES, device: (path) => (path.startsWith('/') ? '254:0' : path), config: NODE.cgroups },
    defaultCpu: NODE.density.default_cpu_request,
  });
  return planValues(limits);
}

/** One sentence for each thing that could not be made of an accepted spec as it asks. */
export function makeParts(spec: WorkloadSpec): string[] {
  const driver = drivers.get(spec.driver);
  if (driver === undefined) throw new Error(`no driver ${spec.driver}`);
  const claim = new Claims(NODE.network, [3, 99]).claim(spec);
  const sandbox = sandboxFor(spec, driver, NODE.network.link_prefix, claim, undefined);
  const planner = { config: NODE, installation: { id: '0123abcd' } };
  const values = valuesOf(spec);
  planSandbox(spec, sandbox, driver, values, planner);
  const network = networkFor(spec, sandbox, driver, planner);
  if (network !== null) {
    assertSandbox(network);
    assertFirewall(network.firewall);
    assertBandwidth(network.bandwidth, network.mtu);
    for (const rate of [network.bandwidth.ingress, network.bandwidth.egress])
      for (const [what, value] of Object.entries(rate === null ? {} : bucketOf(rate, network.mtu)))
        if (!Number.isSafeInteger(value) || value < 1 || (what !== 'bytesPerSecond' && value > MAX_U32))
          throw new Error(`the bucket has ${what} ${value}`);
  }
  const { exec, oci, qemu } = spec;
  const strings = [...(exec?.command ?? []), ...(oci?.command ?? [])];
  for (const [key, value] of Object.entries({ ...exec?.env, ...oci?.env })) strings.push(`${key}=${value}`);
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
    const argv = machineArguments({ ...machine, servers: ['255.255.255.255', '255.255.255.254'] });
    strings.push(...argv);
    const line = argv[argv.indexOf('-append') + 1] ?? '';
    if (Buffer.byteLength(line) >= MOST_COMMAND_LINE)
      throw new Error(`the kernel cuts ${Buffer.byteLength(line)} bytes`);
    if (/^0/.test(argv[argv.indexOf('-m') + 1] ?? '')) throw new Error('QEMU takes no guest without memory');
  }
  for (const text of strings)
    if (text.includes('\0') || Buffer.byteLength(text) >= MOST_ARGUMENT)
      throw new Error('the kernel takes no such argument');
  for (const path of paths)
    if (path !== undefined && (path.includes('\0') || Buffer.byteLength(path) >= PATH_MAX))
      throw new Error('the kernel takes no such path');
  return wrongValues(values);
}
