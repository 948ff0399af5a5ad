import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { missingModules } from '../../../agent/host/modules.js';
import { conntrackUse, NetworkHealth } from '../../../agent/network/health.js';
import { timed } from '../../../agent/network/timed.js';
import type { Interference } from '../../../netns/types.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { FakeHost } from '../workload/fake-host.js';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test('what counts is what was lost since the last look; a window without traffic tells nothing new', async (t) => {
  let now: Interference = { offered: 10, passed: 10, suspects: [], foreign: [] };
  const host = { routes: [{ destination: '10.133.4.0', prefix: 24, link: 'wg0' }], addresses: [] };
  const room = { interference: async () => now, hostNetworks: async () => host };
  const health = new NetworkHealth(configSchema.parse({}).network, room, quiet, { avoid: () => undefined });
  t.is(health.traffic, undefined);
  await health.refresh();
  t.like(health.traffic, { offered: 10, lost: 0 });
  now = { offered: 20, passed: 12, suspects: ['ip filter FORWARD (policy drop)'], foreign: [] };
  await health.refresh();
  t.deepEqual(health.traffic, { offered: 10, lost: 8, suspects: now.suspects });
  await health.refresh();
  t.is(health.traffic?.lost, 8);
  now = { offered: 3, passed: 3, suspects: [], foreign: [] };
  await health.refresh();
  t.like(health.traffic, { offered: 3, lost: 0 }, 'the tables were loaded anew');
  t.is(health.conflicts[0]?.key, 'network.pool');
  now = new Proxy(now, {
    get: () => {
      throw new Error('no table');
    },
  });
  await t.notThrowsAsync(health.refresh());
});

test('tracked connections, where the kernel tracks any', (t) => {
  const root = temporaryDirectory('conntrack');
  t.is(conntrackUse(root), undefined);
  writeFileSync(join(root, 'nf_conntrack_count'), '17\n');
  writeFileSync(join(root, 'nf_conntrack_max'), '262144\n');
  t.deepEqual(conntrackUse(root), { entries: 17, limit: 262_144 });
});

test('modules on disk, built in or loaded are there; without a list nothing is said', (t) => {
  const root = temporaryDirectory('modules');
  const places = { modules: join(root, 'lib'), loaded: join(root, 'sys') };
  t.is(missingModules(places), undefined);
  for (const directory of ['lib', 'sys/ifb']) mkdirSync(join(root, directory), { recursive: true });
  const dep = ['net/sched/sch_tbf.ko.xz', 'net/sched/sch_ingress.ko', 'net/sched/act_mirred.ko.zst'];
  const nft = ['nf-tables', 'nft_chain_nat', 'nf_conntrack'].map((name) => `net/netfilter/${name}.ko`);
  writeFileSync(
    join(root, 'lib/modules.dep'),
    [...dep, ...nft].map((path) => `kernel/${path}: kernel/x.ko`).join('\n'),
  );
  writeFileSync(join(root, 'lib/modules.builtin'), 'kernel/net/bridge/bridge.ko\n');
  t.deepEqual(missingModules(places), { shaping: ['cls_u32'], nat: ['nft_masq'] });
});

test('operations are timed, also those that fail', async (t) => {
  const seen: string[] = [];
  const host = new FakeHost();
  const port = timed(host.networkPort(), {
    network: (operation, seconds) => void seen.push(`${operation} ${seconds >= 0}`),
  });
  await port.remove({ netns: null, hostLink: 'x', owner: 'berth:x', network: null, recycle: false });
  host.failNext = { call: 'network.remove', error: new Error('no') };
  await t.throwsAsync(port.remove({ netns: null, hostLink: 'x', owner: 'berth:x', network: null, recycle: false }));
  t.deepEqual(seen, ['remove true', 'remove true']);
});
