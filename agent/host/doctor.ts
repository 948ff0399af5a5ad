// The doctor: evaluates the table of checks. Pure, and changes nothing.
import type { Condition } from '../service.js';
import { type AgentStatus, CHECKS } from './checks.js';
import type { HostFacts } from './facts.js';

const SEVERITIES: readonly Condition['severity'][] = ['error', 'warning', 'info'];

/** What is wrong or worth knowing, the gravest first; empty on a perfect host. */
export function diagnose(facts: HostFacts, status: AgentStatus = {}): Condition[] {
  const found: Condition[] = [];
  for (const { code, severity, title, why, fix, when } of CHECKS) {
    const detail = when(facts, status);
    if (detail === undefined) continue;
    found.push({ code, severity, title: detail === '' ? title : `${title}: ${detail}`, why, fix });
  }
  found.push(...(status.conditions ?? []));
  return found.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}
