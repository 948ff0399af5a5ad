import test from 'ava';
import { vsockRange } from '../../../agent/config/network.js';
import { configSchema } from '../../../agent/config/schema.js';
import { NO_NETWORK } from '../../../agent/model/record.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { Claims } from '../../../agent/network/claims.js';
import { VsockIds } from '../../../agent/network/vsock-ids.js';

test('each has a number of its own, and one given back rests until the others had their turn', (t) => {
  const ids = new VsockIds([5, 7]);
  t.is(ids.total, 3);
  t.deepEqual([ids.lease('a'), ids.lease('a'), ids.lease('b')], [5, 5, 6]);
  ids.release('a');
  t.is(ids.lease('c'), 7);
  t.is(ids.lease('d'), 5);
  t.is(ids.lease('e'), undefined);
  ids.release('nobody');
  ids.release('b');
  t.is(ids.lease('e'), 6);
});

test('what a record says stays, outside the range as well, and nobody gets it twice', (t) => {
  const ids = new VsockIds([5, 6]);
  t.true(ids.restore('old', 900));
  t.true(ids.restore('old', 900), 'said again');
  t.true(ids.restore('a', 5));
  t.false(ids.restore('b', 5));
  t.deepEqual([ids.lease('old'), ids.lease('c'), ids.lease('d')], [900, 6, undefined]);
});

test('one that is kept out of use is neither given out nor counted, and nobody loses it', (t) => {
  const ids = new VsockIds([5, 6]);
  t.true(ids.keep('orphan/vsock/5', 5));
  t.true(ids.keep('orphan/vsock/900', 900), 'outside the range it counts for nothing');
  t.is(ids.total, 1);
  t.deepEqual([ids.lease('a'), ids.lease('b')], [6, undefined]);
  t.false(ids.keep('orphan/vsock/6', 6));
  t.is(ids.total, 1);
  ids.release('orphan/vsock/5');
  t.deepEqual([ids.total, ids.lease('b')], [2, 5]);
});

test('a range is of numbers that guests may have', (t) => {
  t.deepEqual(vsockRange('3-4294967294'), [3, 4_294_967_294]);
  for (const text of ['', '5', '2-9', '9-8', '3-4294967295', '-3-9', '3 - 9', '0x3-9', '3-9-12', '99999999999-9'])
    t.throws(() => vsockRange(text), { code: 'config_invalid', message: /^network\.vsock_ids must be a range/ }, text);
  t.throws(() => configSchema.parse({ network: { vsock_ids: '0-5' } }), { message: /65536-131071/ });
});

test('a claim has one where the spec asks for it, with a network or without', (t) => {
  const spec = (id: string, vsock: boolean, mode: string) =>
    parseSpec({ id, driver: 'external', network: { mode }, external: { vsock } });
  const claims = new Claims(configSchema.parse({}).network, [70, 80]);
  t.is(claims.vsockIds, 11);
  t.is(claims.claim(spec('a', true, 'none')).vsockId, 70);
  t.is(claims.claim(spec('b', true, 'routed')).vsockId, 71);
  t.is(claims.claim(spec('c', false, 'routed')).vsockId, null);
  claims.release('a');
  const sandbox = { ...NO_NETWORK, cgroup: 'default/d', vsockId: 72 };
  claims.restore(spec('d', true, 'none'), sandbox, false);
  claims.restore(spec('e', true, 'none'), { ...sandbox, vsockId: 73 }, true);
  t.is(claims.claim(spec('f', true, 'none')).vsockId, 73, 'what has come to rest holds none');
});
