// A monitor that does everything wrong: each conversation ends with a code, its socket is closed, and the next one works.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectQmp } from '../../../agent/drivers/qemu/qmp.js';
import { SysError } from '../../../linux/errors.js';
import { temporary } from './fixture.js';

type Say = (socket: Socket, line: string) => void;
/** Where in the conversation the fault is. */
const PLACES = ['greeting', 'qmp_capabilities', 'query-status'] as const;
type Place = (typeof PLACES)[number];

const LATE = 300;
const NEVER = 600_000;

const FAULTS: Readonly<Record<string, { readonly say: Say; readonly deadlineMs: number; readonly code: string }>> = {
  'is silent': { say: () => undefined, deadlineMs: LATE, code: 'ETIMEDOUT' },
  'stops in the middle': { say: (socket, line) => socket.write(line.slice(0, 9)), deadlineMs: LATE, code: 'ETIMEDOUT' },
  'trickles events': { say: (socket) => trickle(socket), deadlineMs: LATE, code: 'ETIMEDOUT' },
  'answers another question': {
    say: (socket) => socket.write('{"id": 4711, "return": {}}\n{"return": {}}\n7\nnull\n[]\n'),
    ...{ deadlineMs: LATE, code: 'ETIMEDOUT' },
  },
  'says nonsense': { say: (socket) => socket.write('}{\n}{\n'), deadlineMs: NEVER, code: 'EPROTO' },
  'floods events': { say: (socket) => flood(socket, '{"event": "NOISE"}\n'), deadlineMs: NEVER, code: 'EMSGSIZE' },
  'floods one line': { say: (socket) => flood(socket, 'x'), deadlineMs: NEVER, code: 'EMSGSIZE' },
  closes: { say: (socket) => socket.destroy(), deadlineMs: NEVER, code: 'ECONNRESET' },
  'closes in the middle': {
    say: (socket, line) => socket.end(line.slice(0, 9)),
    deadlineMs: NEVER,
    code: 'ECONNRESET',
  },
  refuses: {
    say: (socket, line) =>
      socket.write(`{"id": ${JSON.parse(line).id ?? 0}, "error": {"class": "X", "desc": "no such thing"}}\n`),
    ...{ deadlineMs: NEVER, code: 'EINVAL' },
  },
};

function trickle(socket: Socket): void {
  const timer = setInterval(() => socket.write('{"event": "NOISE"}\n'), 5);
  socket.once('close', () => clearInterval(timer));
}

function flood(socket: Socket, text: string): void {
  const piece = text.repeat(65_536 / text.length);
  const go = (): void => void (socket.destroyed || socket.write(piece, go));
  go();
}

/** A monitor that is good but for what `fault` says at `place`. */
async function monitor(t: ExecutionContext) {
  const path = join(await temporary(t), 'qmp.sock');
  let fault: { readonly place: Place; readonly say: Say } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const speak = (place: string, line: string): void => {
      if (fault?.place === place) fault.say(socket, line);
      // In two pieces: a line may be cut anywhere.
      else for (const piece of [line.slice(0, 7), line.slice(7)]) socket.write(piece);
    };
    speak('greeting', '{"QMP": {"version": {}, "capabilities": []}}\r\n');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${text}${chunk}`.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const { execute, id } = JSON.parse(line);
        speak(execute, `${JSON.stringify({ id, return: { was: execute } })}\r\n`);
      }
    });
  });
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    ...{ path, sockets },
    set: (next: typeof fault) => {
      fault = next;
    },
    /** One question, as the driver asks it. */
    ask: async (deadlineMs: number, signal?: AbortSignal): Promise<unknown> => {
      const qmp = await connectQmp(path, { deadlineMs, signal });
      try {
        return await qmp.execute('query-status');
      } finally {
        qmp.close();
      }
    },
  };
}

for (const [title, { say, deadlineMs, code }] of Object.entries(FAULTS))
  test(`a monitor that ${title}, wherever, is ${code}, and the next question is answered`, async (t) => {
    const { ask, set, sockets } = await monitor(t);
    for (const place of PLACES) {
      set({ place, say });
      const error = await t.throwsAsync(ask(deadlineMs), { instanceOf: SysError }, place);
      t.like(error, { op: 'qmp', errnoName: code }, place);
      while (sockets.size > 0) await new Promise(setImmediate);
      set(undefined);
      t.deepEqual(await ask(NEVER), { was: 'query-status' }, place);
    }
  });

test('a signal ends a conversation with its reason', async (t) => {
  const { ask, set, sockets } = await monitor(t);
  for (const place of PLACES) {
    const stop = new AbortController();
    set({ place, say: () => stop.abort(new Error('enough')) });
    await t.throwsAsync(ask(NEVER, stop.signal), { message: 'enough' }, place);
    while (sockets.size > 0) await new Promise(setImmediate);
  }
});

test('answers find their commands, and after the close there are none', async (t) => {
  const { path } = await monitor(t);
  const qmp = await connectQmp(path, { deadlineMs: NEVER });
  t.deepEqual(await Promise.all([qmp.execute('a'), qmp.execute('b', { x: 1 })]), [{ was: 'a' }, { was: 'b' }]);
  qmp.close();
  await t.throwsAsync(qmp.execute('c'), { message: /closed/ });
});

test('a conversation may be long: what counts is what is said between two answers', async (t) => {
  const { path, set } = await monitor(t);
  const event = `${JSON.stringify({ event: 'NOISE', data: 'x'.repeat(1024 * 1024) })}\n`;
  set({ place: 'query-status', say: (socket, line) => socket.write(`${event}${line}`) });
  const qmp = await connectQmp(path, { deadlineMs: NEVER });
  for (let asked = 0; asked < 8; asked++) t.deepEqual(await qmp.execute('query-status'), { was: 'query-status' });
  qmp.close();
});

test('nobody there is ENOENT', async (t) => {
  await t.throwsAsync(connectQmp('/nonexistent/qmp.sock', { deadlineMs: NEVER }), { message: /^qmp .*ENOENT/ });
});
