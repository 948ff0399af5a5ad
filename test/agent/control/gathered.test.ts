import { once } from 'node:events';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { gathered } from '../../../agent/control/gathered.js';

/** Keeps what each call of the kernel would have been. */
class Calls extends Writable {
  readonly calls: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.calls.push(chunk.toString());
    done();
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: () => void): void {
    this.calls.push(Buffer.concat(chunks.map(({ chunk }) => chunk)).toString());
    done();
  }
}

test('what is said in one turn of the loop is one call, and the next turn another', async (t) => {
  const stream = new Calls();
  const gather = gathered(stream);
  const say = (text: string): void => {
    gather();
    stream.write(text);
  };
  say('answer ');
  say('event ');
  await Promise.resolve();
  say('event');
  t.deepEqual(stream.calls, []);
  await turn();
  say('later');
  await turn();
  t.deepEqual(stream.calls, ['answer event event', 'later']);
});

test('much does not wait for the end of the turn', (t) => {
  const stream = new Calls();
  const gather = gathered(stream);
  for (let at = 0; at < 4; at++) {
    gather();
    stream.write('x'.repeat(40 << 10));
  }
  t.true(stream.calls.length > 0);
  t.true(stream.writableLength <= 80 << 10);
});

test('the end of the stream waits for nothing', async (t) => {
  const stream = new Calls();
  const gather = gathered(stream);
  gather();
  stream.write('last words');
  stream.end();
  await once(stream, 'finish');
  t.deepEqual(stream.calls, ['last words']);
});
