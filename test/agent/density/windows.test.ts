import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { Density } from '../../../agent/density/density.js';
import { Windows } from '../../../agent/density/windows.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { FakeClock } from './fake-clock.js';

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);

function windows() {
  const { density } = configSchema.parse({
    tenant: { acme: { cpu: 2 } },
    density: {
      cpu_overcommit: 4,
      window: [
        { name: 'night', cron: '0 22 * * *', duration: '8h', cpu_overcommit: 8, tenant: { acme: { cpu: 6 } } },
        { name: 'late', cron: '0 2 * * *', duration: '2h', cpu_overcommit: 10, max_workloads: 5 },
      ],
    },
  });
  return { density, windows: new Windows(density.window) };
}

test('what counts is what is open now; the later window wins', (t) => {
  const { density, windows: w } = windows();
  const cpu = (time: string) => w.apply(density, at(time)).density.cpu_overcommit;
  t.is(cpu('2026-11-21T21:59:59Z'), 4);
  t.is(cpu('2026-11-21T22:00:00Z'), 8);
  t.is(cpu('2026-11-22T02:30:00Z'), 10);
  t.is(cpu('2026-11-22T05:59:59Z'), 8);
  t.is(cpu('2026-11-22T06:00:00Z'), 4);
  t.deepEqual(w.apply(density, at('2026-11-22T00:00:00Z')).tenants.get('acme'), { cpu: 6 });
  t.is(w.apply(density, at('2026-11-22T03:00:00Z')).density.max_workloads, 5);
});

test('a clock that is set back or forward changes nothing but the answer', (t) => {
  const { density, windows: w } = windows();
  t.is(w.apply(density, at('2026-11-21T23:00:00Z')).density.cpu_overcommit, 8);
  t.is(w.apply(density, at('2026-11-21T12:00:00Z')).density.cpu_overcommit, 4);
  t.is(w.apply(density, at('2031-01-01T23:00:00Z')).density.cpu_overcommit, 8);
});

test('it is known ahead when each opens, and until when it is open', (t) => {
  const { windows: w } = windows();
  const noon = at('2026-11-21T12:00:00Z');
  t.like(w.at(noon)[0], { name: 'night', active: false, from: noon + 10 * HOUR, until: noon + 18 * HOUR });
  t.deepEqual(w.at(noon)[0]?.changes, { cpu_overcommit: 8, 'tenant.acme.cpu': 6 });
  t.like(w.at(noon + 11 * HOUR)[0], { active: true, from: noon + 10 * HOUR, until: noon + 18 * HOUR });
  t.is(
    w.at(noon + 11 * HOUR),
    w.at(noon + 12 * HOUR),
    'asked again while nothing opens or closes it is the same answer',
  );
});

test('that a window opens and closes is told once, with what it changes', (t) => {
  const clock = new FakeClock(at('2026-11-21T21:30:00Z'));
  const events: [type: string, data: unknown][] = [];
  const density = new Density({
    config: configSchema.parse({
      paths: { state: temporaryDirectory('state') },
      density: { window: [{ name: 'night', cron: '0 22 * * *', duration: '8h', cpu_overcommit: 8 }] },
    }),
    host: { cores: 4, memoryBytes: 2 ** 33, addresses: 100 },
    bootId: 'b',
    clock,
    onEvent: ({ type, data }) => events.push([type, data]),
    onDamaged: () => undefined,
    onError: () => undefined,
  });
  const told = (): typeof events => {
    density.look();
    density.look();
    return events.splice(0);
  };
  t.deepEqual(told(), []);
  clock.pass(HOUR);
  const until = at('2026-11-22T06:00:00Z');
  t.deepEqual(told(), [['window.opened', { window: 'night', until, changes: { cpu_overcommit: 8 } }]]);
  clock.pass(8 * HOUR);
  t.deepEqual(told(), [['window.closed', { window: 'night' }]]);
});
