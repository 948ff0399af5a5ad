// What a comparison says: a table, the storms, and the plots.
import type { Outcome, Reading } from './outcome.js';
import { type Plot, toSvg } from './svg.js';

export interface Setting {
  readonly trace: string;
  readonly durationMs: number;
  readonly hosts: number;
  readonly cores: number;
  readonly memory: string;
  readonly seed: number;
  readonly contention: number;
  /** As typed, to run it again. */
  readonly command: string;
}

/** File name -> content. */
export function report(setting: Setting, outcomes: readonly Outcome[]): ReadonlyMap<string, string> {
  const plots = plotsOf(setting, outcomes);
  const images = plots.map(([file, { title }]) => `![${title}](${file})`);
  return new Map([
    ['report.md', `${[markdown(setting, outcomes), ...images].join('\n\n')}\n`],
    ['outcomes.json', `${JSON.stringify({ setting, outcomes: outcomes.map(withoutReadings) }, undefined, 2)}\n`],
    ...plots.map(([file, plot]) => [file, toSvg(plot)] as const),
  ]);
}

function withoutReadings({ readings: _readings, ...rest }: Outcome): Omit<Outcome, 'readings'> {
  return rest;
}

export function markdown(setting: Setting, outcomes: readonly Outcome[]): string {
  const { trace, durationMs, hosts, cores, memory, contention } = setting;
  const hours = Number((durationMs / 3_600_000).toFixed(2));
  return [
    `# ${trace}: ${outcomes.map(({ policy }) => policy).join(', ')}`,
    `    ${setting.command}`,
    `${hours} h, ${hosts} host${hosts === 1 ? '' : 's'} of ${cores} cores and ${memory}; contention ${contention}.`,
    table(outcomes),
    outcomes.map(({ policy, what }) => `- \`${policy}\`: ${what}`).join('\n'),
  ].join('\n\n');
}

const COLUMNS: readonly (readonly [head: string, cell: (outcome: Outcome) => string])[] = [
  ['policy', ({ policy }) => policy],
  ['admitted', ({ admitted, asked }) => `${admitted} of ${asked}`],
  ['refused for', ({ refusals }) => entries(refusals)],
  ['running, mean / most', ({ running }) => `${running.mean.toFixed(0)} / ${running.most}`],
  ['wait p50 / p99 s', ({ wait }) => `${wait.p50.toFixed(1)} / ${wait.p99.toFixed(1)}`],
  ['ready p50 / p99 s', ({ ready }) => `${ready.p50.toFixed(1)} / ${ready.p99.toFixed(1)}`],
  ['storm over, s', ({ storms }) => storms.map(({ seconds }) => seconds?.toFixed(0) ?? 'not over').join(', ') || '-'],
  ['overload s', ({ starvedSeconds }) => starvedSeconds.toFixed(0)],
  ['excess cpu', ({ excessSeconds }) => excessSeconds.toFixed(0)],
  ['worst cpu', ({ worst }) => `${worst.cpu.toFixed(1)}x`],
  ['memory stall s', ({ stalledSeconds }) => stalledSeconds.toFixed(0)],
  ['OOM kills', ({ oomKills }) => String(oomKills)],
];

export function table(outcomes: readonly Outcome[]): string {
  const rows = [
    COLUMNS.map(([head]) => head),
    COLUMNS.map(() => '---'),
    ...outcomes.map((outcome) => COLUMNS.map(([, cell]) => cell(outcome))),
  ];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function entries(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}

function plotsOf({ durationMs, trace }: Setting, outcomes: readonly Outcome[]): (readonly [string, Plot])[] {
  const hours = durationMs > 2 * 3_600_000;
  const [x, unit] = hours ? ['hours', 3_600_000] : ['seconds', 1000];
  // After a storm nothing happens for long.
  const quiet = outcomes.flatMap(({ storms }) => storms.map(({ at, seconds }) => at + (seconds ?? 1e6) * 1000));
  const until = hours || quiet.length === 0 ? durationMs : Math.min(durationMs, Math.max(...quiet) * 1.15);
  const plot = (title: string, y: string, value: (reading: Reading) => number): Plot => ({
    ...{ title: `${title} (${trace})`, x, y },
    series: outcomes.map(({ policy, readings }) => ({
      name: policy,
      points: readings.filter(({ at }) => at <= until).map((reading) => [reading.at / unit, value(reading)] as const),
    })),
  });
  return [
    ['density.svg', plot('Workloads that run', 'workloads', ({ running }) => running)],
    ['queue.svg', plot('Starts that wait for their turn', 'workloads', ({ queued }) => queued)],
    ['cpu.svg', plot('Cpu wanted for each that there is', 'cpus wanted / cpus', ({ cpu }) => cpu)],
    ['memory.svg', plot('Memory in use', 'of the memory of the host', ({ memory }) => memory)],
    ['bound.svg', plot('Starts that may settle', 'starts', ({ bound }) => bound)],
  ];
}
