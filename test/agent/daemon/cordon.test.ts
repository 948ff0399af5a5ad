import test from 'ava';
import { Cordon } from '../../../agent/daemon/cordon.js';
import { temporaryDirectory } from '../../runner/temporary.js';

test('many at once succeed, and the last one stays', async (t) => {
  const directory = temporaryDirectory('cordon');
  const cordon = new Cordon(directory);
  for (const last of [true, false]) {
    await Promise.all(Array.from({ length: 40 }, (_, at) => cordon.set(at % 3 === 0)).concat(cordon.set(last)));
    t.is(cordon.get(), last);
    t.is(new Cordon(directory).get(), last);
  }
});
