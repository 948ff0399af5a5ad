// `berth help spec`: all of it, and one field.
import test from 'ava';
import { EXAMPLES } from '../../../agent/cli/spec-help.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { berth } from './fake.js';

test('help spec FIELD: a field and what is below it, entries of lists too', async (t) => {
  const { out } = await berth('help spec secrets');
  t.deepEqual(
    out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    ['FIELD', 'secrets', ...['name', 'path', 'mode', 'uid', 'gid'].map((field) => `secrets[].${field}`)],
  );
  t.regex((await berth('help spec health.command')).out, /^health\.command +list of text +argv of a program/m);
  t.is((await berth('help spec resources cpu')).out, (await berth('help spec resources.cpu')).out);
  const { err, exit } = await berth('help spec secret');
  t.is(exit, 2);
  t.regex(err, /a workload has no field "secret"/);
});

test('help spec: every example is a valid workload', async (t) => {
  const { out } = await berth('help spec');
  for (const [driver, example] of Object.entries(EXAMPLES)) {
    t.is(parseSpec(example).driver, driver as never);
    t.true(out.includes(`\n${driver}:\n`));
  }
  t.true(out.includes('resources.memory.limit'));
});
