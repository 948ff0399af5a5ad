// What the ladder needs of the rest of the agent, as small as it is used.
import type { Value } from '../../cgroups/types.js';
import { every } from '../../linux/timers.js';
import type { Log } from '../base/log.js';
import type { EventPort } from '../model/event.js';
import type { Resource, ScopeName, Target } from './types.js';

export interface Closing {
  close(): void;
}

/** Signals of the kernel without polling; see cgroups/signals. Both throw SysError. */
export interface SignalPort {
  /** `file`: a `*.pressure` of a cgroup or of /proc/pressure. */
  pressure(
    file: string,
    trigger: { readonly kind: 'some' | 'full'; readonly stallUsec: number; readonly windowUsec: number },
    listener: () => void,
  ): Closing;
  /** Changes of a cgroup's events files, among others. */
  watch(dir: string, listener: (signal: { readonly kind: string }) => void): Closing;
}

/** Why a workload is killed, for the record of its end. */
export interface KillReason {
  readonly cause: 'pressure' | 'futile';
  readonly scope: ScopeName;
  readonly resource: Resource;
  /** A sentence with the figures. */
  readonly detail: string;
  readonly figures: Readonly<Record<string, unknown>>;
}

/** What a layer or the kernel still holds of an earlier agent's doing. */
export interface Held {
  readonly id: string;
  readonly values: readonly Value[];
  readonly frozen: boolean;
  /** Size of the balloon, bytes. */
  readonly balloon: number;
}

/** What is done to workloads. All calls may be repeated; they reject with what the kernel says. */
export interface ActuatorPort {
  /** Replaces what this layer overlays; `[]` takes all of it back. */
  set(id: string, layer: 'pressure' | 'safety', values: readonly Value[]): Promise<unknown>;
  /** What an earlier agent has left in force: the layer `pressure`, freezes and balloons nobody else asked for. */
  held(): readonly Held[];
  /** memory.reclaim of so many bytes. That less could be had (EAGAIN) is no error. */
  reclaim(id: string, bytes: number): Promise<unknown>;
  /** Sets the size of the guest's balloon; 0 gives all back. Undefined: it has none. */
  balloon(id: string, bytes: number): Promise<unknown> | undefined;
  freeze(id: string): Promise<unknown>;
  thaw(id: string): Promise<unknown>;
  /** Resolves when it is on its way and the reason is on record. */
  kill(id: string, why: KillReason): Promise<unknown>;
}

/** Time. `now` is monotonic ms; `unix` is Unix ms; `every` calls until it is closed, and keeps no process alive. */
export interface Clock {
  now(): number;
  unix(): number;
  every(ms: number, call: () => void): Closing;
}

export interface PressureWorld {
  readonly signals: SignalPort;
  readonly actuator: ActuatorPort;
  readonly events: EventPort;
  readonly log: Log;
  readonly clock: Clock;
  /** All workloads that run or are frozen. */
  targets(): readonly Target[];
  /** Where the host's figures are; by default /proc. */
  readonly proc?: string;
  /** The mount of cgroup v2, which `pressure.futile.watch` is relative to. */
  readonly cgroupMount: string;
  readonly cores: number;
}

export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    unix: () => Date.now(),
    every: (ms, call) => {
      const timer = every(ms, call).unref();
      return { close: () => timer.cancel() };
    },
  };
}
