// Removal. One RTM_DELLINK waits 16-40 ms for RCU however many links it deletes, so a batch shares one by IFLA_GROUP.
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import type { Host } from './host.js';
import { openNamed, removeNamespace } from './namespaces.js';
import { deleteGroup, deleteLink, setLink } from './netlink/link.js';
import { isOurs } from './ownership.js';
import type { Request } from './rtnl.js';
import type { Removal } from './types.js';
import { assertSandboxNames } from './validate.js';

/** The RTNL lock is held for a whole batch; with 25 a create that has to wait does so for about 25 ms. */
export const REMOVAL_BATCH = 25;

const { ENODEV } = constants.errno;

/**
 * Removes the sandboxes, at most REMOVAL_BATCH at once: links first, then names. Returns for each the SysError that
 * kept it, or undefined. A tap goes with its namespace, which the kernel takes down behind our back.
 */
export function removeSandboxes(host: Host, removals: readonly Removal[]): (SysError | undefined)[] {
  const indices: number[] = [];
  const failures = removals.map((removal) =>
    attempt(() => {
      assertSandboxNames(removal);
      const index = ownedLink(host, removal);
      if (index !== undefined) indices.push(index);
    }),
  );
  const linkFailure = attempt(() => deleteLinks(host, indices));
  return removals.map((removal, position) => {
    const failure = failures[position] ?? linkFailure;
    const { netns } = removal;
    return failure ?? (netns === null ? undefined : attempt(() => removeNamespace(netns)));
  });
}

function ownedLink(host: Host, removal: Removal): number | undefined {
  if (removal.hostLink === null) return undefined;
  const link = host.rtnl.link({ name: removal.hostLink });
  if (link === undefined) return undefined;
  if (link.alias === removal.owner) return link.index;
  const inside = removal.netns === null ? undefined : openNamed(host, removal.netns);
  try {
    return isOurs(link, removal.owner, inside) ? link.index : undefined;
  } finally {
    inside?.close();
  }
}

// A link may vanish on its own meanwhile, when its namespace was already on its way out: ENODEV is success.
function deleteLinks(host: Host, indices: readonly number[]): void {
  const [only] = indices;
  if (only === undefined) return;
  if (indices.length === 1) {
    host.rtnl.transact([{ message: deleteLink(only), op: 'RTM_DELLINK', path: `#${only}`, tolerate: [ENODEV] }]);
    return;
  }
  // A random group of 31 bits, so that no link of anyone else can be in it.
  const group = randomInt(2 ** 16, 2 ** 31);
  const moves = indices.map((index): Request => {
    const message = setLink({ index, group });
    return { message, op: 'RTM_SETLINK', path: `#${index}`, value: `group ${group}`, tolerate: [ENODEV] };
  });
  const path = `group ${group}`;
  host.rtnl.transact([...moves, { message: deleteGroup(group), op: 'RTM_DELLINK', path, tolerate: [ENODEV] }]);
}

function attempt(body: () => void): SysError | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}
