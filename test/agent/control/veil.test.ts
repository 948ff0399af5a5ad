import test from 'ava';
import { veil } from '../../../agent/control/veil.js';

const FOREIGN = new Set(['kestrel', 'osprey-1', 'memory']);
const isForeign = (name: string) => FOREIGN.has(name);

test('a sentence is told without foreign names, wherever it stands', (t) => {
  t.deepEqual(
    veil(
      {
        message: 'port tcp/80 (workload "osprey-1") is in use',
        data: { others: [{ hint: 'ask kestrel: osprey-1, osprey-10 and x-osprey-1', shortBy: 1 }] },
      },
      isForeign,
    ),
    {
      message: 'port tcp/80 (workload "(other)") is in use',
      data: { others: [{ hint: 'ask (other): (other), osprey-10 and x-osprey-1', shortBy: 1 }] },
    },
  );
});

test('a word of the protocol stays, though somebody is called like it, and a field that names somebody does not', (t) => {
  const told = { dimension: 'memory', code: 'memory', memory: 1, holder: 'memory', by: { tenant: 'kestrel' } };
  t.deepEqual(veil(told, isForeign), {
    ...{ dimension: 'memory', code: 'memory', memory: 1, holder: '(other)' },
    by: { tenant: '(other)' },
  });
});

test('what the session wrote itself comes back as it was, so that nobody is found by trying names', (t) => {
  const spec = { labels: { a: 'next to kestrel' }, exec: { command: ['sh', '-c', 'curl osprey-1 kestrel'] } };
  t.deepEqual(veil({ spec, labels: spec.labels }, isForeign), { spec, labels: spec.labels });
  const message = 'there is no workload "osprey-1" near kestrel';
  t.is(veil(message, isForeign, '{"id":"osprey-1"}'), 'there is no workload "osprey-1" near (other)');
});
