// Counters of one link.
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import type { Host } from './host.js';
import type { LinkStats } from './types.js';

/** Counters of one link. */
export function statsOf(host: Host, name: string): LinkStats {
  const counters = host.rtnl.link({ name }, { counters: true })?.counters;
  if (counters !== undefined) return { name, ...counters };
  throw new SysError('RTM_GETLINK', constants.errno.ENODEV, { path: name });
}
