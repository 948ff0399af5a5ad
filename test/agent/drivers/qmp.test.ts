import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectQmp } from '../../../agent/drivers/qemu/qmp.js';
import { temporary } from './fixture.js';

type Answer = (request: { execute: string; id: number }, socket: Socket) => void;

async function serve(t: ExecutionContext, answer: Answer): Promise<string> {
  const path = join(await temporary(t), 'qmp.sock');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('{"QMP": {"version": {}, "capabil');
    setTimeout(() => socket.write('ities": []}}\r\n'), 5);
    socket.on('data', (data) => {
      for (const line of data.toString().trim().split('\n')) answer(JSON.parse(line), socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

const agreeable: Answer = ({ execute, id }, socket) => {
  socket.write(`{"event": "NOISE"}\r\n${JSON.stringify({ id, return: { was: execute } })}\r\n`);
};

test('greets, negotiates and matches answers with commands', async (t) => {
  const qmp = await connectQmp(await serve(t, agreeable), { timeoutMs: 1000 });
  const answers = await Promise.all([qmp.execute('a'), qmp.execute('b', { x: 1 })]);
  t.deepEqual(answers, [{ was: 'a' }, { was: 'b' }]);
  qmp.close();
  await t.throwsAsync(qmp.execute('c'), { message: /ended|timeout|no answer/ });
});

test("QEMU's description becomes the error", async (t) => {
  const path = await serve(t, (request, socket) => {
    if (request.execute === 'qmp_capabilities') agreeable(request, socket);
    else socket.write(`${JSON.stringify({ id: request.id, error: { class: 'X', desc: 'no such thing' } })}\n`);
  });
  const qmp = await connectQmp(path, { timeoutMs: 1000 });
  await t.throwsAsync(qmp.execute('x'), { message: 'qmp: no such thing' });
  qmp.close();
});

test('silence, rubbish, an end and nobody there are errors', async (t) => {
  const silent = await serve(t, () => undefined);
  await t.throwsAsync(connectQmp(silent, { timeoutMs: 50 }), {
    message: /no answer to (greeting|qmp_capabilities) in 50 ms/,
  });
  const rubbish = await serve(t, (_request, socket) => socket.write('rubbish\n'));
  await t.throwsAsync(connectQmp(rubbish, { timeoutMs: 1000 }), { message: /not JSON/ });
  const ending = await serve(t, (_request, socket) => socket.destroy());
  await t.throwsAsync(connectQmp(ending, { timeoutMs: 1000 }));
  await t.throwsAsync(connectQmp('/nonexistent/qmp.sock', { timeoutMs: 1000 }), { code: 'ENOENT' });
});
