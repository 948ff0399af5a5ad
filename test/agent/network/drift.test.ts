import test from 'ava';
import { Drift, type DriftOptions, type Target } from '../../../agent/network/drift.js';
import { PLAIN_FIREWALL, UNLIMITED } from '../../../netns/defaults.js';
import type { Finding, SandboxNetwork } from '../../../netns/types.js';

function networkOf(id: string): SandboxNetwork {
  return {
    ...{ netns: `berth-${id}`, hostLink: `bt${id}`, address: '10.9.0.1', address6: null, mac: '02:00:00:00:00:01' },
    ...{ owner: `berth:${id}`, mtu: 1500, group: 2, attachment: { mode: 'routed' }, tap: null },
    ...{ bandwidth: UNLIMITED, firewall: PLAIN_FIREWALL },
  };
}

/** Workloads by name, what is wrong with each, and whether a repair helps. */
function world(options: DriftOptions = {}) {
  const wrong = new Map<string, Finding['kind'][]>();
  const targets: Target[] = ['a', 'b'].map((id) => ({
    id,
    tenant: 'acme',
    network: networkOf(id),
    process: null,
    version: {},
  }));
  const events: { type: string; workload?: string }[] = [];
  const audits: string[][] = [];
  const repairs: string[] = [];
  const state = { helps: true, changed: false, shared: false, view: null as string | null, now: 0 };
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const drift = new Drift(
    {
      room: {
        audit: async (networks) => {
          audits.push(networks.map(({ owner }) => owner));
          const found = networks.flatMap(({ owner }) =>
            (wrong.get(owner) ?? []).map((kind): Finding => ({ owner, kind, detail: `${kind} is missing` })),
          );
          return state.shared ? [{ owner: null, kind: 'table', detail: 'gone' }] : found;
        },
      },
      events: { append: (event) => events.push(event) },
      log,
      targets: async () => targets,
      ownView: async ({ id }) => (id === 'a' ? state.view : null),
      repair: async ({ id }) => {
        if (state.changed) return false;
        repairs.push(id);
        if (state.helps) wrong.delete(`berth:${id}`);
        return true;
      },
      repairHost: async () => {
        repairs.push('host');
        state.shared = false;
      },
    },
    { now: () => state.now, debounceMs: 1, ...options },
  );
  return { drift, wrong, events, audits, repairs, state, types: () => events.map(({ type }) => type) };
}

test('what is as it should be is left alone', async (t) => {
  const { drift, events, repairs, audits } = world();
  await drift.check();
  t.deepEqual([events, repairs], [[], []]);
  t.deepEqual(audits, [['berth:a', 'berth:b']]);
});

test('a difference is told, put right and counted by kind', async (t) => {
  const { drift, wrong, repairs, types } = world();
  wrong.set('berth:b', ['route', 'firewall']);
  await drift.check();
  t.deepEqual(repairs, ['b']);
  t.deepEqual(types(), ['network.drift', 'network.repaired']);
  const { found, repaired } = drift.counts();
  t.like(found, { route: 1, firewall: 1, link: 0 });
  t.deepEqual(repaired, found);
  t.deepEqual(drift.unrepaired(), []);
});

test('a repair that does not help is told as failed, with what is still wrong, and once', async (t) => {
  const { drift, wrong, repairs, state, events } = world();
  state.helps = false;
  wrong.set('berth:a', ['link']);
  await drift.check();
  await drift.check();
  t.is(repairs.length, 2);
  t.deepEqual(
    events.map(({ type }) => type),
    ['network.drift', 'network.repair_failed'],
  );
  t.like(events[1], { data: { cause: 'link is missing' } });
  t.is(drift.counts().repaired.link, 0);
  t.deepEqual(drift.unrepaired(), [{ workload: 'a', detail: 'link is missing; not repaired: link is missing' }]);
});

test('berth does not say repaired while the workload itself sees another namespace', async (t) => {
  const { drift, wrong, state, types } = world();
  state.view = 'process 7 is in another namespace than berth-a';
  wrong.set('berth:a', ['netns']);
  await drift.check();
  t.deepEqual(types(), ['network.drift', 'network.repair_failed']);
  state.view = null;
  await drift.check();
  t.deepEqual(drift.unrepaired(), []);
});

test('after five repairs in ten minutes it is only told, until it is right or time has passed', async (t) => {
  const { drift, wrong, repairs, state, types } = world();
  for (let round = 0; round < 8; round++) {
    wrong.set('berth:a', ['link']);
    state.now += 1000;
    await drift.check();
  }
  t.is(repairs.length, 5);
  t.deepEqual(drift.unrepaired(), [{ workload: 'a', detail: 'link is missing' }]);
  t.is(types().filter((type) => type === 'network.drift').length, 6, 'and not with every look');
  t.is(drift.counts().found.link, 6);
  state.now += 600_000;
  await drift.check();
  t.is(repairs.length, 6);
  t.deepEqual(drift.unrepaired(), []);
});

test('what changes meanwhile on purpose is no repair', async (t) => {
  const { drift, wrong, state, types } = world();
  state.changed = true;
  wrong.set('berth:a', ['shaping']);
  await drift.check();
  t.deepEqual(types(), ['network.drift']);
  t.is(drift.counts().repaired.shaping, 0);
});

test('a table that is gone comes first, and then what was in it', async (t) => {
  const { drift, wrong, repairs, state, audits } = world();
  state.shared = true;
  wrong.set('berth:a', ['firewall']);
  await drift.check();
  t.deepEqual(repairs, ['host', 'a']);
  t.is(audits.length, 3, 'and a look at what was repaired');
});

test('hints are collected, and only those they name are looked at; a lost one means everything', async (t) => {
  const { drift, audits } = world();
  drift.hint([{ kind: 'link', link: 'bta', object: 'bta' }]);
  drift.hint([
    { kind: 'netns', link: null, object: 'berth-a' },
    { kind: 'link', link: 'docker0', object: 'docker0' },
  ]);
  while (audits.length < 1) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(audits, [['berth:a']]);
  drift.hint([
    { kind: 'route', link: 'btb', object: '10.9.0.1/32' },
    { kind: 'lost', link: null, object: '' },
  ]);
  while (audits.length < 2) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(audits[1], ['berth:a', 'berth:b']);
  await drift.close();
  drift.hint([{ kind: 'lost', link: null, object: '' }]);
  await drift.check();
  t.is(audits.length, 2, 'closed is closed');
});

test('who is deleted takes nobody else’s account of repairs along', async (t) => {
  const { drift, wrong, repairs, state } = world({ repairs: 1 });
  state.helps = false;
  wrong.set('berth:b', ['route']);
  await drift.check();
  await drift.check();
  t.deepEqual(repairs, ['b']);
  // The host's own key is empty, and so the beginning of every other.
  drift.forget('');
  await drift.check();
  t.deepEqual(repairs, ['b']);
});
