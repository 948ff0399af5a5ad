// 150 starts asked for at once on a host in the lab, with the start governor and without it, in turns on the same host. All
// times and pressures are taken inside it, by its own clock. Emulation makes everything slow alike; the ratios count.
import { setTimeout as sleep } from 'node:timers/promises';
import { reach } from '../../host/berth.js';
import { MINUTES, openScenario, type Scenario, sh } from '../../host/scenario.js';
import type { Part } from '../group.js';
import { order } from '../interleave.js';
import type { Measurement } from '../result.js';

/** Of /proc/PID/stat, a second (USER_HZ). */
const TICKS = 100;

/** What a program does until it is of use: so much cpu and memory; then it says when that was. */
const BOOT_CPU = 0.3;
const BOOT = `my $held = "x" x (4 << 20);
while ((times)[0] < ${BOOT_CPU}) {}
open(my $up, "<", "/proc/uptime"); my ($now) = split " ", <$up>;
open(my $to, ">", "/run/storm/$ARGV[0]"); print $to $now; close $to;
sleep 1 while 1;`;

/** Each second: uptime, and the time that something waited for cpu, memory and io since boot, microseconds. */
const WATCH = `perl -e '$| = 1; while (! -e "/run/storm.end") {
  open(my $up, "<", "/proc/uptime"); my ($now) = split " ", <$up>; my @line = ($now);
  for my $what ("cpu", "memory", "io") {
    open(my $in, "<", "/proc/pressure/$what"); my ($total) = <$in> =~ /total=(\\d+)/; push @line, $total;
  }
  print "@line\\n"; select(undef, undef, undef, 1);
}' > /run/storm.psi 2>/dev/null < /dev/null &`;

interface Storm {
  /** Seconds from the first request until the last process ran, and until the last program was of use. */
  readonly running: number;
  readonly ready: number;
  /** Shares of the worst second, percent. */
  readonly cpu: number;
  readonly memory: number;
  /** Seconds of the storm in which something waited for a cpu. */
  readonly waited: number;
  /** Milliseconds that the agent took to answer, meanwhile. */
  readonly answers: readonly number[];
}

const LANES = 48;
const WARM = 24;
const WAYS = ['with', 'without'] as const;

export const storm: Part = {
  name: 'storm',
  what: '150 starts asked for at once in the lab, with the governor and without',
  async run(bench) {
    const count = bench.quick ? 60 : 150;
    const s = await openScenario(
      'berth-bench',
      '[density]\ndefault_cpu_request = 0.01\ndefault_memory_request = "8Mi"\n',
    );
    try {
      // The first storm on a host is slower than the same one later: nothing is translated, compiled or cached yet.
      await play(s, 'without', WARM);
      const seen = { with: [] as Storm[], without: [] as Storm[] };
      for (let round = 0; round < (bench.quick ? 1 : 3); round++)
        for (const way of order(WAYS, round)) {
          bench.signal.throwIfAborted();
          bench.say(`round ${round + 1}: ${count} starts ${way} the governor`);
          const one = await play(s, way, count);
          bench.say(`ready after ${one.ready.toFixed(0)} s, worst second ${one.cpu.toFixed(0)} % cpu`);
          seen[way].push(one);
        }
      return lines(count, seen.with, seen.without);
    } finally {
      await s.close();
    }
  },
};

async function play(s: Scenario, way: (typeof WAYS)[number], count: number): Promise<Storm> {
  await s.host.write('/etc/berth/berth.d/60-governor.toml', `[governor]\nenabled = ${way === 'with'}\n`);
  await sh(s.host, 'systemctl reload berth; rm -rf /run/storm*; mkdir -m 777 /run/storm; sync');
  const begun = Number(await sh(s.host, `${WATCH}\ncut -d' ' -f1 /proc/uptime`));
  const ids = Array.from({ length: count }, (_, at) => `storm-${at}`);
  const over = new AbortController();
  const answers = probe(s, over.signal);
  // Awaited at the end; a storm that fails before has told why.
  answers.catch(() => undefined);
  try {
    await createAll(s, ids);
    for (const id of ids) {
      const { state, error } = await reach(s.node, id);
      if (state !== 'running') throw new Error(`${id} is ${state}: ${error?.message}`);
    }
    await s.host.waitFor(`test $(ls /run/storm | wc -l) = ${count}`, { timeoutMs: 10 * MINUTES, everyMs: 2000 });
  } finally {
    over.abort();
  }
  const { workloads } = await s.node.call('workload.list', {});
  const running = Math.max(...workloads.map(({ process }) => (process?.startTime ?? 0) / TICKS));
  const [last = '', ...psi] = (
    await sh(
      s.host,
      'touch /run/storm.end; for f in /run/storm/*; do cat $f; echo; done | sort -n | tail -n 1; cat /run/storm.psi',
    )
  ).split('\n');
  await sh(s.host, 'berth workload delete --all --now > /dev/null');
  const ready = Number(last);
  const readings = psi.map((line) => line.split(' ').map(Number)).filter(([at = 0]) => at >= begun && at <= ready);
  return { running: running - begun, ready: ready - begun, ...pressures(readings), answers: await answers };
}

/** As many in flight as a session may have, and some room for the probe. */
async function createAll(s: Scenario, ids: readonly string[]): Promise<void> {
  const left = [...ids];
  const lane = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift())
      await s.node.call('workload.create', { spec: specOf(id) });
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** A question a second, until the storm is over: what answers to more would cost belongs to no storm. */
async function probe(s: Scenario, over: AbortSignal): Promise<readonly number[]> {
  const took: number[] = [];
  while (!over.aborted) {
    const asked = performance.now();
    await s.node.call('node.describe', {});
    took.push(performance.now() - asked);
    await sleep(1000);
  }
  return took;
}

const specOf = (id: string) => ({
  ...{ id, tenant: 'acme', driver: 'exec' },
  exec: { isolation: 'none', command: ['/usr/bin/perl', '-e', BOOT, id] },
});

/** `readings`: uptime in seconds, then totals of cpu, memory and io in microseconds. */
function pressures(readings: readonly (readonly number[])[]): Pick<Storm, 'cpu' | 'memory' | 'waited'> {
  const worst = (column: number): number =>
    Math.max(
      ...readings.slice(1).map((now, at) => {
        const before = readings[at] ?? now;
        return ((now[column] ?? 0) - (before[column] ?? 0)) / ((now[0] ?? 0) - (before[0] ?? 0)) / 1e4;
      }),
    );
  const [first, last] = [readings[0], readings.at(-1)];
  // Less than a tenth of a percent is none, and a ratio needs something to be one of.
  return { cpu: worst(1), memory: Math.max(0.1, worst(2)), waited: ((last?.[1] ?? 0) - (first?.[1] ?? 0)) / 1e6 };
}

function lines(count: number, withIt: readonly Storm[], without: readonly Storm[]): Measurement[] {
  const line = (what: string, unit: string, of: (one: Storm) => readonly number[], bound = true): Measurement => ({
    ...{ name: `storm of ${count}: ${what}`, unit, peer: 'no governor' },
    ...{ ours: withIt.map(of), theirs: without.map(of), target: bound ? { atMost: 1 } : null },
  });
  return [
    line('until all programs are of use', 's', ({ ready }) => [ready]),
    line('until all processes run', 's', ({ running }) => [running], false),
    line('cpu pressure of the worst second', '%', ({ cpu }) => [cpu]),
    line('memory pressure of the worst second', '%', ({ memory }) => [memory]),
    line('seconds with somebody waiting for a cpu', 's', ({ waited }) => [waited]),
    line('an answer of the agent meanwhile', 'ms', ({ answers }) => answers),
  ];
}
