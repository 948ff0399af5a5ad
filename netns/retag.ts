// The tags of an earlier version become those of this one, on what is in use and stays as it is.

import { foreignTag, tagNamespace } from './foreign.js';
import type { Host } from './host.js';
import { openNamed } from './namespaces.js';
import { settle } from './sandbox/face.js';
import type { Retag } from './types.js';

/** Namespaces first: until its link has its new tag, a sandbox that a crash leaves in between comes here again. Throws SysError. */
export function retagSandboxes(host: Host, sandboxes: readonly Retag[]): void {
  for (const { netns, hostLink, from, to } of sandboxes) {
    if (netns === null || [from, to].every((owner) => foreignTag(host, { netns, hostLink, owner }) !== undefined))
      continue;
    const inside = openNamed(host, netns);
    try {
      if (inside !== undefined) tagNamespace(host, inside.rtnl);
    } finally {
      inside?.close();
    }
  }
  const wanted = new Map(sandboxes.map(({ from, to }) => [from, to]));
  // With the IFBs of shaped sandboxes, which have the tag of their sandbox.
  const links = host.rtnl.links(({ alias }) => alias !== undefined && wanted.has(alias), { counters: false });
  const requests = links.map(({ index, name, alias = '' }) =>
    settle({ index }, { alias: wanted.get(alias) ?? alias }, name),
  );
  if (requests.length > 0) host.rtnl.transact(requests);
  for (const slot of host.slots.values()) slot.owner = wanted.get(slot.owner ?? '') ?? slot.owner;
}
