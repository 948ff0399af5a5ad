// /metrics/cadvisor: the samples of /metrics, as the dashboards of cAdvisor look for them.
import test from 'ava';
import { cadvisorRows } from '../../../agent/metrics/cadvisor/document.js';
import { CADVISOR_FAMILIES } from '../../../agent/metrics/cadvisor/families.js';
import { type CadvisorNames, namesOf, namesOfAdopted } from '../../../agent/metrics/cadvisor/names.js';
import { CadvisorPage } from '../../../agent/metrics/cadvisor/page.js';
import { UNSERVED } from '../../../agent/metrics/cadvisor/unserved.js';
import { type Sampled, Sampler } from '../../../agent/metrics/sampler.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { adoptedOf } from '../control/fake-engines.js';
import { MadeUpNode, statsOf } from './fixture.js';
import { parseText } from './text.js';

/** A node whose samples go to both pages. */
class Mirrored {
  readonly node: MadeUpNode;
  readonly page: CadvisorPage;
  now = 1_790_000_000_900;
  maxSeries = 10_000;
  names = (id: string): CadvisorNames => ({ labels: { id: `/berth/${id}`, name: id }, quota: null });
  readonly #sampler: Sampler;

  constructor(count: number) {
    this.node = new MadeUpNode(count);
    this.page = new CadvisorPage({ maxSeries: () => this.maxSeries, now: () => this.now });
    this.#sampler = new Sampler({
      ...{ source: this.node, page: this.node.page, rollup: this.node.rollup, intervalMs: 1000 },
      mirror: {
        put: ({ id }: Sampled, latest) => this.page.put(id, this.names(id), latest),
        forget: (id) => this.page.forget(id),
      },
    });
  }

  /** Values of a family after a sample, by the labels that are not id, name and image. */
  async values(family: string, name = 'web-1'): Promise<Record<string, number>> {
    await this.#sampler.sample();
    const rows = [...this.series()].filter((one) => one.name === family && one.labels.name === name);
    return Object.fromEntries(
      rows.map(({ labels: { id: _i, name: _n, image: _m, ...own }, value }) => [Object.values(own).join(), value]),
    );
  }

  series() {
    const text = [...this.page.leases()].map(({ bytes }) => bytes.toString()).join('');
    return text === '' ? [] : [...parseText(text).series.values()];
  }
}

test('a sample has the figures of cAdvisor, in its units and with its labels', async (t) => {
  const of = new Mirrored(3);
  const expected: Readonly<Record<string, Record<string, number>>> = {
    container_cpu_usage_seconds_total: { total: 1.250002 },
    container_cpu_system_seconds_total: { '': 0.25 },
    container_cpu_cfs_throttled_seconds_total: { '': 0.012345 },
    container_memory_usage_bytes: { '': 64 * 2 ** 20 + 8192 },
    container_memory_failcnt: { '': 1 },
    // web-1 has no limit.
    container_spec_memory_limit_bytes: { '': 0 },
    container_threads: { '': 4 },
    container_threads_max: { '': 128 },
    container_fs_writes_bytes_total: { '': 8192 },
    // What the host end of its link has sent, it has received.
    container_network_receive_bytes_total: { eth0: 2000 },
    container_network_transmit_packets_dropped_total: { eth0: 1 },
    container_pressure_memory_waiting_seconds_total: { '': 0.001501 },
    container_pressure_memory_stalled_seconds_total: { '': 0.000501 },
    container_start_time_seconds: { '': 1_790_000_000.123 },
    container_last_seen: { '': 1_790_000_000 },
    container_spec_cpu_quota: {},
    container_hugetlb_usage_bytes: {},
  };
  for (const [family, values] of Object.entries(expected)) t.deepEqual(await of.values(family), values, family);
  t.deepEqual(await of.values('container_spec_memory_limit_bytes', 'web-2'), { '': 256 * 2 ** 20 });
  of.node.readStats = (id) => ({ ...statsOf(Number(id.slice(4)), 2), hugetlb: { '2MB': 2 ** 21 } });
  t.deepEqual(await of.values('container_hugetlb_usage_bytes'), { '2MB': 2 ** 21 });
});

test('what sleeps is seen at each sample; what has no cgroup any more is not on the page', async (t) => {
  const of = new Mirrored(2);
  const stats = [0, 1].map((n) => statsOf(n, 1));
  of.node.readStats = (id) => stats[Number(id.slice(4))];
  for (const seconds of [1, 2, 3, 4]) {
    of.now = seconds * 1000;
    t.deepEqual(await of.values('container_last_seen'), { '': seconds });
  }
  of.node.readStats = (id) => (id === 'web-1' ? undefined : stats[0]);
  t.deepEqual(await of.values('container_last_seen'), {});
  t.true(of.node.page.has('web-1'), 'berth itself keeps the last figures');
  of.node.readStats = () => stats[0];
  t.deepEqual(await of.values('container_last_seen'), { '': 4 });
  of.node.list.pop();
  await of.values('container_last_seen');
  t.deepEqual([...new Set(of.series().map(({ labels }) => labels.name))], ['web-0']);
});

test('a limit that is lifted takes its series with it, and a label that changes changes the series', async (t) => {
  const of = new Mirrored(2);
  const quota = { quotaUsec: 50_000, periodUsec: 100_000 };
  of.names = (id) => ({ labels: { name: id, image: 'a' }, quota });
  t.deepEqual(await of.values('container_spec_cpu_quota'), { '': 50_000 });
  of.names = (id) => ({ labels: { name: id, image: 'b' }, quota: null });
  t.deepEqual(await of.values('container_spec_cpu_quota'), {});
  t.true(of.series().every(({ labels }) => labels.image === 'b'));
});

test('beyond the budget a workload has no series; it is counted once, and comes when there is room', async (t) => {
  const of = new Mirrored(2);
  await of.values('container_threads', 'web-0');
  const each = of.page.series / 2;
  const full = new Mirrored(2);
  full.maxSeries = each;
  for (let samples = 0; samples < 3; samples++) await full.values('container_threads');
  t.deepEqual([full.page.series, full.page.dropped], [each, each]);
  t.deepEqual(await full.values('container_threads', 'web-0'), { '': 3 });
  full.node.list.shift();
  t.deepEqual(await full.values('container_threads'), { '': 4 });
  t.deepEqual([full.page.series, full.page.dropped], [each, each]);
});

test('labels: the path of the cgroup, the name, the image, and those of kubelet where an engine tells them', (t) => {
  const exec = { command: ['/bin/true'] };
  const spec = parseSpec({ id: 'web', driver: 'exec', exec, resources: { cpu: { limit: 0.5, period: '50ms' } } });
  t.deepEqual(namesOf({ id: 'web', spec }, 'berth.slice/acme/web'), {
    labels: { id: '/berth.slice/acme/web', name: 'web' },
    quota: { quotaUsec: 25_000, periodUsec: 50_000 },
  });
  const image = { name: 'docker.io/library/nginx:1', digest: 'sha256:00' };
  t.is(namesOf({ id: 'web', spec, image }, 'web').labels.image, 'docker.io/library/nginx:1');
  const labels = {
    'io.kubernetes.container.name': 'app',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.name': 'app-0',
    id: '/',
  };
  t.deepEqual(namesOfAdopted(adoptedOf('db', { cgroup: 'a/b', labels })), {
    labels: { id: '/a/b', name: 'db', image: 'debian:13', container: 'app', namespace: 'shop', pod: 'app-0' },
    quota: { quotaUsec: 50_000, periodUsec: 100_000 },
  });
  const limits = { cpu: null, memory: null, pids: null };
  t.deepEqual(namesOfAdopted(adoptedOf('db', { cgroup: 'c', image: null, limits })), {
    labels: { id: '/c', name: 'db' },
    quota: null,
  });
  t.is(namesOfAdopted(adoptedOf('db', { cgroup: null })), undefined);
});

test('every family of cAdvisor is in the table once, served or with the reason', (t) => {
  const rows = cadvisorRows();
  t.is(rows.length, 106);
  t.is(new Set(rows.map(({ name }) => name)).size, rows.length);
  t.deepEqual(
    rows.filter(({ name }) => !/^container_[a-z][a-z0-9_]*[a-z0-9]$/.test(name)),
    [],
  );
  t.is(new Set(UNSERVED.map(({ why }) => why)).size, UNSERVED.length);
  // Those of which others say that every dashboard has them.
  const served = new Set(CADVISOR_FAMILIES.map(({ name }) => name));
  for (const name of ['cpu_usage_seconds_total', 'memory_usage_bytes', 'network_receive_bytes_total', 'last_seen'])
    t.true(served.has(`container_${name}`), name);
});
