// A probe against servers that answer well, badly, slowly, endlessly or not at all.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { healthSpec } from '../../../../agent/model/health-spec.js';
import { probe } from '../../../../agent/workload/health/probe.js';

const never = (): AbortSignal => new AbortController().signal;

async function serve(t: ExecutionContext, answer: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    answer(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

const says = (text: string) => (socket: Socket) => void socket.once('data', () => socket.end(text));
const asked = (more: object) => healthSpec.parse({ timeout: '10s', ...more });
const http = (port: number, more: object = {}) => asked({ http: { port, ...more } });

const ANSWERS: readonly (readonly [title: string, answer: (socket: Socket) => void, wanted: RegExp | undefined])[] = [
  ['200', says('HTTP/1.1 200 OK\r\n\r\n'), undefined],
  ['204 without a reason', says('HTTP/1.1 204\r\n\r\n'), undefined],
  ['a redirection', says('HTTP/1.0 302 Found\r\n\r\n'), undefined],
  ['500', says('HTTP/1.1 500 zq-secret\r\n\r\n'), /^port \d+ answered 500$/],
  ['404', says('HTTP/1.1 404 Not Found\r\n\r\n'), /answered 404/],
  ['another protocol', says('SSH-2.0-zq-secret\r\n'), /^port \d+ does not answer with HTTP$/],
  ['an end at once', (socket) => void socket.end(), /closed the connection|ECONNRESET/],
  ['a reset', (socket) => void socket.resetAndDestroy(), /ECONNRESET|closed/],
  ['a flood without a line', (socket) => void socket.write('x'.repeat(1 << 20)), /does not answer with HTTP/],
];

for (const [title, answer, wanted] of ANSWERS)
  test(`http: ${title}`, async (t) => {
    const result = await probe('127.0.0.1', http(await serve(t, answer)), never());
    if (wanted === undefined) t.is(result, undefined);
    else t.regex(result ?? '', wanted);
  });

test('http: the path and the status are those of the spec', async (t) => {
  const heard: string[] = [];
  const port = await serve(t, (socket) =>
    socket.once('data', (chunk: Buffer) => {
      heard.push(chunk.toString('latin1'));
      socket.end('HTTP/1.1 418 No\r\n\r\n');
    }),
  );
  t.is(await probe('127.0.0.1', http(port, { path: '/up?a=b', status: 418 }), never()), undefined);
  t.regex(heard[0] ?? '', /^GET \/up\?a=b HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
});

test('one that says nothing, and one that says it byte by byte, are over at the timeout', async (t) => {
  const silent = await serve(t, () => undefined);
  const slow = await serve(t, (socket) => {
    const timer = setInterval(() => socket.write('H'), 10);
    socket.once('close', () => clearInterval(timer));
  });
  for (const port of [silent, slow]) {
    const health = asked({ http: { port }, timeout: '200ms' });
    t.regex((await probe('127.0.0.1', health, never())) ?? '', /no answer of port \d+ within 200ms/);
  }
});

test('tcp: accepted is well, refused is not, and a call-off ends it', async (t) => {
  const port = await serve(t, () => undefined);
  t.is(await probe('127.0.0.1', asked({ tcp: port }), never()), undefined);
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: free } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  t.regex((await probe('127.0.0.1', asked({ tcp: free }), never())) ?? '', /ECONNREFUSED/);
  const end = new AbortController();
  const asking = probe('127.0.0.1', http(port), end.signal);
  end.abort();
  t.is(await asking, 'called off');
});
