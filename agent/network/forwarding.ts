// The kernel forwards nothing unless told to (ip-sysctl.rst), and a routed workload reaches the outside by being forwarded.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sysErrorFrom } from '../../linux/errors.js';

const SYS = '/proc/sys/net';

/** What was changed, as `key = value`; nothing when all was on already. Throws SysError. */
export function enableForwarding(options: { readonly ipv6: boolean }, root = SYS): string[] {
  const changed = turnOn(root, 'ipv4/ip_forward', '1');
  if (!options.ipv6 || read(join(root, 'ipv6/conf/all/forwarding')) !== '0') return changed;
  // A router does not take router advertisements unless accept_ra is 2: without this, a host that has its own default
  // route from them loses it minutes after forwarding was turned on.
  for (const link of readdirSync(join(root, 'ipv6/conf')))
    if (read(join(root, `ipv6/conf/${link}/accept_ra`)) === '1')
      changed.push(...turnOn(root, `ipv6/conf/${link}/accept_ra`, '2'));
  return [...changed, ...turnOn(root, 'ipv6/conf/all/forwarding', '1')];
}

function turnOn(root: string, key: string, value: string): string[] {
  const path = join(root, key);
  if (read(path) === value) return [];
  try {
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
