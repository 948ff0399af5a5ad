import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Registry } from 'prom-client';
import { configSchema } from '../../../../agent/config/schema.js';
import { Reloading } from '../../../../agent/daemon/reload.js';
import type { DamagedCheckpoint } from '../../../../agent/density/checkpoint.js';
import { Ledger } from '../../../../agent/density/ledger.js';
import type { LivePrediction } from '../../../../agent/density/prediction/live.js';
import { openPrediction } from '../../../../agent/density/prediction/open.js';
import { Collectors } from '../../../../agent/metrics/collectors.js';
import { addPredictionFamilies } from '../../../../agent/metrics/families/prediction.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { FakeClock } from '../../../simulate/clock.js';
import { specOf } from '../../workload/fake-world.js';
import { demand, host } from '../shapes.js';

const HOUR = 3_600_000;
const MIB = 2 ** 20;

/** A host with one workload that runs at a fifth of the core it is promised, and one that waits. */
function agent(state = temporaryDirectory('prediction')) {
  const clock = new FakeClock();
  const ledger = new Ledger(host({}));
  for (const id of ['web-1', 'waits']) ledger.commit(id, demand({ cpu: 1000, memory: 512 * MIB }));
  const damaged: DamagedCheckpoint[] = [];
  const errors: string[] = [];
  const prediction = openPrediction({
    ...{ state, ledger, clock },
    workloads: () => [
      { id: 'web-1', spec: SPECS.web, state: 'running' },
      { id: 'waits', spec: SPECS.waits, state: 'pending' },
      { id: 'over', spec: SPECS.web, state: 'exited' },
    ],
    latest: () => ({
      at: clock.now(),
      stats: { cpu: { usageUsec: clock.now() * 200 }, memory: { current: 128 * MIB } },
    }),
    onDamaged: (one) => void damaged.push(one),
    onError: (_error, message) => void errors.push(message),
  });
  return { state, clock, prediction, damaged, errors };
}

const SPECS = { web: specOf(), waits: specOf({ id: 'waits', exec: { command: ['/bin/other'] } }) };
const checkpointOf = (state: string): string => join(state, 'prediction.json');

test('off, nothing is told, and nothing is learned or written', async (t) => {
  const { prediction, clock, state } = agent();
  await prediction.configure('off');
  await clock.runUntil(HOUR);
  t.is(prediction.view(), null);
  t.deepEqual(readdirSync(state), []);
});

test('turned on it learns what runs, of what the ledger holds; the next agent goes on from there', async (t) => {
  const first = agent();
  await first.prediction.configure('advise');
  const fresh = first.prediction.view();
  t.like(fresh?.forecast, { workloads: 2, unknown: 2, cpu: { mean: 2, worst: 2 } });
  t.is(fresh?.advice[0]?.ratio, null);
  await first.clock.runUntil(25 * HOUR);
  const { forecast, advice } = first.prediction.view() ?? {};
  t.is(forecast?.unknown, 1, 'what waits has used nothing yet');
  t.like(advice?.[0], { class: 'burstable', resource: 'cpu', basis: { workloads: 2, known: 1, share: 0.5 } });
  t.true((forecast?.cpu.mean ?? 9) < 1.3, JSON.stringify(forecast));
  await first.prediction.configure('off');
  const next = agent(first.state);
  await next.clock.runUntil(25 * HOUR);
  await next.prediction.configure('advise');
  t.is(advice?.[0]?.basis.samples, 25 * 60 - 1);
  t.deepEqual(next.prediction.view()?.advice[0]?.basis, advice?.[0]?.basis);
  t.deepEqual([next.damaged, next.errors], [[], []]);
});

test('a damaged checkpoint is set aside and told, and learning begins anew', async (t) => {
  const { state, prediction, damaged, errors } = agent();
  writeFileSync(checkpointOf(state), 'half a');
  await prediction.configure('advise');
  t.is(damaged.length, 1);
  t.like(damaged[0], { path: checkpointOf(state) });
  t.is(readFileSync(damaged[0]?.movedTo ?? '', 'utf8'), 'half a');
  t.is(prediction.view()?.forecast.unknown, 2);
  t.deepEqual(errors, []);
});

/** SIGHUP with this configuration. */
async function hangUp(prediction: LivePrediction, mode: string): Promise<string[]> {
  const events: string[] = [];
  const world = {
    config: configSchema.parse({}),
    density: { setConfig: () => {}, look: () => {} },
    log: { info: () => {} },
  };
  const parts = {
    ...{ prediction, world, facts: { cpusOnline: 2 } },
    events: { append: ({ type }: { type: string }) => events.push(type) },
    governor: { configure: () => {} },
    late: { governor: undefined },
    limits: { reload: async () => new Map() },
    pressure: { configure: async () => {} },
    observation: { web: { reload: async () => {} } },
  };
  const notify = { reloading: () => {}, ready: () => {} };
  const load = async () => configSchema.parse({ density: { prediction: mode } });
  await new Reloading(parts as never, load, notify as never).run();
  return events;
}

test('SIGHUP turns it on and off; turned off it keeps what it knows on disk', async (t) => {
  const { state, clock, prediction } = agent();
  t.deepEqual(await hangUp(prediction, 'advise'), ['config.reloaded']);
  t.is(prediction.view()?.mode, 'advise');
  await clock.runUntil(5 * 60_000);
  t.is(prediction.view()?.forecast.unknown, 1);
  t.false(existsSync(checkpointOf(state)));
  await hangUp(prediction, 'advise');
  t.is(prediction.view()?.forecast.unknown, 1, 'nothing is forgotten where nothing changes');
  await hangUp(prediction, 'off');
  t.is(prediction.view(), null);
  t.true(existsSync(checkpointOf(state)));
  const before = readFileSync(checkpointOf(state), 'utf8');
  await clock.runUntil(2 * HOUR);
  t.is(readFileSync(checkpointOf(state), 'utf8'), before, 'no timer goes on');
  await hangUp(prediction, 'advise');
  t.is(prediction.view()?.forecast.unknown, 1);
  await prediction.configure('off');
});

test('on and off at once: the last word holds', async (t) => {
  const { prediction } = agent();
  await Promise.all((['advise', 'off', 'advise', 'off'] as const).map((mode) => prediction.configure(mode)));
  t.is(prediction.view(), null);
  await Promise.all((['off', 'advise', 'off', 'advise'] as const).map((mode) => prediction.configure(mode)));
  t.is(prediction.view()?.mode, 'advise');
  await prediction.configure('off');
});

test('families: none while it is off; a ratio only where there is one', async (t) => {
  const { prediction, clock } = agent();
  const registry = new Registry();
  addPredictionFamilies(new Collectors(registry), () => prediction.view());
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('berth_predicted'));
  t.deepEqual(await lines(), []);
  await prediction.configure('advise');
  t.deepEqual(await lines(), [
    ...['mean', 'p98', 'peak'].map((figure) => `berth_predicted_use{resource="cpu",figure="${figure}"} 2`),
    ...['mean', 'p98', 'peak'].map(
      (figure) => `berth_predicted_use{resource="memory",figure="${figure}"} ${1024 * MIB}`,
    ),
    'berth_predicted_known_ratio{class="burstable",resource="cpu"} 0',
    'berth_predicted_known_ratio{class="burstable",resource="memory"} 0',
  ]);
  await clock.runUntil(HOUR);
  t.regex((await lines())[0] ?? '', /mean"} 1\.\d/);
  await prediction.configure('off');
  t.deepEqual(await lines(), []);
});
