// The address of a guest in the words of its kernel: `ip=` of nfsroot.rst, which configures a NIC before any user space.
import { formatIp, parseIp } from '../../netns/addresses/ip.js';
import { GATEWAY } from '../../netns/types.js';
import type { Sandbox } from '../model/record.js';

export interface GuestNames {
  readonly hostname: string;
  /** IPv4 name servers; the kernel takes two. */
  readonly servers: readonly string[];
  /** What the guest of a snapshot takes for its address. */
  readonly guestAddress?: string | undefined;
}

export interface GuestAddress {
  /** With its prefix; undefined: there is no tap. */
  readonly address: string | undefined;
  /** Undefined: there is no way out. */
  readonly gateway: string | undefined;
}

/** For a guest that is told by other means than its kernel's command line. */
export function guestAddress({
  address,
  tap,
  attachment,
}: Pick<Sandbox, 'address' | 'tap' | 'attachment'>): GuestAddress {
  if (address === null || tap === null) return { address: undefined, gateway: undefined };
  const bridged = attachment?.mode === 'bridge' ? attachment : undefined;
  return {
    address: `${address}/${bridged?.prefix ?? 32}`,
    gateway: bridged === undefined ? GATEWAY : (bridged.gateway ?? undefined),
  };
}

/** Null when there is no tap. A bridge without a way out has no gateway: the field stays empty. */
export function kernelIp(sandbox: Pick<Sandbox, 'address' | 'tap' | 'attachment'>, names: GuestNames): string | null {
  const { address, tap, attachment } = sandbox;
  if (address === null || tap === null) return null;
  const bridged = attachment?.mode === 'bridge' ? attachment : undefined;
  const own = names.guestAddress ?? address;
  const gateway = bridged === undefined ? GATEWAY : (bridged.gateway ?? '');
  const servers = names.servers.filter((text) => parseIp(text).family === 4).slice(0, 2);
  const tail = servers.map((server) => `:${server}`).join('');
  return `ip=${own}::${gateway}:${netmask(bridged?.prefix ?? 32)}:${names.hostname}:eth0:off${tail}`;
}

function netmask(prefix: number): string {
  const all = (1n << 32n) - 1n;
  return formatIp(4, all ^ (all >> BigInt(prefix)));
}
