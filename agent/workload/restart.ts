// When a workload that has ended is started again: after 1 s, then twice as long each time up to 5 min, and from 1 s again
// after a good run. Pure; what was counted is in the record, so that no end of the agent makes a pause shorter.
import type { ExitRecord } from '../../systemd/supervisor/protocol.js';
import { type Clock, type Deadline, deadlineIn, remaining } from '../base/clock.js';
import { restingState, wasTold } from '../model/lifecycle.js';
import type { EndRecord, ProcessRecord, RestartState, RestartView, WorkloadRecord } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';

const FIRST_MS = 1000;
const MOST_MS = 300_000;
const GOOD_RUN_MS = 600_000;
/** A pause is longer than the one before by at most this factor more: what failed together does not come back together. */
const JITTER = 1.2;
/** sysconf(_SC_CLK_TCK), in which the kernel tells when a process was started. */
const TICK_MS = 10;

export const NOT_TRIED: RestartState = { attempts: 0, next: null, gaveUp: false };

/** What follows an end: `pauseMs` null means that the workload comes to rest. */
export interface AfterEnd {
  readonly pauseMs: number | null;
  readonly attempts: number;
  readonly gaveUp: boolean;
}

export interface Ended {
  readonly policy: WorkloadSpec['restart'];
  readonly desired: WorkloadRecord['desired'];
  readonly end: EndRecord;
  /** Tries since the last good run. */
  readonly attempts: number;
  readonly ranMs: number;
  /** 0 to 1. */
  readonly random: number;
}

export function afterEnd({ policy, desired, end, attempts, ranMs, random }: Ended): AfterEnd {
  const rest = { pauseMs: null, attempts: 0, gaveUp: false };
  if (desired !== 'running' && desired !== 'frozen') return rest;
  // What is missing for a start does not come by waiting.
  if (wasTold(end) || end.cause === 'start' || policy.policy === 'never') return rest;
  if (policy.policy === 'on-failure' && restingState(end) === 'exited') return rest;
  const tried = ranMs >= GOOD_RUN_MS ? 0 : attempts;
  if (tried >= (policy.maxRetries ?? Number.POSITIVE_INFINITY)) return { pauseMs: null, attempts: tried, gaveUp: true };
  return { pauseMs: pauseMs(tried, random), attempts: tried + 1, gaveUp: false };
}

/** The pause after so many tries in a row. */
export function pauseMs(tried: number, random: number): number {
  const base = FIRST_MS * 2 ** Math.min(tried, 20);
  const most = Math.min(MOST_MS, base * JITTER);
  const least = most / JITTER;
  return Math.round(least + (most - least) * random);
}

/** How long a process ran, by the clock that nobody sets. An older supervisor does not say when it ended: then, until now. */
export function ranMs({ startTime }: ProcessRecord, exit: ExitRecord, clock: Clock): number {
  const ended = exit.uptimeTicks === undefined ? clock.boot() : exit.uptimeTicks * TICK_MS;
  return Math.max(0, ended - startTime * TICK_MS);
}

/** The clocks of this boot. */
export interface BootClock {
  readonly clock: Clock;
  readonly bootId: string;
}

export interface Again {
  /** Null: it comes to rest. */
  readonly pauseMs: number | null;
  readonly restart: RestartState;
  /** Somebody has asked for this start: the policy has no part in it. */
  readonly asked: boolean;
}

/** What follows the end of a workload, and what its record says of that. */
export function againAfter(
  record: Pick<WorkloadRecord, 'spec' | 'desired' | 'process' | 'restart' | 'restartRequested'>,
  end: EndRecord,
  exit: ExitRecord,
  { clock, bootId }: BootClock,
): Again {
  const { spec, desired, process, restart, restartRequested } = record;
  if (restartRequested && (desired === 'running' || desired === 'frozen'))
    return { pauseMs: 0, restart: NOT_TRIED, asked: true };
  const ran = process === null ? 0 : ranMs(process, exit, clock);
  const { attempts } = restart ?? NOT_TRIED;
  const after = afterEnd({ policy: spec.restart, desired, end, attempts, ranMs: ran, random: Math.random() });
  const next = after.pauseMs === null ? null : deadlineIn(after.pauseMs, clock, bootId);
  return {
    pauseMs: after.pauseMs,
    restart: { attempts: after.attempts, next, gaveUp: after.gaveUp },
    asked: false,
  };
}

/** To be told when it is durable. */
export function tellAgain({ pauseMs, restart: { attempts, gaveUp } }: Again, { record, event }: Teller): void {
  const { restarts, spec } = record;
  if (pauseMs !== null) event('workload.restarting', { inMs: pauseMs, attempts, restarts });
  if (gaveUp) event('workload.gave_up', { attempts, maxRetries: spec.restart.maxRetries, restarts });
}

interface Teller {
  readonly record: WorkloadRecord;
  readonly event: (type: string, data: Readonly<Record<string, unknown>>) => void;
}

/** Milliseconds until the next try; 0: now. */
export function pauseLeft({ restart }: Pick<WorkloadRecord, 'restart'>, { clock, bootId }: BootClock): number {
  const next: Deadline | null = restart?.next ?? null;
  return next === null ? 0 : Math.max(0, remaining(next, clock, bootId));
}

export function restartView(record: WorkloadRecord, at: BootClock): RestartView {
  const { attempts, gaveUp } = record.restart ?? NOT_TRIED;
  const left = record.state === 'pending' ? pauseLeft(record, at) : 0;
  return { attempts, nextAt: left === 0 ? null : Math.round(at.clock.wall() + left), gaveUp };
}
