// Namespaces of other callers on this host: /run/netns is one directory for all of them, so a name may be taken. The
// ifalias of `lo` says by whom; it works for a namespace without a name as well, and netlink reads it.
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import type { Host } from './host.js';
import { openNamed } from './namespaces.js';
import type { Rtnl } from './rtnl.js';
import { settle } from './sandbox/face.js';
import { CLAIM, type OwnTags } from './types.js';

const LOOPBACK = { index: 1 };

interface Named {
  readonly netns: string;
  /** The link that leads into it, when there is one, and its tag. */
  readonly hostLink: string | null;
  readonly owner: string;
}

/** Pure. A tag without the prefix is an administrator's remark, and says nothing. */
export function isForeign(tag: string | undefined, tags: Pick<OwnTags, 'prefix' | 'namespace'>): tag is string {
  return tag?.startsWith(tags.prefix) === true && tag !== tags.namespace;
}

/** Tag of the namespace in which `inside` is. */
export function tagInside(inside: Rtnl): string | undefined {
  const alias = inside.link(LOOPBACK)?.alias;
  return alias === '' ? undefined : alias;
}

/** Throws SysError. */
export function tagNamespace(host: Host, inside: Rtnl): void {
  if (host.settings === undefined) return;
  inside.transact([settle(LOOPBACK, { alias: host.settings.tags.namespace }, 'lo')]);
}

/** Of a namespace that lives on without us: whoever has it may give it to another caller. Throws SysError. */
export function untagNamespace(host: Host, netns: string): void {
  const inside = openNamed(host, netns);
  try {
    if (inside !== undefined && tagInside(inside.rtnl) === host.settings?.tags.namespace)
      inside.rtnl.transact([settle(LOOPBACK, { alias: '' }, 'lo')]);
  } finally {
    inside?.close();
  }
}

/**
 * The tag of another caller on the namespace of this name; undefined: it is ours, nobody's, or there is none. A workload
 * with CAP_NET_ADMIN may write any tag: a link of ours that leads into it proves more.
 */
export function foreignTag(host: Host, { netns, hostLink, owner }: Named): string | undefined {
  const { settings } = host;
  if (settings === undefined) return undefined;
  const held = host.slots.get(netns);
  if (held !== undefined && held.owner === owner) return undefined;
  const inside = openNamed(host, netns);
  if (inside === undefined) return undefined;
  try {
    const tag = tagInside(inside.rtnl);
    if (!isForeign(tag, settings.tags)) return undefined;
    const outer = hostLink === null ? undefined : host.rtnl.link({ name: hostLink });
    const leadsThere = outer?.alias === owner && outer.peerNetns === host.rtnl.nsid(inside.fd);
    return leadsThere ? undefined : tag;
  } finally {
    inside.close();
  }
}

/** Throws SysError EEXIST when another caller has the namespace of this name. */
export function refuseForeign(host: Host, named: Named): void {
  const tag = foreignTag(host, named);
  if (tag === undefined) return;
  const note = 'another installation has the network namespace of this name';
  throw new SysError(CLAIM, constants.errno.EEXIST, { path: named.netns, value: tag, note });
}
