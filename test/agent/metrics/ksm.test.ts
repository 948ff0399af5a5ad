import test from 'ava';
import { KsmSavings } from '../../../agent/metrics/ksm.js';

/** Workloads by their processes, each process by what it saves. */
function world(saved: Readonly<Record<number, number>>) {
  const errors: string[] = [];
  const state = {
    asked: new Map<string, readonly number[]>(),
    reads: 0,
    now: 0,
    took: 0,
    host: 1000 as number | undefined,
    errors,
  };
  const savings = new KsmSavings(
    {
      asked: () => [...state.asked].map(([id, pids]) => ({ id, pids: () => pids })),
      onError: (error, id) => errors.push(`${id}: ${(error as Error).message}`),
    },
    {
      sum: async (pids) => {
        state.reads += 1;
        state.now += state.took;
        if (pids.includes(0)) throw new Error('EACCES');
        const profits = pids.flatMap((pid) => saved[pid] ?? []);
        return profits.length === 0 ? undefined : { mergingPages: 1, profit: profits.reduce((a, b) => a + b) };
      },
      host: async () => state.host,
      now: () => state.now,
    },
  );
  const look = async (now: number) => {
    state.now = now;
    savings.look();
    await savings.settled();
  };
  return { state, savings, look };
}

test('savings are those of the last reading, which is every 15 s', async (t) => {
  const { state, savings, look } = world({ 1: 100, 2: -30 });
  state.asked.set('web', [1, 2]).set('idle', []);
  t.is(savings.profit('web'), undefined);
  await look(5000);
  t.is(savings.profit('web'), 70);
  t.is(savings.profit('idle'), undefined);
  t.is(savings.host(), 1000);
  t.is(state.reads, 2);
  state.asked.delete('web');
  await look(19_999);
  t.is(state.reads, 2);
  await look(20_000);
  t.is(state.reads, 3);
  t.is(savings.profit('web'), undefined, 'gone with its workload');
});

test('readings that take long are rare', async (t) => {
  const { state, look } = world({ 1: 100 });
  state.asked.set('web', [1]);
  state.took = 400;
  await look(0);
  await look(40_399);
  t.is(state.reads, 1);
  await look(40_400);
  t.is(state.reads, 2);
});

test('one that cannot be read is told, and keeps nobody else from it', async (t) => {
  const { state, savings, look } = world({ 1: 100 });
  state.asked.set('bad', [0]).set('web', [1]);
  await look(1);
  t.is(savings.profit('web'), 100);
  t.is(savings.profit('bad'), undefined);
  t.deepEqual(state.errors, ['bad: EACCES']);
});

test('a reading that takes longer than 15 s is not joined by a second, and a stop waits for it and begins none', async (t) => {
  const { state, savings } = world({ 1: 100 });
  state.asked.set('web', [1]).set('box', [1]);
  savings.look();
  state.now = 60_000;
  savings.look();
  await savings.settled();
  t.is(state.reads, 2);
  state.now = 10_000_000;
  savings.look();
  await savings.stop();
  t.is(state.reads, 3, 'the second workload is not begun');
  state.now = 20_000_000;
  savings.look();
  await savings.settled();
  t.is(state.reads, 3);
});
