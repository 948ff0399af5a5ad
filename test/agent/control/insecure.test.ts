import test from 'ava';
import { controlProblems } from '../../../agent/config/references.js';
import { configSchema } from '../../../agent/config/schema.js';
import { insecureSchedulers } from '../../../agent/control/insecure.js';

// Whether anybody on the way can read, however the address is written.
const READABLE: Readonly<Record<string, boolean>> = {
  'wss://scheduler.example/': false,
  'ws://127.0.0.1:7000/': false,
  'ws://127.9.8.7/': false,
  'ws://localhost/': false,
  'ws://[::1]:7000/': false,
  'ws://[0:0:0:0:0:0:0:1]/': false,
  'ws://2130706433/': false,
  'ws://192.0.2.1/': true,
  'ws://[::ffff:192.0.2.1]/': true,
  'ws://scheduler.example/': true,
  'ws://localhost.example/': true,
  'ws://127.0.0.1.example/': true,
  'ws://0.0.0.0/': true,
};

for (const [url, isReadable] of Object.entries(READABLE))
  test(`${isReadable ? 'needs insecure = true, and is a condition then' : 'is as good as encrypted'}: ${url}`, (t) => {
    const config = (insecure: boolean) =>
      configSchema.parse({ control: { scheduler: [{ url, id: 'central', insecure }] } });
    t.is(controlProblems(config(false)).length, isReadable ? 1 : 0);
    t.deepEqual(controlProblems(config(true)), []);
    const found = insecureSchedulers(config(true).control.scheduler);
    t.deepEqual(
      found.map(({ code }) => code),
      isReadable ? ['scheduler_insecure'] : [],
    );
    for (const { why } of found) t.regex(why, /central/);
  });
