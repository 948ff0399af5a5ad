import { governorSchema } from '../../../../agent/config/governor.js';
import { Governor } from '../../../../agent/density/governor/governor.js';
import { governorSettings } from '../../../../agent/density/governor/settings.js';
import type {
  GovernorPorts,
  GovernorSettings,
  PressureSample,
  Release,
  StartRequest,
} from '../../../../agent/density/governor/types.js';
import { FakeClock } from '../../../simulate/clock.js';

export interface Told {
  readonly type: Parameters<GovernorPorts['event']>[0];
  readonly data: Readonly<Record<string, unknown>>;
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
  const host = { hasPressure: true };
  const governor = new Governor(settingsOf(over, cores), {
    now: clock.now,
    setTimer: clock.setTimer,
    pressure: (): PressureSample | undefined => (host.hasPressure ? { ...stall } : undefined),
    event: (type, data) => void events.push({ type, data }),
    waited: (seconds) => void waits.push(seconds),
  });
  /** In the order of their turns. */
  const granted: { id: string; at: number; release: Release }[] = [];
  const failed: { id: string; error: unknown }[] = [];
  const ask = (id: string, more: Partial<StartRequest> = {}): AbortController => {
    const leave = new AbortController();
    governor
      .admit({ id, tenant: 'acme', priority: 100, kind: 'resume', shape: 'exec', signal: leave.signal, ...more })
      .then(
        (release) => granted.push({ id, at: clock.now(), release }),
        (error: unknown) => failed.push({ id, error }),
      );
    return leave;
  };
  return { governor, clock, events, waits, stall, host, granted, failed, ask };
}
