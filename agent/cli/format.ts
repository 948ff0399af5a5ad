// Quantities and states in the words of the tables.
import { formatSize } from '../base/units.js';
import { placeText, waitText } from '../density/governor/format.js';
import type {
  Desired,
  EndRecord,
  MemoryFigures,
  RestartView,
  RoomWait,
  WorkloadState,
  WorkloadView,
} from '../model/record.js';
import type { StartWait } from '../model/start-wait.js';
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

/**
 * `pending(3rd,~2s)` of what waits for its permit to start, `pending(room)` of what waits for others to go, `pending(retry)`
 * of what its restart policy starts again later, `failed(gave up)` of what it does not, `running(unready)` of what does not serve.
 */
export function stateCell({
  state,
  waiting,
  restart,
  ready,
}: {
  readonly state: WorkloadState;
  readonly waiting?: StartWait | RoomWait | null;
  readonly restart?: RestartView;
  readonly ready?: boolean;
}): Cell {
  if (state === 'running' && ready === false) return { text: 'running(unready)', colour: 'yellow' };
  const retries = restart?.gaveUp ? '(gave up)' : restart?.nextAt == null ? '' : '(retry)';
  const place = waiting == null ? retries : waiting.reason === 'start_queue' ? `(${placeText(waiting)})` : '(room)';
  return { text: `${state}${place}`, colour: COLOURS[state] };
}

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

/** One sentence about an end: `exited with code 1`, `signal SIGKILL: killed by the kernel at its limit`. */
export function endSentence(end: EndRecord): string {
  const how = end.signal !== null ? `signal ${end.signal}` : end.code !== null ? `exit code ${end.code}` : end.cause;
  if (end.detail === '') return how;
  const said = end.signal ?? (end.code === null ? undefined : `code ${end.code}`);
  return said !== undefined && end.detail.includes(said) ? end.detail : `${how}: ${end.detail}`;
}

/** `process 723 (python3), 30Mi`; undefined: nobody was killed, or it is not known who. */
export function victimOf({ victim }: EndRecord): string | undefined {
  return victim && `process ${victim.pid} (${victim.command}), ${formatSize(victim.memory)}`;
}

/** What it waits for before it may start or go on; undefined: for nothing. */
export function waitOf({ waiting }: WorkloadView): string | undefined {
  if (waiting === undefined) return undefined;
  if (waiting.reason === 'start_queue') return waitText(waiting);
  const since = `for ${formatAge(waiting.waitedMs)}`;
  const each = waiting.for.map(({ id, state, problem }) => `${id} (${state}${problem === null ? '' : `: ${problem}`})`);
  return `${since}, for those that make room: ${each.join(', ') || 'others'}`;
}

/** Of one that was stopped for another: `for web-9 of tenant acme`. */
export function preemptorOf({ by }: Pick<EndRecord, 'by'>): string {
  return by === undefined ? '' : `for ${by.workload} of tenant ${by.tenant}`;
}

/** Limits and usage at an end, the workload's own first; undefined: not known. */
export function memoryThen({ memory }: EndRecord): string | undefined {
  if (memory === undefined) return undefined;
  const size = (bytes: number | null): string => (bytes === null ? 'max' : formatSize(bytes));
  const peak = ({ peak }: MemoryFigures): string => (peak === null ? '' : `, peak ${formatSize(peak)}`);
  const used = memory.tenant.current === null ? '' : `, ${formatSize(memory.tenant.current)} in use`;
  const tenant = `tenant: limit ${size(memory.tenant.limit)}${used}${peak(memory.tenant)}`;
  return `limit ${size(memory.limit)}${peak(memory)}\n${tenant}`;
}

/** The worst of the last minute before an end, one line a resource; undefined: not measured. */
export function pressureThen({ pressure = [] }: EndRecord): string | undefined {
  const worst = (shares: readonly (number | null)[]): string => {
    const known = shares.filter((share) => share !== null);
    return known.length === 0 ? '-' : `${Math.max(...known)} %`;
  };
  const lines = (['cpu', 'memory', 'io'] as const).map((resource) => {
    const some = worst(pressure.map((point) => point[resource].some));
    const full = worst(pressure.map((point) => point[resource].full));
    return `${resource}: some ${some}, full ${full}`;
  });
  return pressure.length === 0 ? undefined : lines.join('\n');
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
