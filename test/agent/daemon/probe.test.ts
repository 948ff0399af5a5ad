import test from 'ava';
import { Probe } from '../../../agent/daemon/probe.js';

test('one question to each room, and a room that owes an answer is named and not asked again', async (t) => {
  const asked: string[] = [];
  let answer: () => void = () => undefined;
  const probe = new Probe({
    supervisor: async () => asked.push('supervisor'),
    network: () => {
      asked.push('network');
      return new Promise<void>((resolve) => {
        answer = resolve;
      });
    },
  });
  const first = probe.run();
  answer();
  await first;
  const second = probe.run();
  await new Promise(setImmediate);
  await t.throwsAsync(probe.run(), { message: 'no answer from network' });
  await t.throwsAsync(probe.run(), { message: 'no answer from network' });
  t.deepEqual(asked, ['supervisor', 'network', 'supervisor', 'network']);
  answer();
  await second;
  const third = probe.run();
  answer();
  await third;
  t.is(asked.length, 6);
});

test('a room that fails is told', async (t) => {
  const probe = new Probe({ supervisor: () => Promise.reject(new Error('gone')) });
  await t.throwsAsync(probe.run(), { message: 'gone' });
  await t.throwsAsync(probe.run(), { message: 'gone' });
});
