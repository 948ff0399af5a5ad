// The doctor: evaluates the table of checks. Pure, and changes nothing.
import type { Condition } from '../service.js';
import { CHECKS } from './checks.js';
import type { HostFacts } from './facts.js';

/** What the running agent adds; all of it optional, so that `berth doctor` also works beside a dead agent. */
export interface AgentStatus {
  /** Most workloads this host is meant to hold (density.max_workloads). Default 1000. */
  readonly workloadLimit?: number;
  readonly leakedObjects?: number;
  /** Names of schedulers without connection. */
  readonly schedulersDown?: readonly string[];
  /** Controllers berth wanted and did not get below its own root (`tree.missing`). */
  readonly missingControllers?: readonly { readonly controller: string; readonly reason: string }[];
}

const SEVERITIES: readonly Condition['severity'][] = ['error', 'warning', 'info'];

/** What is wrong or worth knowing, the gravest first; empty on a perfect host. */
export function diagnose(facts: HostFacts, status: AgentStatus = {}): Condition[] {
  const found: Condition[] = [];
  for (const { code, severity, title, why, fix, when } of CHECKS) {
    const detail = when(facts, status);
    if (detail === undefined) continue;
    found.push({ code, severity, title: detail === '' ? title : `${title}: ${detail}`, why, fix });
  }
  return found.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}
