// A trace against a policy.
import { FakeClock } from './clock.js';
import { SimHost } from './host.js';
import { type HostSize, type LedgerPort, realLedger } from './ledger.js';
import type { ModelSettings } from './model.js';
import { type Outcome, outcomeOf, Recorder } from './outcome.js';
import type { Policy } from './policy.js';
import type { Arrival, Trace } from './trace.js';

export interface RunOptions {
  readonly trace: Trace;
  readonly policy: Policy;
  readonly size: HostSize;
  readonly hosts: number;
  readonly seed: number;
  readonly model: ModelSettings;
  readonly ledger?: (policy: Policy, size: HostSize) => LedgerPort;
}

/** As often as the governor looks at what settles. */
const CLOSE_MS = 50;
const FAR_MS = 1000;
const READINGS = 1440;
/** So many at once are a storm. */
const STORM = { within: 10_000, perCore: 2 };

export async function simulate(options: RunOptions): Promise<Outcome> {
  const { trace, policy, size, seed, model } = options;
  const clock = new FakeClock();
  const recorder = new Recorder();
  const ledgerOf = options.ledger ?? ((one, of) => realLedger(one.config, of, clock.now));
  const hosts = Array.from(
    { length: options.hosts },
    () => new SimHost({ size, clock, policy, model, recorder, seed, ledger: ledgerOf(policy, size) }),
  );
  for (const arrival of trace.arrivals) clock.setTimer(arrival.at, () => place(arrival, hosts, recorder));
  for (const at of trace.boots)
    clock.setTimer(at, () => {
      const count = hosts.reduce((sum, host) => sum + host.boot(), 0);
      recorder.storms.push({ at, size: count, over: undefined });
    });
  for (const storm of stormsOf(trace, size.cores * options.hosts)) recorder.storms.push({ ...storm, over: undefined });
  const every = Math.max(FAR_MS, trace.durationMs / READINGS);
  let read = 0;
  const begins = [...trace.arrivals.map(({ at }) => at), ...trace.boots].sort((a, b) => a - b);
  let next = 0;
  while (clock.now() < trace.durationMs) {
    while ((begins[next] ?? Number.POSITIVE_INFINITY) < clock.now()) next += 1;
    // A storm is watched closely from its first start on.
    const soon = (begins[next] ?? Number.POSITIVE_INFINITY) < clock.now() + FAR_MS;
    const ms = soon || hosts.some((host) => host.busy) ? CLOSE_MS : FAR_MS;
    await clock.runUntil(Math.min(trace.durationMs, clock.now() + ms));
    for (const host of hosts) host.step(ms);
    if (clock.now() >= read) {
      recorder.readings.push({ at: clock.now(), ...sum(hosts.map((host) => host.reading())) });
      read += every;
    }
    for (const storm of recorder.storms)
      if (storm.over === undefined && clock.now() > storm.at + STORM.within && !hosts.some((host) => host.settling))
        storm.over = clock.now();
  }
  for (const host of hosts) host.close();
  recorder.storms.sort((a, b) => a.at - b.at);
  return outcomeOf(policy, recorder);
}

/** The host with most room first, as a scheduler would; refused by all, it is refused for what the first one said. */
function place(arrival: Arrival, hosts: readonly SimHost[], recorder: Recorder): void {
  recorder.asked += 1;
  let first: readonly string[] | undefined;
  for (const host of [...hosts].sort((a, b) => a.committedCpu - b.committedCpu)) {
    const refusals = host.offer(arrival);
    if (refusals.length === 0) {
      recorder.admitted += 1;
      return;
    }
    first ??= refusals;
  }
  recorder.refuse(first?.[0] ?? 'unknown');
}

function stormsOf(trace: Trace, cores: number): { at: number; size: number }[] {
  const storms: { at: number; size: number }[] = [];
  const { arrivals } = trace;
  for (let from = 0; from < arrivals.length; ) {
    const at = arrivals[from]?.at ?? 0;
    let size = 0;
    while ((arrivals[from + size]?.at ?? Number.POSITIVE_INFINITY) <= at + STORM.within) size += 1;
    if (size >= cores * STORM.perCore) {
      storms.push({ at, size });
      from += size;
    } else from += 1;
  }
  return storms;
}

type HostReading = ReturnType<SimHost['reading']>;

/** Counts are added up; of shares the mean. */
function sum(readings: readonly HostReading[]): HostReading {
  const total = (of: (reading: HostReading) => number) => readings.reduce((all, one) => all + of(one), 0);
  const mean = (of: (reading: HostReading) => number) => total(of) / Math.max(1, readings.length);
  return {
    running: total((r) => r.running),
    queued: total((r) => r.queued),
    starting: total((r) => r.starting),
    bound: total((r) => r.bound),
    committedCpu: total((r) => r.committedCpu),
    cpu: mean((r) => r.cpu),
    memory: mean((r) => r.memory),
    cpuPressure: mean((r) => r.cpuPressure),
    memoryPressure: mean((r) => r.memoryPressure),
  };
}
