// What workloads of other engines take of the agent: series and descriptors.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AdoptedSamples, type AdoptedSamplesOptions } from '../../../../agent/daemon/adapters/adopted-samples.js';
import { CadvisorPage } from '../../../../agent/metrics/cadvisor/page.js';
import type { WorkloadSample } from '../../../../agent/metrics/workload-families.js';
import type { AdoptedView } from '../../../../agent/model/adopted.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { adoptedOf } from '../../control/fake-engines.js';
import { parseText } from '../../metrics/text.js';

const SAMPLE: WorkloadSample = {
  ...{ stats: { pids: { current: 1, max: 'max', maxEvents: 0 } }, link: undefined, drops: undefined },
  ...{ ksmProfit: undefined, vm: undefined, ready: undefined, restarts: 0, startedAt: null },
};

function samplesOf(t: ExecutionContext, over: Partial<AdoptedSamplesOptions> = {}): AdoptedSamples {
  return new AdoptedSamples({
    ...{ intervalMs: 60_000, maxSeries: 1000, ownSeries: () => 0, directory: () => undefined },
    onError: (error) => t.fail(String(error)),
    ...over,
  });
}

/** How many workloads have room on the page. */
function onPage({ page }: AdoptedSamples): number {
  let count = 0;
  while (page.add(`w${count}`, { common: {} }, SAMPLE)) count++;
  return count;
}

test('they have a quarter of the series, and less where our own workloads have more than the rest', (t) => {
  const one = samplesOf(t);
  one.page.add('one', { common: {} }, SAMPLE);
  const { series } = one.page;
  t.true(series > 0);
  const maxSeries = series * 40;
  t.is(onPage(samplesOf(t, { maxSeries })), 10);
  t.is(onPage(samplesOf(t, { maxSeries, ownSeries: () => series * 39 })), 1);
});

/** Cgroups with seven processes each, by the names of their directories. */
function cgroupsOf(workloads: readonly AdoptedView[]): string {
  const mount = temporaryDirectory('samples');
  for (const { cgroup } of workloads) {
    const directory = join(mount, cgroup ?? '');
    mkdirSync(directory);
    for (const [file, text] of Object.entries({ controllers: 'pids', procs: '' }))
      writeFileSync(join(directory, `cgroup.${file}`), `${text}\n`);
    writeFileSync(join(directory, 'pids.current'), '7\n');
  }
  return mount;
}

test('no more of them are read than the agent has descriptors for', async (t) => {
  const workloads = ['a', 'b', 'c'].map((name) => adoptedOf(name, { cgroup: name }));
  const mount = cgroupsOf(workloads);
  const samples = samplesOf(t, { mostReaders: 2, directory: ({ cgroup }) => join(mount, cgroup ?? '') });
  samples.set(workloads);
  await samples.sample();
  t.deepEqual(
    workloads.map((workload) => samples.use(workload).pids),
    [7, 7, undefined],
  );
  await samples.stop();
});

test('each whose cgroup is read is on the page of cAdvisor until it is gone', async (t) => {
  const workloads = ['a', 'b'].map((name) => adoptedOf(name, { cgroup: name }));
  const mount = cgroupsOf(workloads);
  const cadvisor = new CadvisorPage({ maxSeries: () => 1000, now: () => 0 });
  const samples = samplesOf(t, { cadvisor, directory: ({ cgroup }) => join(mount, cgroup ?? '') });
  const names = async (): Promise<string[]> => {
    await samples.sample();
    const text = [...cadvisor.leases()].map(({ bytes }) => bytes.toString()).join('');
    const threads = [...parseText(text).series.values()].filter(({ name }) => name === 'container_threads');
    t.true(threads.every(({ value }) => value === 7));
    return threads.map(({ labels }) => `${labels.id} ${labels.name} ${labels.image}`);
  };
  samples.set(workloads);
  t.deepEqual(await names(), ['/a a debian:13', '/b b debian:13']);
  samples.set(workloads.slice(1));
  t.deepEqual(await names(), ['/b b debian:13']);
  await samples.stop();
});
