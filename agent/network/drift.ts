// What others change of the sandboxes: found by audit (after a hint, every minute, at the start of the agent), put right
// a bounded number of times, then only told.

import { messageOf } from '../../linux/errors.js';
import { sliced } from '../../linux/sliced.js';
import type { Hint } from '../../netns/index.js';
import type { Finding, NetworkRoom, SandboxNetwork, Use } from '../../netns/types.js';
import type { Log } from '../base/log.js';
import { RepairBudget, type RepairLimits } from '../base/repair-budget.js';
import type { EventPort } from '../model/event.js';

export type DriftKind = Finding['kind'];
export const DRIFT_KINDS: readonly DriftKind[] = [
  ...(['netns', 'link', 'address', 'route', 'firewall', 'shaping', 'table', 'bridge'] as const),
];

/** A workload whose network should be in the kernel now. `version` is another object after every change of it. */
export interface Target {
  readonly id: string;
  readonly tenant: string;
  readonly network: SandboxNetwork;
  /** What runs in it; null: not known, or nothing of ours. */
  readonly process: Use['process'];
  readonly version: object;
}

/** What drift asks of the rest of the agent. */
export interface DriftWorld {
  readonly room: Pick<NetworkRoom, 'audit'>;
  readonly events: EventPort;
  readonly log: Log;
  /** All that run. */
  targets(): Promise<readonly Target[]>;
  /** What is wrong with the network as the workload itself sees it; null: nothing, or it cannot be said. */
  ownView(target: Target): Promise<string | null>;
  /** Makes the network of `target` again between two rounds of its actor; false when it has changed meanwhile. */
  repair(target: Target): Promise<boolean>;
  /** Sets up again what all sandboxes share. */
  repairHost(): Promise<void>;
}

/** A difference that is not, or not any more, put right. */
export interface Unrepaired {
  /** Null: it concerns the host. */
  readonly workload: string | null;
  readonly detail: string;
}

export interface DriftOptions extends Partial<RepairLimits> {
  /** How long hints are collected before the audit. */
  readonly debounceMs?: number;
}

/** Key of what concerns no workload; no id is empty. */
const HOST = '';

export class Drift {
  readonly #world: DriftWorld;
  readonly #debounceMs: number;
  readonly #budget: RepairBudget;
  /** By workload, what the last audit found of it: a difference is counted when it appears, not while it lasts. */
  readonly #standing = new Map<string, ReadonlySet<string>>();
  readonly #unrepaired = new Map<string, string>();
  readonly #found = zeros();
  readonly #repaired = zeros();
  #hinted: Set<string> | 'all' = new Set();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(world: DriftWorld, { debounceMs = 200, ...limits }: DriftOptions = {}) {
    this.#world = world;
    this.#debounceMs = debounceMs;
    this.#budget = new RepairBudget(limits);
  }

  /** Differences found since the start, and those put right, by kind. */
  counts(): Readonly<Record<'found' | 'repaired', Readonly<Record<DriftKind, number>>>> {
    return { found: this.#found, repaired: this.#repaired };
  }

  unrepaired(): Unrepaired[] {
    return [...this.#unrepaired].map(([id, detail]) => ({ workload: id === HOST ? null : id, detail }));
  }

  /** From the monitor of the room: looks at those who are named, soon and all at once. */
  hint(hints: readonly Hint[]): void {
    if (this.#closed) return;
    for (const { kind, link, object } of hints) {
      // Of no sandbox: keep-forwarding.ts.
      if (kind === 'forwarding') continue;
      const name = kind === 'netns' ? object : link;
      if (name === null) this.#hinted = 'all';
      else if (this.#hinted !== 'all') this.#hinted.add(name);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const names = this.#hinted;
      this.#hinted = new Set();
      const named = ({ netns, hostLink }: SandboxNetwork, set: ReadonlySet<string>): boolean =>
        set.has(hostLink) || (netns !== null && set.has(netns));
      void this.check(names === 'all' ? undefined : (network) => named(network, names));
    }, this.#debounceMs);
  }

  /** Audits and repairs those that `which` picks, by default all; one check after the other. Never rejects. */
  check(which: (network: SandboxNetwork) => boolean = () => true): Promise<void> {
    this.#running = this.#running
      .then(() => this.#check(which))
      .catch((error: unknown) => this.#world.log.warn({ err: error }, 'networks could not be audited'));
    return this.#running;
  }

  /** The workload is no more. */
  forget(id: string): void {
    this.#budget.forget(`${id} `);
    this.#standing.delete(id);
    this.#unrepaired.delete(id);
  }

  /** Resolves when no repair is under way any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #check(which: (network: SandboxNetwork) => boolean): Promise<void> {
    if (this.#closed) return;
    const targets = (await this.#world.targets()).filter(({ network }) => which(network));
    if (targets.length === 0) return;
    let findings = await this.#audit(targets);
    const shared = findings.filter(({ owner }) => owner === null);
    const again = await this.#settle(HOST, undefined, shared, async () => {
      await this.#world.repairHost();
      return true;
    });
    // The tables are empty now: what is missing in them shows only in another look.
    if (again) findings = await this.#audit(targets);
    const repaired: [target: Target, findings: readonly Finding[]][] = [];
    const byOwner = groupsOf(findings);
    for await (const target of sliced(targets)) {
      const mine = byOwner.get(target.network.owner) ?? [];
      if (await this.#settle(target.id, target, mine, () => this.#world.repair(target))) repaired.push([target, mine]);
    }
    if (repaired.length === 0) return;
    // What the kernel was told is not yet what the workload sees: one look at all that were repaired.
    const left = await this.#audit(repaired.map(([target]) => target));
    const current = new Set((await this.#world.targets()).map(({ version }) => version));
    const wrongOf = groupsOf(left);
    for await (const [target, mine] of sliced(repaired)) {
      // It was changed or ended meanwhile: the look says nothing of it.
      if (!current.has(target.version)) continue;
      const wrong = wrongOf.get(target.network.owner) ?? [];
      if (wrong.length === 0) this.#done(target.id, target, mine);
      else this.#failed(target.id, target, mine, wrong.map(({ detail }) => detail).join('; '));
    }
  }

  /** What the kernel has, and what the workloads see. */
  async #audit(targets: readonly Target[]): Promise<Finding[]> {
    const findings = await this.#world.room.audit(targets.map(({ network }) => network));
    for await (const target of sliced(targets)) {
      const detail = await this.#world.ownView(target);
      if (detail !== null) findings.push({ owner: target.network.owner, kind: 'netns', detail });
    }
    return findings;
  }

  /** Tells, counts and repairs the findings of one; true when that was done, and is to be looked at. */
  async #settle(
    id: string,
    target: Target | undefined,
    findings: readonly Finding[],
    repair: () => Promise<boolean>,
  ): Promise<boolean> {
    const before = this.#standing.get(id) ?? new Set();
    const fresh = findings.filter((finding) => !before.has(keyOf(finding)));
    if (findings.length === 0) {
      this.#standing.delete(id);
      this.#unrepaired.delete(id);
      return false;
    }
    this.#standing.set(id, new Set(findings.map(keyOf)));
    for (const { kind } of fresh) this.#found[kind] += 1;
    const detail = findings.map((finding) => finding.detail).join('; ');
    if (fresh.length > 0) this.#tell('network.drift', target, findings);
    if (!this.#budget.spend(`${id} `)) {
      if (!this.#unrepaired.has(id))
        this.#world.log.error({ workload: id, detail }, 'changed again and again; left as it is');
      this.#unrepaired.set(id, detail);
      return false;
    }
    try {
      if (!(await repair())) return false;
    } catch (error) {
      this.#failed(id, target, findings, messageOf(error));
      return false;
    }
    if (target === undefined) this.#done(id, target, findings);
    return true;
  }

  #done(id: string, target: Target | undefined, findings: readonly Finding[]): void {
    for (const { kind } of findings) this.#repaired[kind] += 1;
    this.#standing.delete(id);
    this.#unrepaired.delete(id);
    this.#tell('network.repaired', target, findings);
  }

  /** Told once, and again when the cause is another; the condition of the node holds as long as it stands. */
  #failed(id: string, target: Target | undefined, findings: readonly Finding[], cause: string): void {
    const detail = `${findings.map((finding) => finding.detail).join('; ')}; not repaired: ${cause}`;
    if (this.#unrepaired.get(id) === detail) return;
    this.#unrepaired.set(id, detail);
    this.#tell('network.repair_failed', target, findings, { cause });
  }

  #tell(type: string, target: Target | undefined, findings: readonly Finding[], more: object = {}): void {
    const { events, log } = this.#world;
    const data = { changes: findings.map(({ kind, detail }) => ({ kind, detail })), ...more };
    events.append({ type, data, ...(target === undefined ? {} : { workload: target.id, tenant: target.tenant }) });
    log.warn({ workload: target?.id, ...data }, type);
  }
}

function groupsOf(findings: readonly Finding[]): Map<string | null, Finding[]> {
  const groups = new Map<string | null, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(finding.owner);
    if (group === undefined) groups.set(finding.owner, [finding]);
    else group.push(finding);
  }
  return groups;
}

function keyOf({ kind, detail }: Finding): string {
  return `${kind} ${detail}`;
}

function zeros(): Record<DriftKind, number> {
  return { netns: 0, link: 0, address: 0, route: 0, firewall: 0, shaping: 0, table: 0, bridge: 0 };
}
