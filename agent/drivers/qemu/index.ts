// microVMs: QEMU's `microvm` machine with a kernel, an initrd or a raw root image, and a tap.
import { join } from 'node:path';
import { BerthError } from '../../../protocol/errors.js';
import { MOST_SOCKET_PATH } from '../../base/values/places.js';
import type { GrantName } from '../../config/drivers.js';
import type { Config } from '../../config/schema.js';
import { parseImage, registryOf } from '../../model/image-reference.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { hasAddress } from '../../network/attachment.js';
import { resolverFor } from '../../network/dns.js';
import type { Driver, DriverContext } from '../driver.js';
import { DEFAULT_PATH } from '../environment.js';
import { kindOf, requireBinary, requireFile, sectionOf } from '../files.js';
import { checkImageBoot, imageBoot, stopSignalOf } from '../guest/boot.js';
import { GuestInitrds } from '../guest/initrd.js';
import { imageGuestEnd, programExit } from '../guest/last-words.js';
import { guestEnd } from '../guest-end.js';
import { chargedMemory, requireHugePages } from '../huge-pages.js';
import { makeDirectory } from '../modes.js';
import { versionReader } from '../program-version.js';
import { consoleSocket, jailDirectory, kernelOf, machineArguments, qmpSocket } from './arguments.js';
import { makePipes, sendSignal } from './control.js';
import { setprivArguments, uidFor } from './identity.js';
import { ownMemory } from './own-memory.js';
import { connectQmp } from './qmp.js';
import { qemuSnapshots, readerOf } from './snapshots.js';
import { threadsOf } from './vcpus.js';

export interface QemuOptions {
  /** auto: KVM where it is usable. */
  readonly accel: 'auto' | 'kvm' | 'tcg';
  /** Memory of QEMU itself, beside the guest's. */
  readonly overheadBytes: number;
  /** What the node says of name servers (network.dns). */
  readonly dns: Config['network']['dns'];
  /** Of guests with an image whose spec names none. */
  readonly kernel?: string | undefined;
  /** paths.runtime, below which each VM has a directory with its sockets. */
  readonly runtime: string;
  /** Of all drivers together; absent: its own. */
  readonly initrds?: GuestInitrds;
}

const BINARY = 'qemu-system-x86_64';
const VHOST_VSOCK = '/dev/vhost-vsock';
/** For one question, its connection included. */
const QMP_MS = 2000;
const MIB = 2 ** 20;

/** One question to the monitor, which serves one client at a time. Rejects when it does not answer. */
async function ask(
  { directory, signal }: Pick<DriverContext, 'directory' | 'signal'>,
  command: string,
  args?: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const qmp = await connectQmp(qmpSocket(directory), { deadlineMs: QMP_MS, signal });
  try {
    return await qmp.execute(command, args);
  } finally {
    qmp.close();
  }
}

/** The node of the device is there before its module is; opening it loads that. */
async function requireVsock(): Promise<void> {
  if ((await kindOf(VHOST_VSOCK)) !== undefined) return;
  throw new BerthError('device_missing', `qemu.vsock needs ${VHOST_VSOCK}, and this host has none`, {
    hint: 'Load it: `modprobe vhost_vsock`; for good, put the name into a file of /etc/modules-load.d.',
    data: { device: VHOST_VSOCK },
  });
}

function grantsOf({ image, qemu }: WorkloadSpec): GrantName[] {
  const reference = image === undefined ? undefined : parseImage(image);
  const isFiles = reference !== undefined && registryOf(reference) === undefined;
  return [
    ...(image === undefined || qemu?.kernel !== undefined ? (['qemu.files'] as const) : []),
    ...(isFiles ? (['qemu.image-files'] as const) : []),
    ...(qemu?.vsock === true ? (['qemu.vsock'] as const) : []),
  ];
}

/** QEMU refuses a path that is too long only when everything else of the VM has been made. */
function requireSocketPath(runtime: string, id: string): void {
  const socket = qmpSocket(join(runtime, 'workloads', id));
  const over = Buffer.byteLength(socket) - MOST_SOCKET_PATH;
  if (over <= 0) return;
  const problem = `is too long by ${over}: the kernel takes ${MOST_SOCKET_PATH} bytes for a socket, and ${socket} has more`;
  throw new BerthError('invalid_spec', `the workload is not valid: id ${problem}`, {
    hint: 'Choose a shorter id, or a shorter paths.runtime for this node.',
    data: { fields: [{ field: 'id', problem }] },
  });
}

export function qemuDriver({
  accel,
  overheadBytes,
  dns,
  kernel,
  runtime,
  initrds = new GuestInitrds(join(runtime, 'guests')),
}: QemuOptions): Driver {
  const bootOf = (spec: WorkloadSpec) => ({
    ...{ kernel: sectionOf(spec, 'qemu').kernel ?? kernel, field: 'qemu.kernel' },
    ...{ initrds, dns },
  });
  const versionOf = versionReader();
  const binaries = (which: DriverContext['which'], lockMemory: boolean) => ({
    qemu: requireBinary(BINARY, which, 'runs microVMs (package qemu-system-x86)'),
    setpriv: requireBinary('setpriv', which, 'takes privileges away (package util-linux)'),
    // Of this one process: the limit of the supervisor is that of all workloads.
    unlimited: lockMemory
      ? [requireBinary('prlimit', which, 'lets memory be locked (package util-linux)'), '--memlock=unlimited', '--']
      : [],
  });
  const identify = async (which: DriverContext['which']) =>
    versionOf(requireBinary(BINARY, which, 'runs microVMs (package qemu-system-x86)'));
  const accelFor = (kvmUsable: boolean) => {
    if (accel === 'kvm' && !kvmUsable)
      throw new BerthError('device_missing', 'drivers.qemu.accel is "kvm", and /dev/kvm is not usable on this host', {
        data: { device: '/dev/kvm' },
      });
    return kvmUsable && accel !== 'tcg' ? 'kvm' : 'tcg';
  };
  return {
    name: 'qemu',
    requires: { program: BINARY, kvm: 'preferred' },
    grants: async (spec) => grantsOf(spec),
    async check(spec, context) {
      const { which, kvmUsable, live = false } = context;
      const qemu = sectionOf(spec, 'qemu');
      if (!live) requireSocketPath(runtime, spec.id);
      binaries(which, qemu.lockMemory);
      accelFor(kvmUsable);
      if (qemu.vsock) await requireVsock();
      if (spec.image !== undefined) await checkImageBoot(spec, context, bootOf(spec));
      else await requireFile(kernelOf(qemu), 'qemu.kernel');
      if (qemu.initrd !== undefined) await requireFile(qemu.initrd, 'qemu.initrd');
      if (qemu.root !== undefined) await requireFile(qemu.root, 'qemu.root');
      if (!live) requireHugePages(qemu, 'qemu.hugepages');
    },
    confinement: async () => 'closed',
    tap: (spec) =>
      hasAddress(spec.network)
        ? { name: 'tap0', uid: uidFor(spec.id), multiQueue: false, vnetHeader: true, guestAddress: null }
        : null,
    async prepare(spec, context) {
      const { directory, sandbox, which, kvmUsable, snapshot } = context;
      const qemu = sectionOf(spec, 'qemu');
      const { qemu: binary, setpriv, unlimited } = binaries(which, qemu.lockMemory);
      requireHugePages(qemu, 'qemu.hugepages');
      await makeDirectory(jailDirectory(directory), 0o755);
      const image = spec.image === undefined ? undefined : await imageBoot(spec, context, bootOf(spec));
      if (image !== undefined) await makePipes(directory);
      const machine = machineArguments({
        id: spec.id,
        qemu: { ...qemu, kernel: image?.kernel ?? qemu.kernel, initrd: image?.initrd ?? qemu.initrd },
        image,
        ksm: spec.resources.memory?.ksm === true,
        sandbox,
        servers: (await resolverFor(spec, sandbox, dns)).servers,
        directory,
        accel: accelFor(kvmUsable),
        uid: uidFor(spec.id),
        version: await versionOf(binary),
        restored: snapshot !== undefined,
      });
      return {
        argv: [
          ...(snapshot === undefined ? [] : readerOf(snapshot, which)),
          ...unlimited,
          setpriv,
          ...setprivArguments(),
          '--',
          binary,
          ...machine,
        ],
        env: { PATH: DEFAULT_PATH },
        cwd: '/',
        joinNetns: sandbox.netns !== null,
      };
    },
    // The guest's power button, or the signal for the program of an image. SIGTERM, the caller's other way, ends QEMU under the
    // guest's feet.
    async stop(spec, context) {
      try {
        if (spec.image !== undefined) return await sendSignal(context.directory, stopSignalOf(spec, context));
        await ask(context, 'system_powerdown');
        return true;
      } catch {
        return false;
      }
    },
    // The socket and the jail lie in `directory`; the tap goes with the network namespace.
    async cleanup() {},
    vm: {
      overhead: () => overheadBytes,
      charged: (spec) => chargedMemory(sectionOf(spec, 'qemu')) + overheadBytes,
      ownMemory: (spec, mappings) => ownMemory(sectionOf(spec, 'qemu').memory, mappings),
      vcpuThreads: async (_spec, context) => threadsOf(await ask(context, 'query-cpus-fast')),
      // QEMU takes the size that the guest is to have, and its balloon never blows the guest up beyond what it booted with.
      async balloon(spec, context, bytes) {
        const { memory } = sectionOf(spec, 'qemu');
        await ask(context, 'balloon', { value: Math.max(MIB, memory - bytes) });
      },
      console: ({ directory }) => consoleSocket(directory),
      exitCode: (spec, tail) => (spec.image === undefined ? undefined : programExit(tail)),
      explainEnd: (spec, tail, { code }) => (spec.image === undefined ? guestEnd(tail) : imageGuestEnd(tail, code)),
      snapshots: qemuSnapshots({ accelFor, version: identify }),
    },
  };
}
