// Peers that do not do their part, and an agent that does not wait for them.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WebSocketServer } from 'ws';
import { startHarness } from './harness.js';
import { rawConnect, request } from './raw.js';

const FOREVER = new Promise<void>(() => undefined);
const HANDSHAKE = [
  ...['GET / HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: berth.v1', '', ''],
].join('\r\n');

/** A connection of bytes, whose end is not an error. */
async function dial(t: ExecutionContext, path: string): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = createConnection(path);
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return { socket, closed };
}

/** A websocket of which nobody reads a frame, so that neither a ping nor a close is answered. */
async function halfOpen(t: ExecutionContext, path: string) {
  const connection = await dial(t, path);
  connection.socket.write(HANDSHAKE);
  const [answer] = (await once(connection.socket, 'data')) as [Buffer];
  t.regex(answer.toString(), /^HTTP\/1\.1 101/);
  return connection;
}

test('a stop ends whatever connections do', async (t) => {
  const { control, service, connect } = await startHarness(t);
  const silent = await dial(t, control.socketPath);
  const trickling = await dial(t, control.socketPath);
  trickling.socket.write(HANDSHAKE.slice(0, 40));
  const open = await halfOpen(t, control.socketPath);
  service.hold = FOREVER;
  const client = await connect();
  const asked = t.throwsAsync(client.call('node.cleanup'));
  await client.call('session.ping');
  await control.stop(50);
  await Promise.all([silent.closed, trickling.closed, open.closed, asked]);
  t.true(service.signal?.aborted, 'what was under way is told');
  t.false(existsSync(control.socketPath));
});

test('a stop does not wait for a scheduler that does not answer the goodbye', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'berth.v1' });
  t.teardown(() => server.close());
  const dialled = once(server, 'connection');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { control } = await startHarness(t, { schedulers: [{ id: 'central', url: `ws://127.0.0.1:${port}` }] });
  const [peer] = (await dialled) as [{ _socket: Socket; terminate(): void }];
  peer._socket.pause();
  t.teardown(() => peer.terminate());
  await control.stop(50);
  t.is(control.stats().sessions.scheduler, 0);
});

test('a handshake has a deadline from its first byte on', async (t) => {
  const { control, connect } = await startHarness(t, { limits: { handshakeMs: 100 } });
  const { socket, closed } = await dial(t, control.socketPath);
  let sent = 0;
  const trickle = setInterval(() => socket.write(HANDSHAKE[sent++] ?? 'x'), 10);
  t.teardown(() => clearInterval(trickle));
  await closed;
  const client = await connect();
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.true((await client.call('session.ping')).at > 0, 'and a session has none');
});

test('a half-open session is found by its silence', async (t) => {
  const { control } = await startHarness(t, { heartbeat: '100ms' });
  const { closed } = await halfOpen(t, control.socketPath);
  await closed;
  t.deepEqual(control.stats().closed, [{ reason: 'dead', count: 1 }]);
});

test('there are only so many connections, and room again when one has gone', async (t) => {
  const { control } = await startHarness(t, { limits: { connections: 3 } });
  const all = await Promise.all([1, 2, 3].map(() => dial(t, control.socketPath)));
  const more = await dial(t, control.socketPath);
  more.socket.resume();
  await more.closed;
  all[0]?.socket.destroy();
  await all[0]?.closed;
  for (;;) {
    const next = await dial(t, control.socketPath);
    next.socket.write(HANDSHAKE);
    const answer = await Promise.race([once(next.socket, 'data'), next.closed]);
    if (!Array.isArray(answer)) continue;
    t.regex(String(answer[0]), /^HTTP\/1\.1 (101|503)/);
    if (String(answer[0]).startsWith('HTTP/1.1 101')) return;
  }
});

test('a request is told when whoever asked has gone', async (t) => {
  const { control, service } = await startHarness(t);
  service.hold = FOREVER;
  const connection = await rawConnect(control.socketPath);
  connection.send(request(1, 'node.cleanup'));
  connection.send(request(2, 'session.ping'));
  await connection.reply();
  t.false(service.signal?.aborted);
  const aborted = once(service.signal ?? new EventTarget(), 'abort');
  connection.socket.terminate();
  await aborted;
  t.true(service.signal?.aborted);
});
