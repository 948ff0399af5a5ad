// Quantities and states in the words of the tables.
import type { Desired, EndRecord, WorkloadState, WorkloadView } from '../workload/record.js';
import { formatSize } from '../workload/units.js';
import type { Colour } from './style.js';
import type { Cell } from './table.js';

/** 93_000 -> `1m33s`: the two largest units. */
export function formatAge(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return two(Math.floor(s / 60), 'm', s % 60, 's');
  if (s < 86_400) return two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'm');
  return two(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

const two = (a: number, unit: string, b: number, small: string): string =>
  b === 0 ? `${a}${unit}` : `${a}${unit}${b}${small}`;

/** UTC, to the second: a host's operators sit in several time zones. */
export const formatTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const COLOURS: Readonly<Record<WorkloadState, Colour>> = {
  pending: 'yellow',
  preparing: 'yellow',
  starting: 'yellow',
  running: 'green',
  frozen: 'cyan',
  stopping: 'yellow',
  exited: 'dim',
  failed: 'red',
};

export const stateCell = (state: WorkloadState): Cell => ({ text: state, colour: COLOURS[state] });

/** `request/limit`, or the one that is there. */
export function pair(request: number | undefined, limit: number | undefined, format: (n: number) => string): string {
  if (request !== undefined && limit !== undefined) return `${format(request)}/${format(limit)}`;
  if (limit !== undefined) return `/${format(limit)}`;
  return request === undefined ? '' : format(request);
}

export function cpuOf({ spec }: WorkloadView): string {
  return pair(spec.resources.cpu?.request, spec.resources.cpu?.limit, String);
}

export function memoryOf({ spec }: WorkloadView): string {
  return pair(spec.resources.memory?.request, spec.resources.memory?.limit, formatSize);
}

/** One sentence about an end: `exit code 1: the process ended by itself`. */
export function endSentence(end: EndRecord): string {
  const how = end.signal !== null ? `signal ${end.signal}` : end.code !== null ? `exit code ${end.code}` : end.cause;
  return end.detail === '' ? how : `${how}: ${end.detail}`;
}

const WISHES: Readonly<Record<Desired, readonly WorkloadState[]>> = {
  running: ['running', 'exited'],
  frozen: ['frozen'],
  stopped: ['exited', 'failed'],
  deleted: [],
};

/** What is wanted, when it is not what is there; else empty. */
export function wish({ desired, state }: WorkloadView): string {
  return WISHES[desired].includes(state) ? '' : desired;
}
