// What a workload may ask for beyond its sandbox, and only where the operator of the node grants it.
import { BerthError } from '../../protocol/errors.js';
import { GRANTS, type GrantName } from '../config/drivers.js';
import type { Config } from '../config/schema.js';

/** The fields that ask for these grants, in words. */
export function grantsText(names: readonly GrantName[]): string {
  return names.map((name) => fieldOf(name)).join('; ');
}

/** Throws `not_permitted`, naming each grant that is missing of drivers.DRIVER.allow. */
export function requireNodeGrants(needed: readonly GrantName[], drivers: Config['drivers']): void {
  const missing = needed.filter((grant) => {
    const [driver, name] = split(grant);
    return !(drivers[driver].allow as readonly string[]).includes(name);
  });
  const [first] = missing;
  if (first === undefined) return;
  const [driver] = split(first);
  const names = missing.map((grant) => split(grant)[1]);
  throw new BerthError('not_permitted', `this node does not grant what the workload asks for: ${grantsText(missing)}`, {
    data: { missing: names },
    hint: `Leave it out, or add ${names.map((name) => `"${name}"`).join(', ')} to drivers.${driver}.allow of this node.`,
  });
}

function split(grant: GrantName): [keyof typeof GRANTS, string] {
  const [driver = '', name = ''] = grant.split('.');
  return [driver as keyof typeof GRANTS, name];
}

function fieldOf(grant: GrantName): string {
  const [driver, name] = split(grant);
  return (GRANTS[driver] as Readonly<Record<string, string>>)[name] ?? grant;
}
