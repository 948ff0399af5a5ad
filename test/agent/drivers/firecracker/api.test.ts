// A VMM that does everything wrong: each exchange ends with a code, its connection is closed, and the next one works.
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { callApi } from '../../../../agent/drivers/firecracker/api.js';
import { SysError } from '../../../../linux/errors.js';
import { temporary } from '../fixture.js';

const LATE = 300;
const NEVER = 600_000;
const ask = { method: 'GET', path: '/' } as const;

const answer = (status: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const GOOD = answer('200', '{"state": "Running"}');

const FAULTS: Readonly<Record<string, { say: (socket: Socket) => unknown; deadlineMs: number; code: string }>> = {
  'is silent': { say: () => undefined, deadlineMs: LATE, code: 'ETIMEDOUT' },
  'stops in the middle': { say: (socket) => socket.write(GOOD.slice(0, -4)), deadlineMs: LATE, code: 'ETIMEDOUT' },
  'trickles a header': { say: (socket) => trickle(socket), deadlineMs: LATE, code: 'ETIMEDOUT' },
  'says no HTTP': { say: (socket) => socket.write('}{\n}{\n'), deadlineMs: NEVER, code: 'EPROTO' },
  'says no JSON': { say: (socket) => socket.write(answer('200', '}{')), deadlineMs: NEVER, code: 'EPROTO' },
  'floods a body': { say: (socket) => flood(socket), deadlineMs: NEVER, code: 'EMSGSIZE' },
  closes: { say: (socket) => socket.destroy(), deadlineMs: NEVER, code: 'ECONNRESET' },
  'closes in the middle': { say: (socket) => socket.end(GOOD.slice(0, -4)), deadlineMs: NEVER, code: 'ECONNRESET' },
  refuses: {
    say: (socket) => socket.write(answer('400', '{"fault_message": "no such balloon"}')),
    ...{ deadlineMs: NEVER, code: 'EINVAL' },
  },
  'refuses with nonsense': { say: (socket) => socket.write(answer('500', '}{')), deadlineMs: NEVER, code: 'EINVAL' },
};

function trickle(socket: Socket): void {
  socket.write('HTTP/1.1 200\r\n');
  const timer = setInterval(() => socket.write('X: 1\r\n'), 5);
  socket.once('close', () => clearInterval(timer));
}

function flood(socket: Socket): void {
  socket.write('HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n');
  const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  const go = (): void => void (socket.destroyed || socket.write(piece, go));
  go();
}

/** Whose next answer is `say`; the ones after are good. */
async function vmm(t: ExecutionContext) {
  const path = join(await temporary(t), 'api.sock');
  const said: ((socket: Socket) => unknown)[] = [];
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const [, length = '0'] = /content-length: (\d+)/i.exec(text) ?? [];
      const [, body] = text.split('\r\n\r\n');
      if (body === undefined || body.length < Number(length)) return;
      heard.push(text);
      const say = said.shift() ?? ((one: Socket) => one.write(GOOD));
      say(socket);
    });
  }).listen(path);
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { path, said, heard, sockets };
}

/** Until nothing is open at the other end. */
async function closed(sockets: ReadonlySet<Socket>): Promise<void> {
  while (sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Descriptors of this process that are open on a path. */
function opened(path: string): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}

for (const [what, { say, deadlineMs, code }] of Object.entries(FAULTS))
  test(`a VMM that ${what}: ${code}, and the next request is answered`, async (t) => {
    const { path, said, sockets } = await vmm(t);
    said.push(say);
    const error = await t.throwsAsync(callApi(path, ask, { deadlineMs }), { instanceOf: SysError });
    t.is(error?.errnoName, code, String(error));
    await closed(sockets);
    t.deepEqual(await callApi(path, ask, { deadlineMs: NEVER }), { state: 'Running' });
    await closed(sockets);
    t.deepEqual(opened(path), []);
  });

test('a request carries its body, and an empty answer is none', async (t) => {
  const { path, said, heard } = await vmm(t);
  said.push((socket) => socket.write('HTTP/1.1 204 \r\n\r\n'));
  const body = { amount_mib: 16 };
  t.is(await callApi(path, { method: 'PATCH', path: '/balloon', body }, { deadlineMs: NEVER }), undefined);
  t.regex(heard[0] ?? '', /^PATCH \/balloon HTTP\/1.1\r\n[\s\S]*\r\n\r\n\{"amount_mib":16\}$/);
});

test('a request ends with its signal', async (t) => {
  const { path, said } = await vmm(t);
  const stop = new AbortController();
  said.push(() => stop.abort(new Error('enough')));
  await t.throwsAsync(callApi(path, ask, { deadlineMs: NEVER, signal: stop.signal }), { message: 'enough' });
});

test('a path of any length is reached, and neither a link nor another file is followed', async (t) => {
  const { path } = await vmm(t);
  const directory = join(await temporary(t), 'x'.repeat(120));
  await mkdir(directory);
  const far = join(directory, 'api.sock');
  const code = async () =>
    (await t.throwsAsync(callApi(far, ask, { deadlineMs: NEVER }), { instanceOf: SysError }))?.errnoName;
  t.is(await code(), 'ENOENT');
  await symlink(path, far);
  t.is(await code(), 'ENOTSOCK');
  await rm(far);
  await writeFile(far, '');
  t.is(await code(), 'ENOTSOCK');
  await rename(path, far);
  t.deepEqual(await callApi(far, ask, { deadlineMs: NEVER }), { state: 'Running' });
});
