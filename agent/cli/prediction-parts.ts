// What is expected of the host, and the overcommit that would allow, in the words of `berth node capacity`.
import type { Advice } from '../density/prediction/advise.js';
import type { PredictionView } from '../density/prediction/live.js';
import type { CapacityRow } from '../model/capacity.js';
import { amount } from './amounts.js';
import { formatAge } from './format.js';
import type { Style } from './style.js';
import { type Column, section, table } from './table.js';

/** Parts of the answer: a section, and a table where there is anybody to speak of. */
export function predictionParts(
  { mode, forecast, advice }: PredictionView,
  rows: readonly CapacityRow[],
  style: Style,
): string[] {
  const line = (resource: 'cpu' | 'memory'): string => {
    const { mean, independent, worst } = forecast[resource];
    const show = (value: number): string => `${amount(resource, value)}${resource === 'cpu' ? ' cores' : ''}`;
    const row = rows.find(({ scope, dimension }) => scope === 'host' && dimension === resource);
    const has = row?.capacity == null ? '' : `; the host has ${show(row.capacity)}`;
    const may = row?.allocatable == null ? '' : `, may promise ${show(row.allocatable)}`;
    return `${resource}: ${show(mean)} on the whole, ${show(independent)} in 98 of 100 moments, ${show(worst)} with all at their peak${has}${may}`;
  };
  const unknown =
    forecast.unknown === 0
      ? []
      : [`of ${forecast.workloads} workloads ${forecast.unknown} were never sampled and count as they are promised`];
  const title = `Expected use (density.prediction is ${mode}; admission does not follow it)`;
  const parts = [section(title, [line('cpu'), line('memory'), ...unknown])];
  return advice.length === 0 ? parts : [...parts, table(COLUMNS, advice, style)];
}

const COLUMNS: readonly Column<Advice>[] = [
  { title: 'CLASS', cell: (one) => one.class },
  { title: 'RESOURCE', cell: ({ resource }) => resource },
  {
    title: 'ADVISED',
    right: true,
    cell: ({ ratio }) => (ratio === null ? { text: 'learning', colour: 'yellow' } : `x${ratio}`),
  },
  { title: 'PROMISED', right: true, cell: ({ resource, basis }) => amount(resource, basis.promised) },
  { title: 'EXPECTED', right: true, cell: ({ resource, basis }) => amount(resource, basis.expected) },
  { title: 'WORKLOADS', right: true, cell: ({ basis }) => String(basis.workloads) },
  // Of what is promised, that of which a day was seen.
  { title: 'KNOWN', right: true, cell: ({ basis }) => `${Math.round(basis.share * 100)}%` },
  { title: 'SAMPLES', right: true, cell: ({ basis }) => String(basis.samples) },
  { title: 'YOUNGEST', right: true, cell: ({ basis }) => (basis.ageMs === null ? '' : formatAge(basis.ageMs)) },
];
