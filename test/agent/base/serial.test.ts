import test from 'ava';
import { Serial, SerialByKey } from '../../../agent/base/serial.js';

/** Work that ends when it is told to. */
function held(name: string, log: string[]) {
  let end = (_?: Error): void => undefined;
  const done = new Promise<string>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve(name) : reject(error));
  });
  return {
    end: (error?: Error) => end(error),
    work: () => {
      log.push(name);
      return done;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('one after the other, whatever becomes of the one before', async (t) => {
  const log: string[] = [];
  const serial = new Serial();
  const first = held('first', log);
  const failed = serial.run(first.work);
  const second = serial.run(async () => log.push('second'));
  await turn();
  t.deepEqual(log, ['first']);
  first.end(new Error('no'));
  await t.throwsAsync(failed, { message: 'no' });
  await second;
  t.deepEqual(log, ['first', 'second']);
});

test('keys do not wait for each other, and none is kept', async (t) => {
  const log: string[] = [];
  const serial = new SerialByKey();
  const a = held('a', log);
  const first = serial.run('a', a.work);
  const then = serial.run('a', async () => log.push('a again'));
  await serial.run('b', async () => log.push('b'));
  t.deepEqual(log, ['a', 'b']);
  a.end(new Error('no'));
  await t.throwsAsync(first, { message: 'no' });
  await then;
  await turn();
  t.deepEqual(log, ['a', 'b', 'a again']);
  t.is(serial.size, 0);
});
