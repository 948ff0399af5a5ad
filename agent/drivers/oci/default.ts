// The config.json berth writes for a bare root filesystem: what `docker run` would have made of it.
import type { Sandbox } from '../../model/record.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { ROOT_CAPABILITIES } from '../capabilities.js';
import { capabilitySets, rlimitsOf } from '../container.js';
import {
  fileMount,
  KERNEL_MOUNTS,
  MASKED_PATHS,
  type Mount,
  networkNamespace,
  OWN_NAMESPACES,
  OWN_NETWORK_SYSCTL,
  READONLY_PATHS,
} from '../containment.js';
import { DEFAULT_PATH, workloadEnvironment } from '../environment.js';
import type { ContainerProcess } from '../image-process.js';
import { withMounts } from '../mounts.js';
import { hostnameOf, type NameFiles } from '../names.js';
import { seccompProfile } from '../seccomp.js';
import type { OciConfig } from './config.js';

export interface DefaultOptions {
  readonly spec: WorkloadSpec;
  readonly oci: NonNullable<WorkloadSpec['oci']>;
  /** Absolute, without symbolic links: mount(8) finds it in the mount table. */
  readonly rootfs: string;
  /** Absolute path of mount(8). */
  readonly mount: string;
  readonly sandbox: Sandbox;
  /** Shown as /etc/resolv.conf, /etc/hosts and /etc/hostname. */
  readonly names: NameFiles;
  /** What the spec gives. */
  readonly env: Readonly<Record<string, string>>;
  readonly process: Omit<ContainerProcess, 'argv'>;
  /** Of the process, or of what starts it. */
  readonly argv: readonly string[];
  /** Of the spec. */
  readonly mounts: readonly Mount[];
  /** Hard limit of open files. */
  readonly maxFiles: number;
}

export function defaultConfig(options: DefaultOptions): OciConfig {
  const { spec, sandbox, process } = options;
  const { user } = process;
  const env = workloadEnvironment(spec, sandbox, { ...process.env, ...options.env }, process.home);
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user,
      args: [...options.argv],
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: process.cwd,
      capabilities: capabilitySets(spec, user.uid, ROOT_CAPABILITIES, ROOT_CAPABILITIES),
      noNewPrivileges: true,
      rlimits: rlimitsOf(spec, options.maxFiles),
    },
    root: { path: options.rootfs, readonly: isReadOnly(options) },
    hostname: hostnameOf(spec),
    hooks: { createContainer: [withoutDevices(options)] },
    mounts: [
      ...withMounts(KERNEL_MOUNTS, options.mounts),
      fileMount('/etc/resolv.conf', options.names.resolvConf),
      fileMount('/etc/hosts', options.names.hosts),
      fileMount('/etc/hostname', options.names.hostname),
    ],
    linux: {
      namespaces: [...OWN_NAMESPACES.map((type) => ({ type })), ...networkNamespace(sandbox.netns)],
      ...(sandbox.netns === null ? {} : { sysctl: OWN_NETWORK_SYSCTL }),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: seccompProfile(true),
    },
  };
}

function isReadOnly({ spec, oci }: Pick<DefaultOptions, 'spec' | 'oci'>): boolean {
  return oci.readonly || spec.readOnlyRootfs;
}

// The specification has no mount options for the root, and crun clears those of a mount it finds there. This hook runs
// in the container's mount namespace, before it is entered. Without it a device node in an image would open the device. With a source
// mount(8) does not look for the mount in /proc/self/mountinfo, which may miss one while others are made and removed. crun before
// 1.17 fails when a hook ends before it has taken the state that crun writes to its standard input, which mount(8) never reads.
function withoutDevices(options: DefaultOptions) {
  const { mount, rootfs } = options;
  const flags = `remount,bind,nodev,nosuid${isReadOnly(options) ? ',ro' : ''}`;
  const script = 'while read -r line; do :; done; exec "$@"';
  const args = ['sh', '-c', script, 'berth-hook', mount, '-o', flags, 'none', rootfs];
  return { path: '/bin/sh', args, env: [`PATH=${DEFAULT_PATH}`] };
}
