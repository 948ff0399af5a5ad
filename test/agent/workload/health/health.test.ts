// What becomes of the results of probes, with a clock and a probe of the test's own.
import test from 'ava';
import type { WorkloadRecord } from '../../../../agent/model/record.js';
import { parseSpec } from '../../../../agent/model/spec.js';
import { Health } from '../../../../agent/workload/health/health.js';
import { Wheel } from '../../../../agent/workload/health/wheel.js';

interface Asked {
  readonly host: string;
  readonly signal: AbortSignal;
  readonly answer: (problem?: string | null) => Promise<void>;
}

function made() {
  let now = 0;
  let timer: { at: number; run: () => void } | undefined;
  const asked: Asked[] = [];
  const told: [string, string, object][] = [];
  const unhealthy: string[] = [];
  const paused = new Set<string>();
  const answered = <R>(host: string, signal: AbortSignal) =>
    new Promise<R>((resolve) => {
      const answer = async (problem?: string | null) => {
        resolve(problem as R);
        await new Promise(setImmediate);
      };
      asked.push({ host, signal, answer });
    });
  const health = new Health(
    {
      event: (id, type, data) => told.push([id, type, data]),
      unhealthy: (id) => unhealthy.push(id),
      paused: (id) => paused.has(id),
      inside: (_id, _health, signal) => answered('inside', signal),
    },
    {
      now: () => now,
      random: () => 0.5,
      wheel: new Wheel({
        now: () => now,
        after: (ms, run) => {
          timer = { at: now + ms, run };
          return { cancel: () => (timer = undefined) };
        },
      }),
      probe: (host, _health, signal) => answered(host, signal),
    },
  );
  const pass = (ms: number): void => {
    for (const end = now + ms; ; ) {
      if (timer === undefined || timer.at > end) {
        now = end;
        return;
      }
      const { at, run } = timer;
      timer = undefined;
      now = at;
      run();
    }
  };
  /** Passes time until the next probe, and answers it. */
  const next = async (problem?: string | null): Promise<void> => {
    for (let ms = 0; asked.length === 0 && ms < 3_700_000; ms += 100) pass(100);
    await asked.shift()?.answer(problem);
  };
  return { health, asked, told, unhealthy, paused, pass, next };
}

function running(more: object = {}, id = 'web-1', tenant = 'default', startTime = 1): WorkloadRecord {
  const health = { tcp: 80, interval: '10s', retries: 3, ...more };
  const spec = parseSpec({ id, tenant, driver: 'exec', exec: { command: ['/x'] }, health });
  const process = { pid: 7, startTime, startedAt: 0 };
  return { id, spec, state: 'running', process, sandbox: { address: '10.0.0.7' } } as WorkloadRecord;
}

const types = (told: readonly (readonly [string, string, object])[]) => told.map(([, type]) => type);

test('well once is ready, as often failed as the spec says is not, and then the policy is asked', async (t) => {
  const { health, told, unhealthy, next } = made();
  const record = running();
  health.changed(record);
  t.is(health.ready(record), false);
  await next();
  t.is(health.ready(record), true);
  await next('no');
  await next('no');
  t.is(health.ready(record), true);
  t.deepEqual(unhealthy, []);
  await next('no');
  t.is(health.ready(record), false);
  t.deepEqual(unhealthy, ['web-1']);
  t.deepEqual(types(told), ['workload.ready', 'workload.unready']);
  t.like(told[1]?.[2], { failures: 3, reason: 'no' });
});

test('a success between failures begins the count again', async (t) => {
  const { health, unhealthy, next } = made();
  const record = running();
  health.changed(record);
  for (const result of [undefined, 'no', 'no', undefined, 'no', 'no']) await next(result);
  t.is(health.ready(record), true);
  t.deepEqual(unhealthy, []);
});

test('in the start period failures do not count, and what never was well is told after it', async (t) => {
  const { health, told, unhealthy, next, pass } = made();
  const record = running({ startPeriod: '60s' });
  health.changed(record);
  for (let probes = 0; probes < 20; probes++) await next('no');
  t.deepEqual([unhealthy, told], [[], []]);
  pass(60_000);
  for (let probes = 0; probes < 4; probes++) await next('no');
  t.deepEqual(unhealthy, ['web-1']);
  t.deepEqual(types(told), ['workload.unready']);
});

test('one that flaps is told once in ten seconds, with how often, and the last word is told', async (t) => {
  const { health, told, next } = made();
  const record = running({ interval: '1s', retries: 1 });
  health.changed(record);
  for (let probes = 0; probes < 60; probes++) await next(probes % 2 === 0 ? undefined : 'no');
  t.true(told.length >= 3 && told.length <= 8, String(told.length));
  t.true(
    told.slice(1).every(([, , data]) => 'changes' in data),
    JSON.stringify(told),
  );
  for (let probes = 0; probes < 30; probes++) await next();
  t.is(told.at(-1)?.[1], 'workload.ready');
});

test('another process is asked anew, and what stopped is not asked', async (t) => {
  const { health, asked, next, pass } = made();
  const first = running();
  health.changed(first);
  await next();
  const second = running({}, 'web-1', 'default', 2);
  health.changed(second);
  t.is(health.ready(second), false);
  await next();
  t.is(health.ready(second), true);
  health.changed({ ...second, state: 'frozen' });
  t.is(health.ready(second), false);
  pass(100_000);
  t.is(asked.length, 0);
  t.is(health.ready({ ...second, spec: { ...second.spec, health: undefined } }), undefined);
});

test("a probe that is under way when its workload ends is called off, and its result is nobody's", async (t) => {
  const { health, asked, told, pass } = made();
  const record = running();
  health.changed(record);
  pass(2000);
  const [probe] = asked;
  health.forget('web-1');
  t.true(probe?.signal.aborted);
  await probe?.answer();
  pass(100_000);
  t.deepEqual([asked.length, told], [1, []]);
});

test('of a thousand that never answer 256 are asked at once, the others in their order, and each has its turn', async (t) => {
  const { health, asked, pass } = made();
  for (let n = 0; n < 1000; n++) health.changed(running({}, `w${n}`));
  pass(1500);
  t.is(asked.length, 256);
  const seen = new Set<AbortSignal>();
  while (seen.size < 1000) {
    const one = asked.shift();
    if (one === undefined) return t.fail(`stuck after ${seen.size}`);
    seen.add(one.signal);
    await one.answer('late');
    t.true(asked.length <= 256);
  }
  health.close();
  pass(100_000);
  t.true(asked.every(({ signal }) => signal.aborted));
});

test('what the pressure ladder has frozen is not asked, and a probe that met the freeze does not count', async (t) => {
  const { health, asked, unhealthy, paused, pass, next } = made();
  const record = running();
  health.changed(record);
  await next();
  await next('no');
  await next('no');
  paused.add('web-1');
  pass(600_000);
  t.is(asked.length, 0);
  paused.delete('web-1');
  for (let ms = 0; asked.length === 0 && ms < 60_000; ms += 100) pass(100);
  paused.add('web-1');
  await asked.shift()?.answer('no');
  t.is(health.ready(record), true);
  t.deepEqual(unhealthy, []);
  paused.delete('web-1');
  await next('no');
  t.is(health.ready(record), false);
  t.deepEqual(unhealthy, ['web-1']);
});

test('a command is asked inside, and says nothing where it cannot be asked', async (t) => {
  const { health, told, unhealthy, next, asked, pass } = made();
  const record = running({ tcp: undefined, command: ['/bin/true'] });
  health.changed(record);
  pass(2000);
  t.deepEqual(
    asked.map(({ host }) => host),
    ['inside'],
  );
  await next();
  t.true(health.ready(record));
  for (let times = 0; times < 10; times++) await next(null);
  t.true(health.ready(record));
  for (let times = 0; times < 3; times++) await next('exit code 1');
  t.false(health.ready(record));
  t.deepEqual([types(told), unhealthy], [['workload.ready', 'workload.unready'], ['web-1']]);
});

test('eight commands run at once, four of a tenant, and those that wait hold up nobody who is asked by the network', async (t) => {
  const { health, asked, pass } = made();
  const command = { tcp: undefined, command: ['/bin/true'] };
  for (let at = 0; at < 20; at++) health.changed(running(command, `c-${at}`, 'acme'));
  for (let at = 0; at < 20; at++) health.changed(running({}, `n-${at}`));
  pass(2000);
  const of = (host: string) => asked.filter((one) => one.host === host).length;
  t.deepEqual([of('inside'), of('10.0.0.7')], [4, 20]);
  // Another tenant's come although sixteen wait longer; of three there is no room for all.
  for (const tenant of ['globex', 'initech'])
    for (let at = 0; at < 4; at++) health.changed(running(command, `${tenant}-${at}`, tenant));
  pass(2000);
  t.is(of('inside'), 8);
  for (const { host, answer } of asked.splice(0)) if (host === 'inside') await answer();
  t.is(of('inside'), 8);
});
