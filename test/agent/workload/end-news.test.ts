// News of an end, while other things are wanted of the workload.
import test from 'ava';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import { EndNews } from '../../../agent/workload/end-news.js';

const process = { pid: 7, startTime: 70, startedAt: 0 };
const record = { id: 'web', state: 'stopping', process } as WorkloadRecord;
const killed = { id: 'web', ...process, exit: { code: null, signal: 'SIGKILL', at: 0 } };
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what was killed is waited for, however often something else is wanted meanwhile', async (t) => {
  const news = new EndNews();
  let over = false;
  const waiting = news.arrival(60_000, record).then(() => {
    over = true;
  });
  for (let times = 0; times < 5; times++) {
    news.interrupt();
    await turn();
    t.false(over);
  }
  news.arrived({ ...killed, startTime: 1 });
  await turn();
  t.false(over, 'the end of another process');
  news.arrived(killed);
  await waiting;
  t.is(news.of(record)?.exit?.signal, 'SIGKILL');
});

test('a grace is over when something else is wanted; an end that is not told, at its time', async (t) => {
  const news = new EndNews();
  const grace = news.within(60_000, record);
  news.interrupt();
  await grace;
  await news.arrival(1, record);
  t.is(news.of(record), undefined);
});
