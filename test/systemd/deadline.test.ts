// A supervisor that does everything wrong: each call to it ends at its deadline, and a later one works.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectSupervisor } from '../../systemd/supervisor/client.js';
import {
  type HeldProcess,
  type SpawnRequest,
  SUPERVISOR_PROTOCOL,
  type Supervisor,
} from '../../systemd/supervisor/protocol.js';
import { temporaryDirectory } from '../runner/temporary.js';

type Fault = 'silent' | 'garbage' | 'half' | 'closes' | 'other' | 'none';
const FAULTS = ['silent', 'garbage', 'half', 'closes', 'other'] as const satisfies readonly Fault[];

const PROCESS: HeldProcess = { id: 'w', pid: 7, startTime: 8, startedAt: 9 };
const RESULTS: Readonly<Record<string, unknown>> = {
  hello: { protocol: SUPERVISOR_PROTOCOL, pid: 1, version: 'test' },
  ...{ spawn: PROCESS, list: [PROCESS], forget: null },
};
const SPAWN: SpawnRequest = { id: 'w', argv: ['/bin/true'], env: {}, cgroup: '/c', output: '/o' };
const CALLS: Readonly<Record<string, (supervisor: Supervisor, deadlineMs: number) => Promise<unknown>>> = {
  hello: (supervisor, deadlineMs) => supervisor.hello({ deadlineMs }),
  spawn: (supervisor, deadlineMs) => supervisor.spawn(SPAWN, { deadlineMs }),
  list: (supervisor, deadlineMs) => supervisor.list({ deadlineMs }),
  forget: (supervisor, deadlineMs) => supervisor.forget('w', { deadlineMs }),
};

async function faulty(t: ExecutionContext) {
  const path = join(temporaryDirectory('supervisor-faults'), 'supervisor.sock');
  let fault: Fault = 'none';
  const kept: (() => void)[] = [];
  let onKept: () => void = () => undefined;
  const sockets = new Set<Socket>();
  const answer = (socket: Socket, line: string): void => {
    const { seq, op } = JSON.parse(line) as { seq: number; op: string };
    const reply = `${JSON.stringify({ seq: fault === 'other' ? seq + 1000 : seq, ok: true, result: RESULTS[op] })}\n`;
    if (fault === 'silent') {
      kept.push(() => socket.write(reply));
      onKept();
    } else if (fault === 'garbage') socket.write('}{ nonsense\n');
    else if (fault === 'half') socket.end(reply.slice(0, 9));
    else if (fault === 'closes') socket.destroy();
    else socket.write(reply);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${text}${chunk}`.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) answer(socket, line);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  const supervisor = await connectSupervisor(path);
  t.teardown(() => {
    supervisor.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(path, { force: true });
  });
  return {
    supervisor,
    set: (next: Fault) => {
      fault = next;
    },
    /** Resolves when so many requests have arrived and have no answer. */
    keeps: (count: number) =>
      new Promise<void>((resolve) => {
        onKept = () => {
          if (kept.length >= count) resolve();
        };
        onKept();
      }),
    /** What was kept back is said now. */
    speak: () => {
      for (const say of kept.splice(0)) say();
    },
  };
}

for (const fault of FAULTS)
  test(`${fault}: every call ends with ETIMEDOUT at its deadline, and the next one works`, async (t) => {
    const { supervisor, set } = await faulty(t);
    for (const [name, call] of Object.entries(CALLS)) {
      set(fault);
      await t.throwsAsync(call(supervisor, 30), { message: /ETIMEDOUT/ }, `${name}, ${fault}`);
      set('none');
      t.deepEqual(
        await call(supervisor, 30_000),
        name === 'forget' ? undefined : RESULTS[name],
        `${name} after ${fault}`,
      );
    }
  });

test('a signal ends a call with its reason, and what its spawn starts is told as late', async (t) => {
  const { supervisor, keeps, set, speak } = await faulty(t);
  set('silent');
  const late = new Promise<HeldProcess>((resolve) => supervisor.onLate(resolve));
  const gone = new AbortController();
  const spawned = supervisor.spawn(SPAWN, { signal: gone.signal });
  const listed = supervisor.list({ signal: gone.signal });
  await keeps(2);
  gone.abort(new Error('enough'));
  await t.throwsAsync(spawned, { message: 'enough' });
  await t.throwsAsync(listed, { message: 'enough' });
  speak();
  t.deepEqual(await late, PROCESS);
});
