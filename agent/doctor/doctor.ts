// The doctor: evaluates the table of checks. Pure, and changes nothing.
import type { HostFacts } from '../host/facts.js';
import type { Condition } from '../model/condition.js';
import type { AgentStatus, Check } from './check.js';
import { CHECKS } from './checks.js';

const SEVERITIES: readonly Condition['severity'][] = ['error', 'warning', 'info'];

/** What is wrong or worth knowing, the gravest first; empty on a perfect host. */
export function diagnose(facts: HostFacts, status: AgentStatus = {}): Condition[] {
  const { conditions = [] } = status;
  // Some checks are evaluated by the conditions of the node as well, which tell when they come and go: each is said once.
  const said = new Set(conditions.map(({ code }) => code));
  const found = evaluate(CHECKS, facts, status).filter(({ code }) => !said.has(code));
  return [...found, ...conditions].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

/** Those of `checks` that find something. */
export function evaluate(checks: readonly Check[], facts: HostFacts, status: AgentStatus): Condition[] {
  return checks.flatMap(({ code, severity, title, why, fix, when }) => {
    const detail = when(facts, status);
    return detail === undefined
      ? []
      : [{ code, severity, title: detail === '' ? title : `${title}: ${detail}`, why, fix }];
  });
}
