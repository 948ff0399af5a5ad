// Who may do what, and within which tenants. The configuration says it of each peer, session.hello narrows it, and a
// scheduler must be the newest of its kind. Which methods a role has is said in roles.ts.
import { BerthError } from '../../protocol/errors.js';
import type { Role } from '../config/control.js';
import type { GrantName } from '../config/drivers.js';
import { grantsText } from '../drivers/grants.js';
import type { BerthEvent } from '../model/event.js';
import { FOR_EVERYONE } from './events.js';
import type { NumberFile } from './number-file.js';

/** What the configuration gives a peer. `scopes` are tenants; empty: all. */
interface Rights {
  readonly role: Role;
  readonly scopes: readonly string[];
  /** Beyond the sandbox of a workload; null: all that the node grants. */
  readonly allow: readonly GrantName[] | null;
}
export interface LocalPeer extends Rights {
  readonly kind: 'local';
  readonly uid: number;
  /** As /etc/passwd has it. */
  readonly user?: string;
  readonly pid?: number;
}
export interface SchedulerPeer extends Rights {
  readonly kind: 'scheduler';
  readonly id: string;
}
/** The far end of a connection, before it has said anything. */
export type Peer = LocalPeer | SchedulerPeer;

export interface Grant {
  readonly role: Role;
  /** Null until a hello; on the local socket it may stay so. */
  readonly scheduler: string | null;
  /** Tenants it may act on; null: all, and the host itself. */
  readonly tenants: ReadonlySet<string> | null;
  /** Of what the node grants; null: all of it. */
  readonly allow: readonly GrantName[] | null;
}

export interface Hello {
  readonly scheduler: string;
  readonly epoch: number;
  readonly scopes: readonly string[];
}

/** Who says nothing of grants leaves them to operators. */
export function allowByDefault(role: Role): Rights['allow'] {
  return role === 'operator' ? null : [];
}

/** Without a word from the peer; undefined: it may say session.hello and nothing else. */
export function grantBeforeHello(peer: Peer): Grant | undefined {
  if (peer.kind === 'scheduler') return undefined;
  const { role, scopes, allow } = peer;
  return { role, scheduler: null, tenants: scopes.length === 0 ? null : new Set(scopes), allow };
}

/**
 * The name that the epochs and acknowledged cursors of a peer are kept under; undefined: it may choose. Who is no operator
 * may not: a higher epoch under the name of a scheduler would keep that scheduler out.
 */
function nameOf(peer: Peer): string | undefined {
  if (peer.kind === 'scheduler') return peer.id;
  return peer.role === 'operator' ? undefined : `uid-${peer.uid}`;
}

/** What `hello` yields on this connection. Throws `not_permitted`. */
export function grantOf(peer: Peer, hello: Hello): Grant {
  const asked = hello.scopes.length === 0 ? null : new Set(hello.scopes);
  const name = nameOf(peer) ?? hello.scheduler;
  if (name !== hello.scheduler)
    throw new BerthError('not_permitted', `this node knows you as scheduler "${name}", not "${hello.scheduler}"`, {
      hint:
        peer.kind === 'scheduler'
          ? 'Make `id` in [[control.scheduler]] and the name in session.hello the same.'
          : `Send session.hello as "${name}": on the local socket only operators choose a name.`,
      data: { configured: name, stated: hello.scheduler },
    });
  if (peer.scopes.length === 0) {
    const role = peer.role === 'operator' && asked !== null ? 'tenant' : peer.role;
    return { role, scheduler: name, tenants: asked, allow: peer.allow };
  }
  const tenants = new Set(peer.scopes.filter((tenant) => asked === null || asked.has(tenant)));
  if (tenants.size === 0)
    throw new BerthError('not_permitted', 'none of the scopes asked for is configured for this peer', {
      data: { asked: hello.scopes, configured: peer.scopes },
    });
  return { role: peer.role, scheduler: name, tenants, allow: peer.allow };
}

export function permits(grant: Grant, tenant: string): boolean {
  return grant.tenants === null || grant.tenants.has(tenant);
}

/** Throws `not_permitted` unless the tenant is in scope. */
export function requireTenant(grant: Grant, tenant: string): void {
  if (permits(grant, tenant)) return;
  throw new BerthError('not_permitted', `tenant "${tenant}" is outside the scope of this session`, {
    data: { tenant, scopes: [...(grant.tenants ?? [])] },
  });
}

/** Throws `not_permitted`, naming each grant that neither the session nor its tenant has. */
export function requireGrants(
  { allow }: Pick<Grant, 'allow'>,
  tenant: string,
  asked: { readonly needed: readonly GrantName[]; readonly tenant: readonly GrantName[] },
): void {
  const missing = asked.needed.filter(
    (name) => allow !== null && !allow.includes(name) && !asked.tenant.includes(name),
  );
  if (missing.length === 0) return;
  const what = grantsText(missing);
  throw new BerthError('not_permitted', `this session is not granted what the workload asks for: ${what}`, {
    data: { missing, tenant },
    hint: `Leave it out, or have an operator add ${missing.map((name) => `"${name}"`).join(', ')} to \`allow\` of the [[control.access]] or [[control.scheduler]] of this session, or to tenant.${tenant}.allow.`,
  });
}

/** Events of a tenant are for those whose scope covers it; of the host itself everyone sees what names nobody. */
export function sees(grant: Grant, event: BerthEvent): boolean {
  if (grant.tenants === null) return true;
  if (event.tenant !== undefined) return grant.tenants.has(event.tenant);
  return event.workload === undefined && FOR_EVERYONE.has(event.type);
}

/** Without the name of a workload of another tenant, for whom this one had to go. */
export function forSession<T extends object>(grant: Grant, told: T & { readonly by?: unknown }): T {
  const by = told.by as { readonly tenant?: string } | undefined;
  if (by?.tenant === undefined || permits(grant, by.tenant)) return told;
  const { by: _hidden, ...rest } = told;
  return rest as T;
}

/** Lets only the newest epoch of a scheduler act: one that was replaced may not know it yet. */
export class EpochFence {
  readonly #highest: NumberFile;
  readonly #live = new Map<
    object,
    { readonly scheduler: string; readonly epoch: number; readonly close: () => void }
  >();

  constructor(highest: NumberFile) {
    this.#highest = highest;
  }

  /**
   * Admits `session`, closing older ones of the same scheduler; resolves when the epoch is durable. Throws
   * `stale_epoch`, and errors of node:fs.
   */
  async enter(session: object, hello: Hello, close: () => void): Promise<void> {
    const highest = this.#highest.get(hello.scheduler) ?? -1;
    if (hello.epoch < highest)
      throw new BerthError('stale_epoch', `epoch ${hello.epoch} is older than ${highest}, which was seen already`, {
        data: { scheduler: hello.scheduler, epoch: hello.epoch, seen: highest },
      });
    this.#live.set(session, { scheduler: hello.scheduler, epoch: hello.epoch, close });
    for (const [other, { scheduler, epoch, close: closeOther }] of [...this.#live]) {
      if (scheduler !== hello.scheduler || epoch >= hello.epoch) continue;
      this.#live.delete(other);
      closeOther();
    }
    await this.#highest.ensure(hello.scheduler, hello.epoch);
  }

  leave(session: object): void {
    this.#live.delete(session);
  }
}

/** Tenants of the session; `tenant`: this one alone. */
export function seeing(grant: Grant, tenant: string | undefined): (name: string) => boolean {
  return (name) => permits(grant, name) && (tenant === undefined || name === tenant);
}
