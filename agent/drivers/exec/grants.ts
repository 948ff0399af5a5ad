// What an exec workload may ask for beyond its sandbox, and only where the operator of the node grants it.
import type { ExecGrant } from '../../config/drivers.js';
import { BerthError } from '../../errors.js';
import type { WorkloadSpec } from '../../workload/spec.js';
import type { ExecUser } from './user.js';

const FIELDS: Readonly<Record<ExecGrant, string>> = {
  root: 'exec.user root',
  user: 'exec.user, a user of the host',
  'host-network': 'network.mode host',
  'isolation-none': 'exec.isolation none',
};

/** `user`: as the spec names it; undefined: one of its own. */
export function grantsNeeded(
  { exec, network }: Pick<WorkloadSpec, 'exec' | 'network'>,
  user: Pick<ExecUser, 'uid'> | undefined,
): ExecGrant[] {
  const needed: ExecGrant[] = [];
  if (exec?.isolation === 'none') needed.push('isolation-none');
  if (network.mode === 'host') needed.push('host-network');
  if (user !== undefined) needed.push(user.uid === 0 ? 'root' : 'user');
  return needed;
}

/** Throws `not_permitted`, naming each grant that is missing. */
export function requireGrants(needed: readonly ExecGrant[], allowed: readonly ExecGrant[]): void {
  const missing = needed.filter((grant) => !allowed.includes(grant));
  if (missing.length === 0) return;
  const what = missing.map((grant) => FIELDS[grant]).join('; ');
  throw new BerthError('not_permitted', `this node does not grant what the workload asks for: ${what}`, {
    data: { missing },
    hint: `Leave it out, or add ${missing.map((grant) => `"${grant}"`).join(', ')} to drivers.exec.allow of this node.`,
  });
}
