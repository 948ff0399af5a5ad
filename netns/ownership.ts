// Whose link is it? The ifalias says so; a link without one is ours only when it is half of a pair whose other half
// is in the sandbox's namespace.
import type { Link } from './netlink/link.js';
import type { OpenNamespace } from './open-namespace.js';
import type { SandboxNetwork } from './types.js';

/** The two ends of the sandbox's veth, as far as they exist. `fits`: they are the ends of one pair. */
export interface Pair {
  readonly fits: boolean;
  readonly inner: Link | undefined;
}

/** Name of the link in the namespace of a sandbox. */
export function innerNameOf({ given }: Pick<SandboxNetwork, 'given'>): string {
  return given?.link ?? 'eth0';
}

/** Looks for the other end of `outer` in the sandbox's namespace. */
export function findPair(outer: Link, inside: OpenNamespace | undefined, name: string): Pair {
  const inner = inside?.rtnl.link({ name });
  const fits = inner !== undefined && inner.peer === outer.index && outer.peer === inner.index;
  return { fits, inner };
}

/**
 * Whether `link` may be changed and deleted in the name of `owner`. Creation and alias travel in one send, so a link
 * of ours without alias is all but impossible; but it would be a leak for ever, hence the second look.
 */
export function isOurs(link: Link, owner: string, inside: OpenNamespace | undefined, name: string): boolean {
  if (link.alias !== undefined && link.alias !== '') return link.alias === owner;
  // A tap has no other half; its name is a hash that nobody else makes up.
  if (link.kind === 'tun') return true;
  return findPair(link, inside, name).fits;
}
