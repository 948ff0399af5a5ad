import { governorSchema } from '../../../../agent/config/governor.js';
import { Governor } from '../../../../agent/density/governor/governor.js';
import { governorSettings } from '../../../../agent/density/governor/settings.js';
import type {
  GovernorPorts,
  GovernorSettings,
  Permit,
  PressureSample,
  StartRequest,
} from '../../../../agent/density/governor/types.js';
import { FakeClock } from '../../../simulate/clock.js';

export interface Told {
  readonly type: Parameters<GovernorPorts['event']>[0];
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Granted extends Permit {
  readonly id: string;
  readonly at: number;
}

export function settingsOf(over: Record<string, unknown> = {}, cores = 2): GovernorSettings {
  return governorSettings(governorSchema.parse(over), cores);
}

/** A governor on a clock of its own; a start ends when the test says so. */
export function newGovernor(over: Record<string, unknown> = {}, cores = 2) {
  const clock = new FakeClock();
  const events: Told[] = [];
  const waits: number[] = [];
  /** Microseconds of stall so far. */
  const stall = { cpu: 0, io: 0, memory: 0 };
  /** Cores that a cgroup wants; one that is not here has none, and cannot be read. */
  const wants = new Map<string, number>();
  const host = { hasPressure: true, pressureReads: 0, cgroupReads: 0, timers: 0 };
  const governor = new Governor(settingsOf(over, cores), {
    now: clock.now,
    setTimer: (ms, run) => {
      host.timers += 1;
      return clock.setTimer(ms, run);
    },
    pressure: (): PressureSample | undefined => {
      host.pressureReads += 1;
      return host.hasPressure ? { ...stall } : undefined;
    },
    wanted: (cgroup) => {
      host.cgroupReads += 1;
      const cores = wants.get(cgroup);
      return cores === undefined ? undefined : cores * clock.now() * 1000;
    },
    event: (type, data) => void events.push({ type, data }),
    waited: (seconds) => void waits.push(seconds),
  });
  /** In the order of their permits. */
  const granted: Granted[] = [];
  const failed: { id: string; error: unknown }[] = [];
  const take = (id: string, permit: Permit) => granted.push({ id, at: clock.now(), ...permit });
  const ask = (id: string, more: Partial<StartRequest> = {}): AbortController => {
    const leave = new AbortController();
    const request = { id, tenant: 'acme', priority: 100, kind: 'resume', shape: 'exec', ...more } as const;
    const answer = governor.admit({ ...request, signal: leave.signal });
    if (answer instanceof Promise)
      answer.then(
        (permit) => take(id, permit),
        (error: unknown) => failed.push({ id, error }),
      );
    else take(id, answer);
    return leave;
  };
  /** Stalls by a share of each interval until then. */
  const press = async (name: keyof typeof stall, share: number, until: number): Promise<void> => {
    for (let at = clock.now() + 50; at <= until; at += 50) {
      stall[name] += share * 50_000;
      await clock.runUntil(at);
    }
  };
  /** Each that has a permit runs a program that boots, for a whole core. */
  const boot = (): void => {
    for (const { id, runs } of granted) {
      wants.set(`acme/${id}`, 1);
      runs(`acme/${id}`);
    }
  };
  return { boot, governor, clock, events, waits, stall, wants, host, granted, failed, ask, press };
}
