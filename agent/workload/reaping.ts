// Pure: what becomes of an object that carries a tag of berth, and why. Nothing of another installation is removed, nothing
// that somebody uses, and nothing that may only be on its way.
import { nameInstallation, type OtherInstallation, whoseIs } from '../model/tags.js';

export interface Candidate {
  /** Of the workload that it names. */
  readonly id: string;
  /** Of the tag; null: no tag, or one of a version that did not say whose. */
  readonly installation: string | null;
  /** A record of ours explains it. */
  readonly recorded: boolean;
  /** A sentence; null: nobody uses it. */
  readonly heldBy: string | null;
  /** Milliseconds since it was first seen without a record. */
  readonly ageMs: number;
}

export interface Rules {
  /** Id of this installation. */
  readonly ours: string;
  readonly others: readonly OtherInstallation[];
  readonly guardMs: number;
  /** A person asked for it: the guard age does not count. */
  readonly now: boolean;
}

/** Why it is kept: `recorded` is none of the reaper's, `foreign` and `unclear` are no leaks of ours. */
export type Kept = 'recorded' | 'foreign' | 'in_use' | 'unclear' | 'young';
export type Verdict =
  | { readonly action: 'remove'; readonly why: string }
  | { readonly action: 'keep'; readonly reason: Kept; readonly why: string };

export function judge(candidate: Candidate, { ours, others, guardMs, now }: Rules): Verdict {
  const { id, installation, recorded, heldBy, ageMs } = candidate;
  const whose = whoseIs(installation, ours);
  if (whose === 'another') return keep('foreign', `of ${nameInstallation(installation, others)}`);
  if (recorded) return keep('recorded', `workload "${id}" has it`);
  if (heldBy !== null) return keep('in_use', `in use: ${heldBy}`);
  const [other] = others;
  if (whose === 'unknown' && other !== undefined)
    return keep(
      'unclear',
      `without the id of an installation, and this host has ${nameInstallation(other.id, others)}`,
    );
  if (!now && ageMs < guardMs) return keep('young', `too young (${seconds(ageMs)} of ${seconds(guardMs)})`);
  return { action: 'remove', why: `no workload "${id}" is known, and nobody uses it` };
}

function keep(reason: Kept, why: string): Verdict {
  return { action: 'keep', reason, why };
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}
