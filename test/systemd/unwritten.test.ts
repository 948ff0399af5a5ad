import test from 'ava';
import { Unwritten } from '../../systemd/supervisor/unwritten.js';

test('what could not be written is written when there is room, the newest of each id, and told once', async (t) => {
  const problems: string[] = [];
  const written: string[] = [];
  let full = true;
  const unwritten = new Unwritten((problem) => problems.push(problem), 5);
  const write = (id: string, what: string) => () => {
    if (full) throw new Error('ENOSPC');
    written.push(`${id} ${what}`);
  };
  unwritten.write('process of a', 'a', write('a', 'held'));
  unwritten.write('exit of a', 'a', write('a', 'exit'));
  unwritten.write('exit of b', 'b', write('b', 'exit'));
  unwritten.write('exit of c', 'c', write('c', 'exit'));
  unwritten.drop('c');
  t.false(unwritten.flush());
  t.deepEqual(written, []);
  full = false;
  while (written.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(written, ['a exit', 'b exit']);
  t.true(unwritten.flush());
  t.is(problems.length, 4);
});
