// How much could be promised of each real core and byte, and what that rests on. Advice: admission does not follow it.
import type { WorkloadSpec } from '../../model/spec.js';
import { type Forecasted, forecast } from './forecast.js';

export interface Advised extends Forecasted {
  readonly class: WorkloadSpec['class'];
}

export interface Advice {
  readonly class: WorkloadSpec['class'];
  readonly resource: 'cpu' | 'memory';
  /** Promised for each one that is expected to be used; null: too little is known. */
  readonly ratio: number | null;
  readonly basis: {
    /** cpu: the sum as if peaks were independent, a late cpu cycle being only late. memory: all peaks at once. */
    readonly figure: 'independent' | 'worst';
    readonly percentile: 98 | 100;
    readonly promised: number;
    readonly expected: number;
    readonly workloads: number;
    /** Of those: with a prediction that is more than a day old. */
    readonly known: number;
    /** Of what is promised, that of those; 0-1. */
    readonly share: number;
    readonly samples: number;
    /** Of the youngest prediction that was used; null: none was. */
    readonly ageMs: number | null;
  };
  readonly reason: string;
}

/** Where less than this share of what is promised rests on a day of samples, there is no advice. */
const ENOUGH = 0.8;
const RANGE = { least: 1, most: 20 };

export function advise(workloads: readonly Advised[]): Advice[] {
  const classes = [...new Set(workloads.map((workload) => workload.class))].sort();
  return classes.flatMap((name) => {
    const own = workloads.filter((workload) => workload.class === name);
    return [adviseOne(name, 'cpu', own), adviseOne(name, 'memory', own)];
  });
}

function adviseOne(name: Advice['class'], resource: Advice['resource'], workloads: readonly Advised[]): Advice {
  const promised = sum(workloads, resource);
  const known = workloads.filter(({ prediction }) => prediction !== undefined && !prediction.learning);
  const share = promised > 0 ? sum(known, resource) / promised : 0;
  const figure = resource === 'cpu' ? 'independent' : 'worst';
  const expected = forecast(workloads)[resource][figure];
  const shapes = new Map(known.flatMap(({ prediction }) => (prediction ? [[prediction.shape, prediction]] : [])));
  const ages = [...shapes.values()].map(({ ageMs }) => ageMs);
  const basis: Advice['basis'] = {
    ...{ figure, percentile: resource === 'cpu' ? 98 : 100, promised, expected },
    ...{ workloads: workloads.length, known: known.length, share },
    samples: [...shapes.values()].reduce((count, { samples }) => count + samples, 0),
    ageMs: ages.length === 0 ? null : Math.min(...ages),
  };
  if (share < ENOUGH || expected <= 0) {
    const percent = Math.round(share * 100);
    const reason = `learning: a day of samples stands behind ${percent} % of what is promised, ${ENOUGH * 100} % are needed`;
    return { class: name, resource, ratio: null, basis, reason };
  }
  const ratio = Math.min(RANGE.most, Math.max(RANGE.least, Math.round((promised / expected) * 100) / 100));
  const how = figure === 'worst' ? 'all at their peak at once' : 'in 98 of 100 moments';
  const reason = `${workloads.length} workloads are promised ${show(promised, resource)} and use ${show(expected, resource)} ${how}`;
  return { class: name, resource, ratio, basis, reason };
}

function sum(workloads: readonly Advised[], resource: Advice['resource']): number {
  return workloads.reduce((total, { promised }) => total + promised[resource], 0);
}

function show(value: number, resource: Advice['resource']): string {
  return resource === 'cpu' ? `${Number(value.toFixed(2))} cores` : `${Math.round(value / 2 ** 20)}Mi`;
}
