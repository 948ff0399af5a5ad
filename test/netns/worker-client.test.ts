// A worker that does everything wrong: each call to it ends with a code, nothing is left of it, and a later one works.
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { SysError } from '../../linux/errors.js';
import { WorkerClient } from '../../netns/worker-client.js';

const FAULTS = ['none', 'hangs', 'silent', 'garbage', 'other', 'floods', 'dies'] as const;
type Fault = (typeof FAULTS)[number];

// Answers each call with its method, after the fault that holds at that moment.
const SCRIPT = `
const { parentPort, workerData } = require('node:worker_threads');
const [fault, begun, done] = [0, 1, 2];
const shared = new Int32Array(workerData);
const say = (id, method) => parentPort.postMessage({ id, result: method });
const faults = [
  () => {},
  () => Atomics.wait(shared, fault, 1),
  () => 'no answer',
  (id) => { for (const odd of [null, 7, 'text', {}, { id }, [id]]) parentPort.postMessage(odd); return 'no answer'; },
  (id, method) => { say(id + 1000, method); return 'no answer'; },
  (id, method) => { for (let i = 0; i < 20000; i++) say(-i, method); },
  () => process.exit(3),
];
parentPort.on('message', ({ id, method }) => {
  Atomics.add(shared, begun, 1);
  Atomics.notify(shared, begun);
  if (faults[Atomics.load(shared, fault)](id, method) !== 'no answer') say(id, method);
  Atomics.add(shared, done, 1);
  if (method === 'close') process.exit(0);
});
`;

const DEADLINE_MS = 50;
/** Calls with the short deadline. */
const FAULTY = ['stats', 'list', 'hostNetworks', 'drops', 'interference'] as const;
/** One with the usual deadline: the start of a thread counts, and takes its time on a busy host. */
const GOOD = 'findSlots';

function open(t: ExecutionContext, deadlineMs = DEADLINE_MS) {
  const shared = new Int32Array(new SharedArrayBuffer(12));
  const changes: (string | undefined)[] = [];
  const workers: Worker[] = [];
  const client = new WorkerClient({
    start: () => {
      const worker = new Worker(SCRIPT, { eval: true, workerData: shared.buffer });
      workers.push(worker);
      return worker;
    },
    onCrash: () => undefined,
    greeting: () => [],
    onHints: () => undefined,
    onOverdue: () => changes.push(client.overdue?.operation),
    deadlines: Object.fromEntries(FAULTY.map((method) => [method, deadlineMs])),
  });
  const set = (fault: Fault): void => {
    Atomics.store(shared, 0, FAULTS.indexOf(fault));
    Atomics.notify(shared, 0);
  };
  t.teardown(async () => {
    set('none');
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
  const ask = (method: (typeof FAULTY)[number] | typeof GOOD, signal?: AbortSignal): Promise<unknown> =>
    client.call(method === 'stats' ? { method, linkPrefix: 'x' } : ({ method } as { method: 'drops' }), { signal });
  return { ask, changes, client, set, begun: () => Atomics.load(shared, 1) };
}

async function codeOfRejection(call: Promise<unknown>): Promise<string> {
  try {
    return `answered ${JSON.stringify(await call)}`;
  } catch (error) {
    return error instanceof SysError ? error.errnoName : String(error);
  }
}

const ENDS: Readonly<Record<Exclude<Fault, 'none' | 'floods'>, string>> = {
  ...{ hangs: 'ETIMEDOUT', silent: 'ETIMEDOUT', garbage: 'ETIMEDOUT', other: 'ETIMEDOUT', dies: 'ECANCELED' },
};

for (const [fault, code] of Object.entries(ENDS) as [keyof typeof ENDS, string][])
  test(`${fault}: every call ends with ${code}, nothing is left of it, and one on a good worker works`, async (t) => {
    for (const method of FAULTY) {
      const { ask, client, set } = open(t, fault === 'dies' ? 60_000 : DEADLINE_MS);
      // The deadline is of the call, and not of the start of the thread.
      t.is(await ask(GOOD), GOOD);
      set(fault);
      t.is(await codeOfRejection(ask(method)), code, method);
      t.is(client.waiting, 0);
      if (fault === 'silent' || fault === 'garbage' || fault === 'other') {
        // The thread turns and owes an answer for good: it is named until somebody ends it.
        t.is(client.overdue?.operation, method);
        continue;
      }
      set('none');
      // What hangs answers late: the answer finds nobody, and opens the queue.
      while (client.overdue !== undefined) await new Promise(setImmediate);
      t.is(await ask(GOOD), GOOD);
      t.is(client.waiting, 0);
    }
  });

test('a flood of answers to nobody is dropped', async (t) => {
  const { ask, client, set } = open(t, 60_000);
  set('floods');
  t.is(await ask('drops'), 'drops');
  t.is(client.waiting, 0);
});

test('behind a call that hangs all are told, new ones at once, and those that the worker did not have are not begun', async (t) => {
  const { ask, begun, changes, client, set } = open(t);
  set('hangs');
  const codes = await Promise.all(FAULTY.map((method) => codeOfRejection(ask(method))));
  t.deepEqual(new Set(codes), new Set(['ETIMEDOUT']));
  await t.throwsAsync(ask('drops'), { message: /drops: ETIMEDOUT: the worker has been on "stats" .* not begun/ });
  t.is(client.waiting, 0);
  set('none');
  while (client.overdue !== undefined) await new Promise(setImmediate);
  t.is(await ask(GOOD), GOOD);
  // The one that hung, the one that it had beside that, and the last.
  t.is(begun(), 3);
  t.deepEqual(changes, ['stats', undefined]);
});

test('a queue that moves is no hang, however long it is', async (t) => {
  const { ask, changes, client } = open(t, 60_000);
  const answers = await Promise.all(Array.from({ length: 3000 }, () => ask('drops')));
  t.is(answers.length, 3000);
  t.is(client.waiting, 0);
  t.deepEqual(changes, []);
});

test('a signal ends a call with its reason, and takes it out of the queue', async (t) => {
  const { ask, begun, client, set } = open(t, 60_000);
  set('hangs');
  const gone = new AbortController();
  const kept = [ask('stats'), ask('list')];
  const given = [ask('drops', gone.signal), ask('interference', gone.signal)];
  gone.abort(new Error('enough'));
  for (const call of given) await t.throwsAsync(call, { message: 'enough' });
  await t.throwsAsync(ask('drops', gone.signal), { message: 'enough' });
  t.is(client.waiting, 2);
  set('none');
  t.deepEqual(await Promise.all(kept), ['stats', 'list']);
  t.is(await ask('drops'), 'drops');
  t.is(begun(), 3);
});

test('a worker that hangs does not hold up the end', async (t) => {
  const { ask, client, set } = open(t);
  set('hangs');
  await t.throwsAsync(ask('stats'));
  await client.close();
  await t.throwsAsync(ask('stats'), { message: /it is closed/ });
});
