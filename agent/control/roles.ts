// What each method touches, once for all of them, and what each role may therefore ask. Within which tenants is
// authorise.ts' business.
import { BerthError } from '../../protocol/errors.js';
import { ROLES, type Role } from '../config/control.js';
import type { MethodName } from './methods.js';

/**
 * read: of the tenants in scope and the figures of the host; read_host: all of the host; change: what is of a tenant;
 * operate: what touches every tenant; operate_host: the same, and only for sessions that cover all tenants.
 */
export type MethodClass = 'read' | 'read_host' | 'change' | 'operate' | 'operate_host';

export const METHOD_CLASSES: { readonly [M in MethodName]: MethodClass } = {
  // Of the session itself: what they keep is kept under the peer's own name.
  'session.hello': 'read',
  'session.ping': 'read',
  'events.subscribe': 'read',
  'events.ack': 'read',
  'node.describe': 'read',
  'node.capacity': 'read',
  'node.top': 'read',
  'node.cordon': 'operate',
  'node.uncordon': 'operate',
  'node.drain': 'operate_host',
  'node.reload': 'operate',
  'node.doctor': 'read_host',
  'node.cleanup': 'operate',
  'node.tune': 'operate',
  // A dry run takes no room, and what it tells (rows, victims) a viewer sees by workload.list and node.capacity as well.
  'workload.fits': 'read',
  'workload.create': 'change',
  'workload.reserve': 'change',
  'workload.release': 'change',
  'workload.update': 'change',
  'workload.patch': 'change',
  'workload.delete': 'change',
  'workload.get': 'read',
  'workload.list': 'read',
  'workload.start': 'change',
  'workload.stop': 'change',
  'workload.restart': 'change',
  'workload.freeze': 'change',
  'workload.thaw': 'change',
  'workload.logs': 'read',
  // What runs inside a workload may do all that the workload may.
  'workload.exec': 'change',
  'workload.copy': 'change',
  'workload.console': 'change',
  'stream.input': 'change',
  'stream.credit': 'change',
  'stream.resize': 'change',
  'stream.signal': 'change',
  'stream.close': 'change',
  'workload.snapshot': 'change',
  'snapshot.list': 'read',
  'snapshot.delete': 'change',
  // Those of the tenants of the session.
  'volume.list': 'read',
  'volume.delete': 'change',
  'volume.prune': 'change',
  // Images are of the node: who has one, has it for all tenants. A tenant has them fetched, as its workloads do.
  'image.list': 'read',
  'image.pull': 'change',
  'image.delete': 'operate',
  'image.prune': 'operate',
  // A network of whichever tenant its configuration names.
  'cni.call': 'operate',
  'engine.list': 'read',
  'engine.get': 'read',
  'tenant.list': 'read',
  'tenant.set': 'operate',
  'tenant.delete': 'operate',
  'licence.list': 'read',
  'licence.lease': 'operate',
  'licence.audit': 'read',
};

const CLASSES: Readonly<Record<Role, ReadonlySet<MethodClass>>> = {
  operator: new Set<MethodClass>(['read', 'read_host', 'change', 'operate', 'operate_host']),
  tenant: new Set<MethodClass>(['read', 'change']),
  viewer: new Set<MethodClass>(['read', 'read_host']),
};

/** Who is asking: `tenants` null covers all of them. */
interface Asking {
  readonly role: Role;
  readonly tenants: ReadonlySet<string> | null;
}

/** The roles that may call a method. */
export function rolesFor(method: MethodName): readonly Role[] {
  return ROLES.filter((role) => CLASSES[role].has(METHOD_CLASSES[method]));
}

/** Throws `not_permitted`, naming the role and those that would do. */
export function requireRole({ role, tenants }: Asking, method: MethodName): void {
  const needs = rolesFor(method);
  const scoped = METHOD_CLASSES[method].endsWith('_host') && tenants !== null;
  if (needs.includes(role) && !scoped) return;
  const beyond = scoped ? ', for all tenants' : '';
  throw new BerthError(
    'not_permitted',
    `${method} needs role ${needs.join(' or ')}${beyond}; this session is ${role}`,
    {
      hint: 'Ask an operator of this node. [[control.access]] gives roles on the local socket, `role` and `scopes` of [[control.scheduler]] those of schedulers.',
      data: { method, role, needs, ...(tenants === null ? {} : { scopes: [...tenants] }) },
    },
  );
}
