import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { startWebServer } from '../../agent/web/server.js';
import { panelQueries } from '../../dashboards/queries.js';
import { MadeUpNode } from '../agent/metrics/fixture.js';
import { startPrometheus } from './prometheus.js';

const root = new URL('../../../', import.meta.url);

test('every panel has data in a real Prometheus, and values arrive as they are', async (t) => {
  const node = new MadeUpNode(20, { process: true, intervalMs: 500 });
  const server = await startWebServer({ listen: '127.0.0.1:0', ...node.pages() });
  const instance = `127.0.0.1:${server.port}`;
  node.savings = new Map([['web-0', -4096]]);
  node.sampler.start();
  const life = setInterval(() => {
    node.step += 1;
    node.registry.recordAdmission('admitted', 'none', 0.002);
    node.registry.recordAdmission('refused', 'memory', 0.001);
    node.registry.recordStartWait(0.2);
    node.registry.recordStart('exec', 0.03);
    node.registry.recordReconcile(0.003);
    node.registry.recordNetwork('create', 0.002);
    node.drops = [{ link: 'bt0', packets: { egress: node.step } }];
  }, 300);
  const prometheus = await startPrometheus(instance, new URL('dashboards/rules/berth.yaml', root));
  t.teardown(async () => {
    clearInterval(life);
    await prometheus.stop();
    await node.sampler.stop();
    await server.close();
  });
  for (let tries = 0; tries < 60; tries += 1) {
    const scrapes = await prometheus.query(`count_over_time(berth_node_ready{instance="${instance}"}[1m])`);
    if (Number(scrapes[0]?.value ?? 0) >= 5) break;
    await sleep(500);
  }

  const empty: string[] = [];
  const nameless: string[] = [];
  const boards = readdirSync(new URL('dashboards/', root)).filter((name) => name.endsWith('.json'));
  for (const board of boards) {
    const json = readFileSync(new URL(`dashboards/${board}`, root), 'utf8');
    for (const { panel, expr, legend } of panelQueries(json, { job: 'berth', instance, rateInterval: '10s' })) {
      const result = await prometheus.query(expr);
      if (result.length === 0) empty.push(`${board}: ${panel}: ${expr}`);
      const words = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      const lost = words.filter((label) => result.some(({ labels }) => labels[label] === undefined));
      if (lost.length > 0) nameless.push(`${board}: ${panel}: ${lost.join()}`);
    }
  }
  t.deepEqual(empty, []);
  t.deepEqual(nameless, [], 'legends with labels that the series do not have');

  clearInterval(life);
  await node.sampler.stop();
  await sleep(2500);
  const seen = await prometheus.query('berth_workload_cpu_seconds_total{workload="web-7",mode="user"}');
  t.is(seen[0]?.value, String((node.latest('web-7')?.stats?.cpu?.userUsec ?? 0) / 1e6));
  t.deepEqual(
    (await prometheus.query('sum(up)')).map(({ value }) => value),
    ['1'],
  );
  t.is((await prometheus.query('instance_dimension:berth_committed:ratio')).length, 4);

  const count = await prometheus.query('count(berth_workload_state)');
  t.is(count[0]?.value, '20');
});
