// The config.json of an exec sandbox: a program of the host in a container whose files are the host's, read-only.
import { access } from 'node:fs/promises';
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
import { withMounts } from '../mounts.js';
import { hostnameOf, type NameFiles } from '../names.js';
import { seccompProfile } from '../seccomp.js';
import type { HostRoot } from './host-root.js';

/** What root needs neither for its own files nor to become somebody else. */
const NOT_IN_SANDBOX = new Set<string>(['NET_RAW', 'SETFCAP']);

export interface SandboxOptions {
  readonly spec: Pick<WorkloadSpec, 'id' | 'hostname' | 'rlimits' | 'capabilities'>;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** Name of its network namespace; null: the host's network. */
  readonly netns: string | null;
  readonly skeleton: string;
  readonly root: HostRoot;
  readonly names: readonly Mount[];
  /** Of the spec. */
  readonly mounts: readonly Mount[];
  /** Hard limit of open files. */
  readonly maxFiles: number;
}

export function sandboxConfig(options: SandboxOptions): object {
  const { spec, user, netns, root, maxFiles } = options;
  const usual = user.uid === 0 ? ROOT_CAPABILITIES.filter((name) => !NOT_IN_SANDBOX.has(name)) : [];
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
      args: [...options.argv],
      env: Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
      cwd: options.cwd,
      capabilities: capabilitySets(spec, user.uid, usual, usual),
      noNewPrivileges: true,
      rlimits: rlimitsOf(spec, maxFiles),
    },
    root: { path: options.skeleton, readonly: true },
    hostname: hostnameOf(spec),
    mounts: [...withMounts([...root.mounts, ...KERNEL_MOUNTS], options.mounts), ...options.names],
    linux: {
      namespaces: [...OWN_NAMESPACES.map((type) => ({ type })), ...networkNamespace(netns)],
      ...(netns === null ? {} : { sysctl: OWN_NETWORK_SYSCTL }),
      maskedPaths: [...MASKED_PATHS, ...root.masked],
      readonlyPaths: READONLY_PATHS,
      seccomp: seccompProfile(false),
    },
  };
}

/** Over those files of the host that there are: in a read-only /etc the runtime can make no others. */
export async function nameMounts({ resolvConf, hosts, hostname }: NameFiles): Promise<Mount[]> {
  const wanted = { '/etc/resolv.conf': resolvConf, '/etc/hosts': hosts, '/etc/hostname': hostname };
  const found = await Promise.all(
    Object.entries(wanted).map(async ([path, source]) => {
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      return isThere ? [fileMount(path, source)] : [];
    }),
  );
  return found.flat();
}
