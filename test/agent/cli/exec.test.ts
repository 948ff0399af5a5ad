// `berth workload exec`: what is asked of the agent, and what a person gets of it.
import test from 'ava';
import { DetachKeys } from '../../../agent/cli/attached.js';
import type { ClientStream, Output } from '../../../agent/control/client-stream.js';
import type { StreamEnd } from '../../../agent/model/execution.js';
import { fc } from '../../runner/property.js';
import { berth, type FakeAgent, fakeAgent, fakeSession } from './fake.js';

interface FakeStream extends ClientStream {
  readonly did: string[];
}

/** A program that writes this and ends. */
function program(outputs: readonly Output[], end: StreamEnd): FakeStream {
  const did: string[] = [];
  return {
    did,
    output: (async function* () {
      yield* outputs;
    })(),
    ended: Promise.resolve(end),
    write: async (bytes) => void did.push(`write ${Buffer.from(bytes).toString()}`),
    end: () => void did.push('end'),
    resize: ({ columns, rows }) => void did.push(`resize ${columns} ${rows}`),
    signal: (name) => void did.push(`signal ${name}`),
    close: () => void did.push('close'),
  };
}

const exit = (code: number): StreamEnd => ({ exit: { code, signal: null }, error: null });
const agentWith = (stream: ClientStream): FakeAgent => Object.assign(fakeAgent({}), { stream });

test('options become parameters, and standard input goes along', async (t) => {
  const stream = program([], exit(0));
  const agent = agentWith(stream);
  const line = 'workload exec -i -u 7:8 -e A=b=c -e HERE -e NOWHERE -w /srv web-1 -- ls -l --json';
  const { exit: code, err } = await berth(line, { agent, input: 'typed', env: { HERE: 'x' } });
  t.deepEqual([code, err], [0, '']);
  t.deepEqual(agent.calls, [
    {
      method: 'workload.exec',
      params: {
        ...{ id: 'web-1', command: ['ls', '-l', '--json'], env: { A: 'b=c', HERE: 'x' }, stdin: true },
        ...{ user: '7:8', cwd: '/srv' },
      },
    },
  ]);
  t.deepEqual(stream.did, ['write typed', 'end']);
});

test('both outputs and the exit code are those of the program', async (t) => {
  const outputs: Output[] = [
    { channel: 'stdout', bytes: Buffer.from('out\n') },
    { channel: 'stderr', bytes: Buffer.from('err\n') },
  ];
  t.deepEqual(await berth('workload exec web-1 -- x', { agent: agentWith(program(outputs, exit(9))) }), {
    ...{ exit: 9, out: 'out\n', err: 'err\n' },
  });
  const killed: StreamEnd = { exit: { code: null, signal: 'SIGKILL' }, error: null };
  t.is((await berth('workload exec web-1 -- x', { agent: agentWith(program([], killed)) })).exit, 137);
  const error = { code: 'exec_failed', message: 'no way in', hint: 'none' } as const;
  const failed = await berth('workload exec web-1 -- x', { agent: agentWith(program([], { exit: null, error })) });
  t.is(failed.exit, 1);
  t.true(failed.err.startsWith('berth: no way in\n'), failed.err);
});

test('a terminal: its size goes along, keys are raw, and everything is as it was afterwards', async (t) => {
  const stream = program([], exit(0));
  const agent = agentWith(stream);
  const did: string[] = [];
  const session = fakeSession('', {
    isTerminal: true,
    raw: () => void did.push('raw'),
    onResize: (listener) => listener({ columns: 100, rows: 50 }),
    close: () => void did.push('close'),
  });
  await berth('workload exec -it web-1 -- sh', { agent, openSession: async () => session });
  t.like(agent.calls[0]?.params, { tty: { columns: 91, rows: 33 }, stdin: true });
  t.is(did[0], 'raw');
  t.is(did.at(-1), 'close');
  t.true(stream.did.includes('resize 100 50'));
});

test('signals go to the program, and the second one ends the stream', async (t) => {
  const stream = program([], exit(0));
  const session = fakeSession('', {
    onSignal: (listener) => {
      for (const name of ['SIGTERM', 'SIGINT', 'SIGINT']) listener(name);
    },
  });
  await berth('workload exec web-1 -- x', { agent: agentWith(stream), openSession: async () => session });
  t.deepEqual(stream.did, ['signal SIGTERM', 'signal SIGINT', 'close']);
});

test('a console: keys are raw, Ctrl-] leaves it, and without a terminal a signal does', async (t) => {
  const stream = program([{ channel: 'stdout', bytes: Buffer.from('login: ') }], exit(0));
  const raw: string[] = [];
  const session = fakeSession('root\x1dmore', { isTerminal: true, raw: () => void raw.push('raw') });
  const agent = agentWith(stream);
  const answer = await berth('workload console vm-1', { agent, openSession: async () => session });
  t.deepEqual(agent.calls, [{ method: 'workload.console', params: { id: 'vm-1' } }]);
  t.deepEqual([answer.exit, answer.out, raw], [0, 'login: ', ['raw']]);
  t.regex(answer.err, /^Console of vm-1\. Ctrl-\] ends this; the guest runs on\.\n$/);
  t.deepEqual(stream.did, ['write root', 'close']);

  const piped = program([], exit(0));
  const other = fakeSession('reboot\n', { onSignal: (listener) => listener('SIGINT') });
  await berth('workload console vm-1', { agent: agentWith(piped), openSession: async () => other });
  t.deepEqual(piped.did, ['close', 'write reboot\n', 'end']);
});

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['workload exec', /ID is missing/],
  ['workload exec web-1', /COMMAND is missing/],
  ['workload exec -t web-1 -- sh', /no terminal/],
  ['workload exec -e =x web-1 -- sh', /--env is NAME=VALUE/],
  ['workload exec -x web-1 -- sh', /no option -x/],
  ['workload console', /ID is missing/],
];

for (const [line, problem] of WRONG)
  test(`refused before the agent is asked: ${line}`, async (t) => {
    const agent = agentWith(program([], exit(0)));
    const { exit: code, err } = await berth(line, { agent });
    t.is(code, 2);
    t.regex(err, problem);
    t.deepEqual(agent.calls, []);
  });

test('no --json, as its one document', async (t) => {
  const { exit: code, out } = await berth('workload exec --json web-1 -- sh', { agent: fakeAgent({}) });
  t.is(code, 2);
  t.is(JSON.parse(out).error.code, 'usage');
});

test('detach keys are found in any pieces, and nothing else is lost', (t) => {
  const keys = Buffer.from([16, 17]);
  const typed = fc.array(fc.constantFrom(16, 17, 97, 98), { maxLength: 30 });
  fc.assert(
    fc.property(typed, fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 30 }), (bytes, lengths) => {
      const filter = new DetachKeys(keys);
      const text = Buffer.from(bytes);
      const at = text.indexOf(keys);
      let through = Buffer.alloc(0);
      let detached = false;
      for (let from = 0, piece = 0; from < text.length && !detached; piece++) {
        const to = from + (lengths[piece] ?? 1);
        const taken = filter.take(text.subarray(from, to));
        through = Buffer.concat([through, taken.through]);
        detached = taken.detach;
        from = to;
      }
      t.is(detached, at >= 0);
      // What may be the beginning of the keys is held back.
      const before = at >= 0 ? text.subarray(0, at) : text.subarray(0, text.at(-1) === 16 ? -1 : text.length);
      t.deepEqual([...through], [...before]);
    }),
  );
});
