// What the command says of restarts, and of programs that end before anybody has looked.
import test from 'ava';
import { berth, fakeAgent, moving, NOW, view } from './fake.js';

const SPEC = JSON.stringify({ id: 'web-1', driver: 'exec', exec: { command: ['/bin/true'] } });

test('show and list: the next try, and that there is none', async (t) => {
  const end = { ...{ at: NOW, code: 1, signal: null, detail: '' }, cause: 'exit' } as const;
  const spec = { ...view('web-1').spec, restart: { policy: 'always', maxRetries: 2 } as const };
  const retry = view('web-1', {
    ...{ state: 'pending', process: null, end, spec },
    restart: { attempts: 2, nextAt: NOW + 12_000, gaveUp: false },
  });
  const given = view('web-1', { ...retry, state: 'failed', restart: { attempts: 2, nextAt: null, gaveUp: true } });
  const show = async (workload: typeof retry) =>
    (await berth('workload show web-1', { agent: fakeAgent({ 'workload.get': () => workload }) })).out;
  t.regex(
    await show(retry),
    /^Restarts +0, policy always, at most 2 without a good run\nNext try +number 2 at .* \(in 12s\)$/m,
  );
  t.regex(await show(given), /^Next try +gave up after 2; start it again with `berth workload start web-1`$/m);
  const list = await berth('workload list', {
    agent: fakeAgent({ 'workload.list': () => ({ workloads: [retry, given] }) }),
  });
  t.regex(list.out, /pending\(retry\)/);
  t.regex(list.out, /failed\(gave up\)/);
});

test('a program that dies at once: create, start and restart answer the same, however far it is when they look', async (t) => {
  const process = { pid: 4711, startTime: 5, startedAt: NOW };
  const end = { ...{ at: NOW, code: 1, signal: null, detail: 'exited with code 1', process }, cause: 'exit' } as const;
  const restart = { attempts: 1, nextAt: NOW + 1000, gaveUp: false };
  const pending = view('web-1', { state: 'pending', process: null });
  const looks = [
    view('web-1', { process }),
    view('web-1', { state: 'stopping', process: null, end }),
    view('web-1', { state: 'failed', process: null, end }),
    view('web-1', { state: 'pending', process: null, end, restart }),
  ];
  for (const look of looks) {
    const created = await berth('workload create -f -', { agent: moving([pending, look]), input: SPEC });
    t.deepEqual([created.exit, created.out], [0, 'web-1 running, pid 4711, 10.133.0.5 (0ms)\n'], look.state);
    t.is(created.err.includes('web-1 has ended since: exited with code 1'), look.process === null, look.state);
  }
  const older = { ...process, pid: 4000 };
  const before = view('web-1', { state: 'failed', process: null, end: { ...end, process: older }, since: 1 });
  for (const verb of ['start', 'restart'])
    for (const look of looks) {
      const agent = moving([before, pending, look], {
        'workload.start': () => pending,
        'workload.restart': () => pending,
      });
      const { exit, out } = await berth(`workload ${verb} web-1`, { agent });
      t.deepEqual([exit, out], [0, 'web-1 running\n'], `${verb} ${look.state}`);
    }
});
