// `berth events`: what it prints, and until when.
import test from 'ava';
import type { BerthEvent } from '../../../agent/model/event.js';
import { berth, fakeAgent, NOW } from './fake.js';

const EVENTS: readonly BerthEvent[] = [
  { cursor: 3, at: NOW, type: 'agent.started', data: {} },
  { cursor: 4, at: NOW, type: 'workload.state', workload: 'web-1', tenant: 'acme', data: { to: 'running', n: 1 } },
];

test('events: all that are kept, or those since a cursor', async (t) => {
  const subscribe = { 'events.subscribe': () => ({ from: 3, cursor: 4, gap: false }) };
  const agent = fakeAgent(subscribe, EVENTS);
  t.is(
    (await berth('events', { agent })).out,
    '2026-11-21T12:00:00Z  3  agent.started  -\n2026-11-21T12:00:00Z  4  workload.state  acme/web-1  to=running n=1\n',
  );
  t.deepEqual(JSON.parse((await berth('events --since 3 --json', { agent })).out), { events: EVENTS.slice(1) });
  t.deepEqual(JSON.parse((await berth('events --since 4 --json', { agent })).out), { events: [] });
});

test('events: a line each, where text with blanks is quoted and what has many parts is counted', async (t) => {
  const pressure = Array.from({ length: 9 }, (_, at) => ({ at, some: 0 }));
  const data = {
    cause: 'stopped',
    detail: 'stopped on request',
    empty: '',
    pids: [7],
    pressure,
    usage: { ...pressure },
  };
  const agent = fakeAgent({ 'events.subscribe': () => ({ from: 3, cursor: 3, gap: false }) }, [
    { cursor: 3, at: NOW, type: 'workload.ended', workload: 'web-1', data },
  ]);
  t.is(
    (await berth('events', { agent })).out,
    '2026-11-21T12:00:00Z  3  workload.ended  web-1  cause=stopped detail="stopped on request" empty="" pids=[7] pressure=[9 entries] usage={9 fields}\n',
  );
});

test('events --follow: one line of JSON each, until interrupted', async (t) => {
  const agent = fakeAgent({}, EVENTS);
  const controller = new AbortController();
  agent.onListen = () => {
    setImmediate(() => agent.emit({ type: 'node.cordoned' }));
    setTimeout(() => controller.abort(), 50);
  };
  const run = { agent, interruption: () => controller.signal };
  const { exit, out } = await berth('events --follow --since 3 --json', run);
  t.is(exit, 130);
  t.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).cursor),
    [4, 5],
  );
});
