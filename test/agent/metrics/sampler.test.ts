import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { linkOf, MadeUpNode, statsOf, workloadOf } from './fixture.js';
import { type Parsed, parseText } from './text.js';

function parse(node: MadeUpNode): Parsed {
  return parseText(Buffer.concat([...node.page.chunks()]).toString() || '\n');
}

function values(node: MadeUpNode, name: string, workload: string): Record<string, number> {
  const rows = [...parse(node).series.values()].filter((s) => s.name === name && s.labels.workload === workload);
  return Object.fromEntries(
    rows.map(({ labels: { workload: _w, tenant: _t, driver: _d, ...own }, value }) => [
      Object.values(own).join(),
      value,
    ]),
  );
}

test('figures of the cgroup and the link arrive, the link from the side of the workload', async (t) => {
  const node = new MadeUpNode(3);
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_cpu_seconds_total', 'web-2'), { user: 1.000003, system: 0.25 });
  t.deepEqual(values(node, 'berth_workload_network_bytes_total', 'web-2'), { receive: 2000, transmit: 1000 });
  t.deepEqual(values(node, 'berth_workload_memory_limit_bytes', 'web-1'), { '': Number.POSITIVE_INFINITY });
  t.deepEqual(values(node, 'berth_workload_start_time_seconds', 'web-1'), { '': 1_790_000_000.123 });
  t.is(node.latest('web-2')?.link?.rxBytes, 1000);
  node.step = 4;
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_network_bytes_total', 'web-2'), { receive: 8000, transmit: 4000 });
});

test('a workload has one state at a time', async (t) => {
  const node = new MadeUpNode(2);
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_state', 'web-1'), { running: 1 });
  node.list[1] = workloadOf(1, 'stopping');
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_state', 'web-1'), { stopping: 1 });
});

test('a controller that is not there has no series; one that comes gets them', async (t) => {
  const node = new MadeUpNode(1);
  let stats: ReturnType<typeof statsOf> | undefined;
  node.readStats = () => stats;
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_pids', 'web-0'), {});
  t.deepEqual(values(node, 'berth_workload_restarts_total', 'web-0'), { '': 0 });
  const { cpu: _, ...rest } = statsOf(0, 1);
  stats = rest;
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_pids', 'web-0'), { '': 3 });
  t.deepEqual(values(node, 'berth_workload_cpu_seconds_total', 'web-0'), {});
});

test('a cgroup that has gone keeps its last figures, also through a change of state, until the workload goes', async (t) => {
  const node = new MadeUpNode(2);
  await node.sampler.sample();
  node.readStats = () => undefined;
  node.readLinks = async () => [];
  node.list[1] = workloadOf(1, 'exited');
  await node.sampler.sample();
  t.deepEqual(values(node, 'berth_workload_pids', 'web-1'), { '': 4 });
  t.deepEqual(values(node, 'berth_workload_network_bytes_total', 'web-1'), { receive: 2000, transmit: 1000 });
  node.list.pop();
  await node.sampler.sample();
  t.deepEqual([...node.page.ids()], ['web-0']);
  node.sampler.forget('web-0');
  t.is(node.page.series, 0);
});

test('readings that fail are counted and change nothing', async (t) => {
  const node = new MadeUpNode(2);
  await node.sampler.sample();
  const before = parse(node);
  node.step = 9;
  node.readStats = () => {
    throw new Error('EIO');
  };
  node.readLinks = () => Promise.reject(new Error('ENOBUFS'));
  node.readDrops = () => Promise.reject(new Error('ENOENT'));
  await node.sampler.sample();
  t.deepEqual(parse(node).series, before.series);
  t.is(node.sampler.health().errors, 4);
  node.workloads = () => {
    throw new Error('not now');
  };
  await node.sampler.sample();
  t.deepEqual(parse(node).series, before.series);
});

test('a workload that is deleted in the middle of a round is left out of it', async (t) => {
  const node = new MadeUpNode(3);
  const asked: string[] = [];
  node.ready = (id) => {
    asked.push(id);
    if (node.deleted.has(id)) throw new Error(`there is no workload "${id}"`);
    node.deleted.add('web-1');
    return true;
  };
  await node.sampler.sample();
  t.deepEqual(asked, ['web-0', 'web-2']);
  t.deepEqual([...node.page.ids()], ['web-0', 'web-2']);
});

test('a link that was handed out ready-made counts from then on; drops appear with the first', async (t) => {
  const node = new MadeUpNode(1);
  const [first] = node.list;
  if (first === undefined) return t.fail();
  node.list[0] = { ...first, sandbox: { ...first.sandbox, baseline: linkOf(0, 1) } };
  node.step = 3;
  await node.sampler.sample();
  t.like(node.sampler.latest('web-0')?.link, { rxBytes: 2000, txBytes: 4000, rxPackets: 20, rxDropped: 0 });
  const dropped = () =>
    [...parse(node).series.values()].filter(({ name }) => name === 'berth_workload_net_dropped_total');
  t.deepEqual(dropped(), []);
  node.drops = [{ link: 'bt0', packets: { egress: 7 } }];
  await node.sampler.sample();
  t.like(dropped()[0], { value: 7, labels: { reason: 'egress' } });
  t.is(dropped().length, 1);
});

test('beyond the budget workloads are summed up by tenant, and sums never fall', async (t) => {
  const node = new MadeUpNode(4, { maxSeries: 80 });
  await node.sampler.sample();
  await node.sampler.sample();
  const onPage = [...node.page.ids()];
  t.deepEqual(onPage, ['web-0', 'web-1']);
  t.is(node.page.dropped, node.page.series - 2, 'web-0 alone has zswap and a health probe');
  const umbrella = () => node.rollup.sums().get('umbrella');
  t.is(umbrella()?.workloads, 1);
  t.is(umbrella()?.receivedBytes, 0);
  node.step = 3;
  await node.sampler.sample();
  t.is(umbrella()?.receivedBytes, 4000);
  t.is(umbrella()?.pids, 5);
  node.list.splice(0, 1);
  node.readLinks = async () => [];
  await node.sampler.sample();
  t.deepEqual([...node.page.ids()], ['web-1', 'web-2']);
  t.is(umbrella()?.workloads, 0);
  t.is(umbrella()?.receivedBytes, 4000);
  const text = await node.registry.text();
  t.regex(text, /^berth_scrape_series_dropped_total \d+$/m);
  t.regex(text, /^berth_rollup_network_bytes_total\{tenant="umbrella",direction="receive"\} 4000$/m);
});

test('samples follow each other at the interval and never overlap', async (t) => {
  const node = new MadeUpNode(1, { intervalMs: 20 });
  let inside = 0;
  let most = 0;
  node.readLinks = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(35);
    inside -= 1;
    return [];
  };
  const startedAt = performance.now();
  node.sampler.start();
  // The sampler's timer alone keeps no process alive, so it is this wait that does.
  while (node.sampler.ticks < 3) await sleep(10);
  await node.sampler.stop();
  const { ticks } = node.sampler;
  t.is(most, 1);
  t.true(ticks <= 1 + (performance.now() - startedAt) / 35, `${ticks} samples`);
  await sleep(60);
  t.is(node.sampler.ticks, ticks);
  t.true((node.sampler.health().age ?? 0) > 0.05);
});

test('a sample of many workloads lets the loop turn', async (t) => {
  const node = new MadeUpNode(1000);
  let turns = 0;
  let going = true;
  const count = (): void => {
    turns += 1;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  await node.sampler.sample();
  going = false;
  t.true(turns >= 9, `${turns} turns`);
});

test('an interval is between two readings in a row', async (t) => {
  const node = new MadeUpNode(1);
  const read = node.readStats.bind(node);
  t.is(node.sampler.interval('web-0'), undefined);
  t.is(node.sampler.ageMs(), null);
  await node.sampler.sample();
  t.is(node.sampler.interval('web-0'), undefined, 'the first');
  node.step = 4;
  await node.sampler.sample();
  const interval = node.sampler.interval('web-0');
  t.is(interval?.before.stats?.cpu?.usageUsec, statsOf(0, 1).cpu?.usageUsec);
  t.is(interval?.latest.stats?.cpu?.usageUsec, statsOf(0, 4).cpu?.usageUsec);
  node.readStats = () => undefined;
  await node.sampler.sample();
  t.is(node.sampler.interval('web-0'), undefined, 'its cgroup is gone');
  node.readStats = read;
  node.list.length = 0;
  await node.sampler.sample();
  t.is(node.sampler.interval('web-0'), undefined);
  t.is(typeof node.sampler.ageMs(), 'number');
});

test('what merging of pages saves changes while the workload sleeps, and stands on the page', async (t) => {
  const node = new MadeUpNode(1);
  const stats = statsOf(0, 1);
  node.readStats = () => stats;
  const saved = () => values(node, 'berth_workload_ksm_profit_bytes', 'web-0');
  await node.sampler.sample();
  await node.sampler.sample();
  t.deepEqual(saved(), {});
  for (const bytes of [-4096, 0, 2 ** 40]) {
    node.savings = new Map([['web-0', bytes]]);
    await node.sampler.sample();
    t.deepEqual(saved(), { '': bytes });
  }
});
