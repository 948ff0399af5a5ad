// What each role gets of each method, and whose role somebody on the local socket has.
import test from 'ava';
import { type AccessEntry, ROLES, type Role } from '../../../agent/config/control.js';
import { loadConfig } from '../../../agent/config/load.js';
import { grantBeforeHello, grantOf, type Peer } from '../../../agent/control/authorise.js';
import { localPeer } from '../../../agent/control/local-access.js';
import { METHODS, type MethodName } from '../../../agent/control/methods.js';
import { METHOD_CLASSES, requireRole, rolesFor } from '../../../agent/control/roles.js';
import { BerthError } from '../../../protocol/errors.js';
import { ALLOWED } from './role-table.js';

const NAMES = Object.keys(METHODS) as MethodName[];

test('every method has a class, and each role gets what the table says', (t) => {
  t.deepEqual(Object.keys(METHOD_CLASSES).sort(), [...NAMES].sort());
  for (const role of ROLES)
    t.deepEqual(NAMES.filter((name) => rolesFor(name).includes(role)).sort(), [...ALLOWED[role]].sort(), role);
});

test('a refusal names the role and what would do', (t) => {
  const error = t.throws(() => requireRole({ role: 'viewer', tenants: null }, 'workload.stop'), {
    instanceOf: BerthError,
  });
  t.like(error, {
    ...{ code: 'not_permitted', message: 'workload.stop needs role operator or tenant; this session is viewer' },
    data: { method: 'workload.stop', role: 'viewer', needs: ['operator', 'tenant'] },
  });
  t.throws(() => requireRole({ role: 'viewer', tenants: new Set(['a']) }, 'node.doctor'), {
    message: 'node.doctor needs role operator or viewer, for all tenants; this session is viewer',
  });
  t.notThrows(() => requireRole({ role: 'viewer', tenants: null }, 'node.doctor'));
});

const entry = (more: Partial<AccessEntry>): AccessEntry => ({
  ...{ users: [], groups: [], role: 'viewer', tenants: [] },
  ...more,
});
const names = {
  users: new Map([
    ['root', 0],
    ['ann', 1000],
  ]),
  groups: new Map([
    ['root', 0],
    ['ops', 50],
    ['web', 60],
  ]),
};
const roleOf = (ids: { uid: number; gid?: number; groups?: number[] }, ...entries: AccessEntry[]): Role =>
  localPeer({ gid: ids.uid, groups: [], ...ids }, entries, names).role;

test('the first entry that fits counts, by name or number, of user, group or further groups', (t) => {
  t.is(roleOf({ uid: 1000 }, entry({ users: ['ann'] })), 'viewer');
  t.is(roleOf({ uid: 1000 }, entry({ users: ['1000'] })), 'viewer');
  t.is(roleOf({ uid: 7, gid: 50 }, entry({ groups: ['ops'] })), 'viewer');
  t.is(roleOf({ uid: 7, groups: [9, 60] }, entry({ groups: ['web'] })), 'viewer');
  t.is(roleOf({ uid: 7, groups: [60] }, entry({ groups: ['60'] })), 'viewer');
  const tenant = entry({ groups: ['web'], role: 'tenant', tenants: ['a'] });
  t.is(roleOf({ uid: 1000, groups: [60] }, entry({ users: ['ann'] }), tenant), 'viewer');
  t.is(roleOf({ uid: 1000, groups: [60] }, tenant, entry({ users: ['ann'] })), 'tenant');
});

test('who is in no entry is operator, and so is root whatever the entries say', (t) => {
  t.is(roleOf({ uid: 1000 }), 'operator');
  t.is(roleOf({ uid: 1000 }, entry({ users: ['bob'], groups: ['nobody', 'ops'] })), 'operator');
  t.is(roleOf({ uid: 0, gid: 0 }, entry({ users: ['root', '0'], groups: ['root', '0'] })), 'operator');
});

test('a hello narrows a role, never widens it, and gives nobody the name of another', (t) => {
  const peers: Peer[] = [
    ...ROLES.map(
      (role): Peer => ({ kind: 'local', uid: 7, role, scopes: role === 'tenant' ? ['a', 'b'] : [], allow: null }),
    ),
    ...ROLES.map(
      (role): Peer => ({ kind: 'scheduler', id: 's', role, scopes: role === 'tenant' ? ['a', 'b'] : [], allow: null }),
    ),
  ];
  for (const peer of peers) {
    const own = peer.kind === 'scheduler' ? 's' : 'uid-7';
    const all = grantOf(peer, { scheduler: own, epoch: 1, scopes: [] });
    t.is(all.role, peer.role);
    if (peer.kind === 'local') t.deepEqual({ ...all, scheduler: null }, grantBeforeHello(peer) ?? all);
    else t.is(grantBeforeHello(peer), undefined);
    const narrow = grantOf(peer, { scheduler: own, epoch: 1, scopes: ['a'] });
    t.deepEqual([...(narrow.tenants ?? [])], ['a']);
    t.is(narrow.role, peer.role === 'operator' ? 'tenant' : peer.role);
    const another = () => grantOf(peer, { scheduler: 'central', epoch: 1, scopes: [] });
    if (peer.kind === 'local' && peer.role === 'operator') t.is(another().scheduler, 'central');
    else t.throws(another, { message: `this node knows you as scheduler "${own}", not "central"` });
  }
});

test('a role and its tenants go together in the configuration', async (t) => {
  const problem = async (control: object): Promise<string | undefined> => {
    const flags = Object.entries(control).map(([name, value]) => ({
      name: `control.${name}`,
      value: JSON.stringify(value),
    }));
    return loadConfig({ env: {}, flags, defaults: { file: '/none', dropIns: '/none' } }).then(
      () => undefined,
      (error: Error) => error.message,
    );
  };
  const url = 'wss://a';
  t.regex((await problem({ access: [{ users: ['a'], role: 'tenant' }] })) ?? '', /access\.0\.role.*must have tenants/);
  t.regex((await problem({ access: [{ role: 'viewer' }] })) ?? '', /access\.0\.users.*must name somebody/);
  t.regex(
    (await problem({ access: [{ users: ['a'], role: 'operator', tenants: ['x'] }] })) ?? '',
    /covers every tenant/,
  );
  t.regex((await problem({ scheduler: [{ url, role: 'tenant' }] })) ?? '', /scheduler\.0\.role.*must have scopes/);
  t.regex((await problem({ scheduler: [{ url, role: 'operator', scopes: ['x'] }] })) ?? '', /covers every tenant/);
  t.is(
    await problem({ access: [{ groups: ['ops'], role: 'viewer', tenants: ['x'] }], scheduler: [{ url }] }),
    undefined,
  );
});
