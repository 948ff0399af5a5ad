import test from 'ava';
import { answerOf } from '../../../agent/drivers/loading.js';

test('a VMM that says for ever that it still reads has its time, and no more', async (t) => {
  let asked = 0;
  const ask = async () => void asked++;
  const loading = { name: 'QEMU', patienceMs: 1, alive: () => true };
  await t.throwsAsync(answerOf(ask, loading), { message: /ETIMEDOUT: QEMU has not read the snapshot/ });
  t.true(asked > 0);
});
