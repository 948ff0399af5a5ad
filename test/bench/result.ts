// One line of the outcome: what was measured, against whom, and how it stands to its target. Pure.
import {
  isMet,
  type Rounds,
  ratioOf,
  ratioRange,
  type Summary,
  summarise,
  type Target,
  targetText,
} from './statistics.js';

/** What a part of a group hands in. */
export interface Measurement {
  readonly name: string;
  readonly peer: string;
  readonly unit: string;
  readonly ours: Rounds;
  /** The rival's values of the same rounds, the reason why it could not run, or null: there is none. */
  readonly theirs: Rounds | string | null;
  readonly target: Target | null;
}

export interface Result {
  readonly name: string;
  readonly peer: string;
  readonly unit: string;
  readonly ours: Summary;
  readonly theirs: Summary | null;
  readonly ratio: number | null;
  /** Lowest and highest ratio of a single round. */
  readonly range: readonly [number, number] | null;
  readonly target: string | null;
  readonly met: boolean | null;
  /** Why the rival could not run. */
  readonly skipped: string | null;
}

export function judge({ name, peer, unit, ours, theirs, target }: Measurement): Result {
  const common = { name, peer, unit, ours: summarise(ours), target: target === null ? null : targetText(target) };
  if (typeof theirs === 'string' || theirs === null) {
    return { ...common, theirs: null, ratio: null, range: null, met: null, skipped: theirs };
  }
  const summary = summarise(theirs);
  const ratio = ratioOf(common.ours.p50, summary.p50, target);
  const range = ratioRange(ours, theirs, target);
  return {
    ...common,
    theirs: summary,
    ratio,
    range,
    met: target === null ? null : isMet(ratio, target),
    skipped: null,
  };
}

/** The document of `--json`: the fields that others may rely on. */
export function toJson(results: readonly Result[]): string {
  const document = results.map(({ name, peer, unit, ours, theirs, ratio, target, met }) => ({
    name,
    peer,
    unit,
    ours: { p50: ours.p50, p99: ours.p99 },
    theirs: theirs === null ? null : { p50: theirs.p50, p99: theirs.p99 },
    ratio,
    target,
    met,
  }));
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const HEADER = [
  'what',
  'unit',
  'ours p50 (p10-p90)',
  'p99',
  'against',
  'theirs p50 (p10-p90)',
  'p99',
  'ratio',
  'target',
  '',
];

/** A table in Markdown, so that it can stand in a README as it is. */
export function toTable(results: readonly Result[]): string {
  const rows = [HEADER, ...results.map(row)];
  const widths = HEADER.map((_, column) => Math.max(3, ...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map((cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`);
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}

function row(result: Result): string[] {
  const { name, unit, ours, peer, theirs, ratio, range, target, met, skipped } = result;
  const rival =
    theirs === null ? [skipped === null ? '' : `not run: ${skipped}`, ''] : [spread(theirs), figure(theirs.p99)];
  const outcome = met === null ? '' : met ? 'met' : 'missed';
  const ratioText =
    ratio === null || range === null ? '' : `${figure(ratio)} (${figure(range[0])}-${figure(range[1])})`;
  return [name, unit, spread(ours), figure(ours.p99), peer, ...rival, ratioText, target ?? '', outcome];
}

function spread({ p10, p50, p90 }: Summary): string {
  return p10 === p90 ? figure(p50) : `${figure(p50)} (${figure(p10)}-${figure(p90)})`;
}

/** Three digits that count; whole numbers from 100 up. */
export function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
