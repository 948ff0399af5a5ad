// Flows through limited links, measured. Noise makes the bounds wide; the figures are in the log. A rate counts frames:
// of 1514 bytes of a full TCP frame 1448 are payload, so 0.956 of the rate is all that a flow can see.
import test, { type ExecutionContext } from 'ava';
import { applyBandwidth, readBandwidth } from '../../../netns/shaping/index.js';
import type { Rate } from '../../../netns/types.js';
import { command, makeNames } from '../lab.js';
import { type Bench, openBench } from './bench.js';

const names = makeNames(5);
const prefixes = { prefix: `${names.prefix}f`, netnsPrefix: `${names.netnsPrefix}f` };
const benches: Bench[] = [];

test.after.always(async (t) => {
  for (const bench of benches) await bench.close();
  t.false((await command('ip netns list')).includes(prefixes.netnsPrefix));
});

function limit(bench: Bench, mbit: number | null): void {
  const rate: Rate | null = mbit === null ? null : { bitsPerSecond: mbit * 1e6, burstBytes: null };
  const bandwidth = { ingress: rate, egress: rate };
  const target = { hostLink: bench.link, owner: `${names.ownerPrefix}flow`, mtu: 1500, bandwidth };
  bench.onHost((host) => applyBandwidth(host, target));
}

function near(t: ExecutionContext, what: string, received: number, mbit: number): void {
  const part = received / (mbit * 1e6);
  t.log(`${what}: ${(received / 1e6).toFixed(2)} of ${mbit} Mbit/s (${(part * 100).toFixed(1)} %)`);
  // How many packets a second a busy machine forwards at all is not the limit's doing.
  t.true(part > (mbit > 100 ? 0.3 : 0.7) && part < 1.1, what);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

for (const kind of ['veth', 'tap'] as const) {
  const number = kind === 'veth' ? 2 : 3;
  test.serial(`${kind}: opens`, async (t) => {
    const bench = await openBench(prefixes, number, kind);
    benches.push(bench);
    t.is((await bench.ping(2)).length, 2);
  });

  for (const direction of ['towards', 'from'] as const) {
    for (const mbit of [20, 200]) {
      test.serial(`${kind}: ${mbit} Mbit/s ${direction} the workload, TCP and UDP`, async (t) => {
        const bench = find(kind);
        limit(bench, mbit);
        const tcp = await bench.flow(direction, '-t2 -O1');
        near(t, 'TCP', tcp.received, mbit);
        const udp = await bench.flow(direction, `-u -b${mbit * 2}M -l1400 -t1`);
        near(t, 'UDP', udp.received, mbit);
      });
    }

    test.serial(`${kind}: 20 to 100 Mbit/s during a flow ${direction} the workload`, async (t) => {
      const bench = find(kind);
      limit(bench, 20);
      const running = bench.flow(direction, '-t4 -i0.5');
      await new Promise((resolve) => setTimeout(resolve, 2000));
      limit(bench, 100);
      const { intervals, streams } = await running;
      t.log(intervals.map((bits) => (bits / 1e6).toFixed(0)).join(' '), 'Mbit/s each 0.5 s');
      t.is(streams, 1);
      const [before, after] = [mean(intervals.slice(1, 3)), mean(intervals.slice(-2))];
      t.true(after > 2 * before);
    });

    test.serial(`${kind}: latency while 4 connections fill 20 Mbit/s ${direction} the workload`, async (t) => {
      const bench = find(kind);
      limit(bench, 20);
      const running = bench.flow(direction, '-t4 -P4');
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const times = await bench.ping(10);
      near(t, 'TCP', (await running).received, 20);
      const [least, most] = [Math.min(...times), Math.max(...times)];
      t.log(`ping: ${least} to ${most} ms, mean ${mean(times).toFixed(1)} ms`);
      // The queue holds 56 ms: a second of it would be one without bound.
      t.true(times.length > 0 && least < 1000);
    });
  }

  test.serial(`${kind}: without limits again`, async (t) => {
    const bench = find(kind);
    limit(bench, 20);
    limit(bench, null);
    t.deepEqual(
      bench.onHost((host) => readBandwidth(host, bench.link)),
      { ingress: null, egress: null },
    );
    for (const direction of ['towards', 'from'] as const) {
      const { received } = await bench.flow(direction, '-t1');
      t.log(`${direction}: ${(received / 1e6).toFixed(0)} Mbit/s`);
      t.true(received > 60e6);
    }
  });
}

function find(kind: Bench['kind']): Bench {
  const bench = benches.find((open) => open.kind === kind);
  if (bench === undefined) throw new Error(`no bench with a ${kind}`);
  return bench;
}
