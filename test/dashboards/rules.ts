// dashboards/rules/berth.yaml as tests need it. It is ours and regular, so that a few patterns read it.
import { readFileSync } from 'node:fs';

export const RULES = new URL('../../../dashboards/rules/berth.yaml', import.meta.url);

export interface Rule {
  readonly kind: 'alert' | 'record';
  readonly name: string;
  readonly expr: string;
  readonly severity: string;
  readonly runbook: string;
  readonly summary: string;
  readonly description: string;
}

/** In the order of the file. */
export function readRules(): Rule[] {
  const [, ...blocks] = readFileSync(RULES, 'utf8').split(/^ {6}- (?=(?:alert|record): )/m);
  return blocks.map((block) => {
    const [, kind, name = ''] = /^(alert|record): (\S+)/.exec(block) ?? [];
    const line = (key: string): string => unquoted(new RegExp(`^ {8,}${key}: (.+)$`, 'm').exec(block)?.[1] ?? '');
    const folded = /^ {8}expr: >-\n((?: {10}.+\n)+)/m.exec(block)?.[1];
    return {
      ...{ kind: kind === 'alert' ? 'alert' : 'record', name },
      expr: folded?.replace(/\s+/g, ' ').trim() ?? line('expr'),
      severity: line('severity'),
      runbook: line('runbook_url'),
      summary: line('summary'),
      description: line('description'),
    };
  });
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}
