import { request as httpRequest } from 'node:http';
import test from 'ava';
import { parseRequest } from '../../../agent/control/rpc.js';
import { fc } from '../../runner/property.js';
import { startHarness } from './harness.js';
import { rawConnect, request } from './raw.js';

const refusals: readonly { what: string; text: string; code: number; name: string; id: unknown }[] = [
  { what: 'what is not JSON', text: 'hello', code: -32700, name: 'parse_error', id: null },
  { what: 'an empty message', text: '', code: -32700, name: 'parse_error', id: null },
  { what: 'half a request', text: '{"jsonrpc":"2.0"', code: -32700, name: 'parse_error', id: null },
  { what: 'a batch', text: `[${request(1, 'session.ping')}]`, code: -32600, name: 'invalid_request', id: null },
  { what: 'a number', text: '7', code: -32600, name: 'invalid_request', id: null },
  { what: 'no version', text: '{"id":3,"method":"session.ping"}', code: -32600, name: 'invalid_request', id: 3 },
  { what: 'no method', text: '{"jsonrpc":"2.0","id":"x"}', code: -32600, name: 'invalid_request', id: 'x' },
  {
    what: 'an id that is an object',
    text: '{"jsonrpc":"2.0","id":{},"method":"session.ping"}',
    code: -32600,
    name: 'invalid_request',
    id: null,
  },
  { what: 'an unknown method', text: request(4, 'node.explode'), code: -32601, name: 'unknown_method', id: 4 },
  { what: 'a method of Object', text: request(5, 'toString'), code: -32601, name: 'unknown_method', id: 5 },
  {
    what: 'parameters by position',
    text: '{"jsonrpc":"2.0","id":6,"method":"session.ping","params":[1]}',
    code: -32602,
    name: 'invalid_params',
    id: 6,
  },
];

for (const { what, text, code, name, id } of refusals)
  test(`${what} is refused and the connection goes on`, async (t) => {
    const raw = await rawConnect((await startHarness(t)).control.socketPath);
    raw.send(text);
    const reply = await raw.reply();
    t.is(reply.id, id);
    t.like(reply.error, { code, data: { code: name } });
    t.regex(JSON.stringify(reply.error), /"hint":"[^"]/);
    raw.send(request(99, 'session.ping'));
    t.like(await raw.reply(), { id: 99 });
    raw.socket.terminate();
  });

test('notifications are carried out and not answered; replies to nothing are ignored', async (t) => {
  const { control, service } = await startHarness(t);
  const raw = await rawConnect(control.socketPath);
  raw.send('{"jsonrpc":"2.0","method":"node.cordon"}');
  raw.send('{"jsonrpc":"2.0","method":"node.explode"}');
  raw.send('{"jsonrpc":"2.0","id":1,"result":{}}');
  raw.send('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}');
  raw.send(request(2, 'session.ping'));
  t.like(await raw.reply(), { id: 2 });
  t.deepEqual(service.calls, ['cordon']);
  raw.socket.terminate();
});

test('nothing a peer can send makes the parser throw', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      t.true(['request', 'ignored', 'refused'].includes(parseRequest(text).kind));
    }),
  );
});

test('an oversized message ends the connection with 1009', async (t) => {
  const { control, connect } = await startHarness(t);
  const raw = await rawConnect(control.socketPath);
  raw.send(`"${'x'.repeat(1 << 20)}"`);
  t.is(await raw.closed, 1009);
  t.deepEqual(control.stats().closed, [{ reason: 'message_too_large', count: 1 }]);
  const client = await connect();
  const spec = { id: 'x'.repeat(1 << 20) };
  await t.throwsAsync(client.call('workload.create', { spec }), { code: 'message_too_large' });
  t.true((await client.call('session.ping')).at > 0);
});

test('a binary message ends the connection with 1003', async (t) => {
  const raw = await rawConnect((await startHarness(t)).control.socketPath);
  raw.socket.send(Buffer.from(request(1, 'session.ping')));
  t.is(await raw.closed, 1003);
});

test('requests beyond the limit in flight are refused, those within it are answered', async (t) => {
  const { connect, service } = await startHarness(t);
  const client = await connect();
  let release: () => void = () => undefined;
  service.hold = new Promise((resolve) => {
    release = resolve;
  });
  const held = Array.from({ length: 64 }, () => client.call('node.doctor'));
  const refused = await t.throwsAsync(client.call('node.doctor'), { code: 'rate_limited' });
  t.like(refused, { data: { limit: 64 } });
  release();
  t.is((await Promise.all(held)).length, 64);
  await t.notThrowsAsync(client.call('node.doctor'));
});

test('a patient client keeps to what it may have in flight, and comes again when it asked too often', async (t) => {
  const { connect, service } = await startHarness(t);
  const client = await connect({ patient: true });
  let release: () => void = () => undefined;
  service.hold = new Promise((resolve) => {
    release = resolve;
  });
  const held = Array.from({ length: 200 }, () => client.call('node.doctor'));
  await (await connect()).call('session.ping');
  release();
  t.is((await Promise.all(held)).length, 200);
  const many = Array.from({ length: 900 }, () => client.call('session.ping'));
  t.is((await Promise.all(many)).length, 900, 'of 500 a second');
  await t.throwsAsync(client.call('workload.get', { id: 'nobody' }), { code: 'not_found' });
});

test('requests above the rate are refused until there are tokens again', async (t) => {
  let now = 1_000;
  const { connect } = await startHarness(t, { now: () => now });
  const client = await connect();
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 50 }, () => client.call('session.ping')));
  const refused = await t.throwsAsync(client.call('session.ping'), { code: 'rate_limited' });
  t.like(refused, { data: { limit: 500, retryAfterMs: 2 } });
  now += 2;
  t.is((await client.call('session.ping')).at, now);
  await t.throwsAsync(client.call('session.ping'), { code: 'rate_limited' });
});

test('the subprotocol is required, and plain HTTP is told so', async (t) => {
  const { control } = await startHarness(t);
  await t.throwsAsync(rawConnect(control.socketPath, 'graphql-ws'), { message: /400/ });
  const status = await new Promise((resolve, reject) => {
    httpRequest({ socketPath: control.socketPath, path: '/', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
  t.is(status, 426);
});

test('stopping answers what is under way, refuses what is new, and says goodbye', async (t) => {
  const { connect, control, service } = await startHarness(t);
  const client = await connect();
  let release: () => void = () => undefined;
  service.hold = new Promise((resolve) => {
    release = resolve;
  });
  const held = client.call('node.doctor');
  await client.call('session.ping');
  const stopped = control.stop();
  await t.throwsAsync(client.call('session.ping'), { code: 'shutting_down' });
  release();
  t.is((await held).conditions.length, 1);
  t.is((await client.closed).code, 1001);
  await stopped;
  await t.throwsAsync(client.call('session.ping'), { code: 'cannot_connect', message: /agent stopping/ });
});
