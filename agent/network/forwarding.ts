// The kernel forwards nothing unless told to (ip-sysctl.rst), and a routed workload reaches the outside by being forwarded.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sysErrorFrom } from '../../linux/errors.js';
import type { Change } from './forwarding-before.js';

const SYS = '/proc/sys/net';

export interface ForwardingOptions {
  readonly ipv6: boolean;
  /** Told of each change before it is made. */
  readonly remember?: (change: Change) => void;
}

/** What was changed, as `key = value`; nothing when all was on already. Throws SysError. */
export function enableForwarding(options: ForwardingOptions, root = SYS): string[] {
  const turnOn = (key: string, value: string): string[] => set(root, key, value, options.remember);
  const changed = turnOn('ipv4/ip_forward', '1');
  if (!options.ipv6 || read(join(root, 'ipv6/conf/all/forwarding')) !== '0') return changed;
  // A router does not take router advertisements unless accept_ra is 2: without this, a host that has its own default
  // route from them loses it minutes after forwarding was turned on.
  for (const link of readdirSync(join(root, 'ipv6/conf')))
    if (read(join(root, `ipv6/conf/${link}/accept_ra`)) === '1')
      changed.push(...turnOn(`ipv6/conf/${link}/accept_ra`, '2'));
  return [...changed, ...turnOn('ipv6/conf/all/forwarding', '1')];
}

/** Whether workloads cannot be reached: what `enableForwarding` would turn on is off. */
export function isForwardingOff(options: { readonly ipv6: boolean }, root = SYS): boolean {
  if (read(join(root, 'ipv4/ip_forward')) === '0') return true;
  return options.ipv6 && read(join(root, 'ipv6/conf/all/forwarding')) === '0';
}

function set(root: string, key: string, value: string, remember: ForwardingOptions['remember']): string[] {
  const path = join(root, key);
  const before = read(path);
  if (before === value) return [];
  try {
    if (before !== undefined) remember?.({ path: `net/${key}`, before, after: value });
    writeFileSync(path, value);
  } catch (error) {
    throw sysErrorFrom(error, 'write', path, value);
  }
  return [`net.${key.replaceAll('/', '.')} = ${value}`];
}

/** Undefined where this kernel has no such setting. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return undefined;
  }
}
