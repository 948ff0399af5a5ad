// Who somebody on the local socket is: the ids that the kernel gives of the peer, against [[control.access]].
import { defined } from '../../linux/defined.js';
import type { PeerCredentials } from '../../linux/unix-peer.js';
import { BerthError } from '../../protocol/errors.js';
import { type AccountNames, accountNames } from '../base/accounts.js';
import type { AccessEntry } from '../config/control.js';
import { allowByDefault, type LocalPeer } from './authorise.js';

type Ids = Pick<PeerCredentials, 'uid' | 'gid' | 'groups'> & Partial<Pick<PeerCredentials, 'pid'>>;

/** Root is always operator, and so is who may open the socket and is in no entry. The first entry that fits counts. */
export function localPeer(ids: Ids, entries: readonly AccessEntry[], names: AccountNames): LocalPeer {
  const { uid, gid, groups, pid } = ids;
  const user = uid === 0 ? 'root' : [...names.users].find(([, id]) => id === uid)?.[0];
  const who = { ...defined({ user, pid }) };
  const operator: LocalPeer = { kind: 'local', uid, ...who, role: 'operator', scopes: [], allow: null };
  if (uid === 0) return operator;
  const isUser = (name: string): boolean => idOf(name, names.users) === uid;
  const isGroup = (name: string): boolean => {
    const id = idOf(name, names.groups);
    return id !== undefined && (id === gid || groups.includes(id));
  };
  const entry = entries.find((one) => one.users.some(isUser) || one.groups.some(isGroup));
  if (entry === undefined) return operator;
  const { role, tenants, allow } = entry;
  return { kind: 'local', uid, ...who, role, scopes: tenants, allow: allow ?? allowByDefault(role) };
}

/** As `localPeer`, with the names as they are in the files now: users come and go while the agent runs. */
export async function admitLocal(ids: Ids, entries: readonly AccessEntry[]): Promise<LocalPeer> {
  return localPeer(ids, entries, ids.uid === 0 ? { users: new Map(), groups: new Map() } : await accountNames());
}

/** Of a group by name or number; undefined: none is asked for. Throws `config_invalid` for a name that is not there. */
export async function gidOf(group: string): Promise<number | undefined> {
  if (group === '') return undefined;
  const gid = idOf(group, (await accountNames()).groups);
  if (gid !== undefined) return gid;
  throw new BerthError('config_invalid', `control.group: there is no group ${JSON.stringify(group)} in /etc/group`, {
    hint: `Make it: groupadd --system ${group}`,
    data: { group },
  });
}

/** A name may be all digits; then the number is meant, as for chown(1) with a plus. */
function idOf(name: string, known: ReadonlyMap<string, number>): number | undefined {
  return /^\d+$/.test(name) ? Number(name) : known.get(name);
}
