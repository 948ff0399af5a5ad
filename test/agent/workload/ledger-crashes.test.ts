// What agent and ledger do together, at random. The unit tier runs a thousand operations; all of them:
//   BERTH_LEDGER_OPERATIONS=100000 TMPDIR=/dev/shm npx ava --timeout=60m dist/test/agent/workload/ledger-crashes.test.js
import { mkdirSync } from 'node:fs';
import test from 'ava';
import { temporaryDirectory } from '../../runner/temporary.js';
import { Crashes } from './ledger-crashes.js';

const OPERATIONS = Number(process.env.BERTH_LEDGER_OPERATIONS ?? 1000);
const SEED = Number(process.env.BERTH_LEDGER_SEED ?? 1);
const LOOK_EVERY = 25;

test('whatever is asked at once, and whenever the agent is killed, the ledger is what is on disk', async (t) => {
  t.timeout(3_600_000);
  const directory = temporaryDirectory('ledger');
  mkdirSync(directory, { recursive: true });
  const crashes = new Crashes(directory, SEED);
  await crashes.open();
  let done = 0;
  try {
    for (let step = 0; done < OPERATIONS; step++) {
      done += await crashes.step();
      if (step % LOOK_EVERY === 0) await crashes.look();
    }
    await crashes.look();
  } catch (error) {
    return t.fail(`after ${done} operations of seed ${SEED}: ${error instanceof Error ? error.stack : error}`);
  } finally {
    crashes.close();
  }
  const { granted, refused, crashes: died, raced, reservations } = crashes.counts;
  t.log(`${done} operations: ${JSON.stringify(crashes.counts)}`);
  t.true(
    granted > done / 5 && refused > done / 20 && died > done / 200 && raced > done / 1000 && reservations > done / 100,
  );
});
