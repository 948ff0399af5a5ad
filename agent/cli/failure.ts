// How an error reaches a person: one sentence, the figures of a refusal, one hint. And a program: {"error": ...}.
import type { ErrorReport } from '../../protocol/errors.js';
import { ERRORS } from '../../protocol/errors.js';
import type { Style } from './style.js';
import { clean } from './style.js';

/** `berth: SENTENCE`, then indented lines. `subject` says which of several things it is about. */
export function failureText(report: ErrorReport, style: Style, subject = ''): string {
  const about = subject === '' || report.message.includes(subject) ? '' : `${subject}: `;
  const lines = [`${style.paint('red', 'berth:')} ${clean(`${about}${report.message}`, true)}`];
  for (const refusal of refusalsOf(report.data)) lines.push(`  ${refusalLine(refusal)}`);
  lines.push(`  ${style.paint('dim', 'hint:')} ${clean(report.hint, true)}`);
  return `${lines.join('\n')}\n`;
}

export const exitOf = (report: ErrorReport): number => ERRORS[report.code]?.exit ?? 1;

type Figures = Readonly<Record<string, unknown>>;

/** A refusal carries scope and figures in `data` itself, several of them in `data.refusals`. */
function refusalsOf(data: Figures | undefined): readonly Figures[] {
  if (data === undefined) return [];
  if (Array.isArray(data.refusals)) return data.refusals as Figures[];
  return 'dimension' in data && 'scope' in data ? [data] : [];
}

/** `memory of tenant/acme: limit 4Gi, used 3.9Gi, asked 256Mi, short by 156Mi` */
export function refusalLine(refusal: Figures): string {
  const figures = [
    ['limit', refusal.limit],
    ['used', refusal.used],
    ['asked', refusal.requested],
    ['short by', refusal.shortBy],
  ].flatMap(([word, value]) => (value === undefined ? [] : [`${word} ${value}`]));
  const retry = typeof refusal.retryAfterMs === 'number' ? `; try again in ${refusal.retryAfterMs} ms` : '';
  return clean(`${refusal.dimension} of ${refusal.scope}: ${figures.join(', ')}${retry}`);
}
