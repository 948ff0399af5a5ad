// `berth cp`: which side is which, where things go, and what is asked of the agent.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { copyPlace, whatToPack, whereToUnpack } from '../../../agent/cli/copy-place.js';
import { startTar } from '../../../agent/cli/tar.js';
import type { ClientStream } from '../../../agent/control/client-stream.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { berth, fakeAgent } from './fake.js';

test('a side is inside, here, or a stream', (t) => {
  t.deepEqual(copyPlace('web-1:/etc/hosts'), { kind: 'inside', id: 'web-1', path: '/etc/hosts' });
  t.deepEqual(copyPlace('web-1:etc/a:b'), { kind: 'inside', id: 'web-1', path: '/etc/a:b' });
  t.deepEqual(copyPlace('./web:1'), { kind: 'here', path: './web:1' });
  t.deepEqual(copyPlace('/srv/a:b'), { kind: 'here', path: '/srv/a:b' });
  t.deepEqual(copyPlace('-'), { kind: 'stream' });
  t.throws(() => copyPlace('Web 1:/x'), { message: /"Web 1" is no id of a workload/ });
  t.throws(() => copyPlace(''), { message: /empty path/ });
});

test('what is packed, and where it is unpacked, as cp -r would', (t) => {
  t.deepEqual(whatToPack('/srv/-rf'), { directory: '/srv', name: './-rf' });
  t.deepEqual(whatToPack('site/'), { directory: '.', name: './site' });
  t.deepEqual(whatToPack('site/.'), { directory: 'site/.', name: '.' });
  const isDirectory = (path: string): boolean => ['/out', '.', '/'].includes(path);
  t.deepEqual(whereToUnpack('/a/b', '/out', isDirectory), { directory: '/out', as: 'b' });
  t.deepEqual(whereToUnpack('/a/b/.', '/out', isDirectory), { directory: '/out', as: '.' });
  t.deepEqual(whereToUnpack('/', '/out', isDirectory), { directory: '/out', as: '.' });
  t.deepEqual(whereToUnpack('/a/b', '/out/new', isDirectory), { directory: '/out', as: 'new' });
  t.deepEqual(whereToUnpack('/a/b/.', 'new', isDirectory), { directory: '.', as: 'new' });
  t.throws(() => whereToUnpack('/a', '/none/new', isDirectory), { message: /\/none: there is no such directory/ });
  t.throws(() => whereToUnpack('/a', '/out/new/', isDirectory), {
    message: /\/out\/new\/: there is no such directory/,
  });
});

/** A copy that gives this and ends. */
function stream(bytes: Buffer, code = 0): ClientStream & { readonly got: Buffer[] } {
  const got: Buffer[] = [];
  let done: () => void = () => undefined;
  const fed = new Promise<void>((resolve) => {
    done = resolve;
  });
  return {
    got,
    output: (async function* () {
      if (bytes.length > 0) yield { channel: 'stdout' as const, bytes };
      else await fed;
    })(),
    ended: Promise.resolve({ exit: { code, signal: null }, error: null }),
    write: async (piece) => void got.push(Buffer.from(piece)),
    end: () => done(),
    resize: () => undefined,
    signal: () => undefined,
    close: () => done(),
  };
}

test('what the other side says moves no cursor of the terminal', async (t) => {
  const agent = fakeAgent({});
  const said = Buffer.from('berth: /srv/\x1b]0;x\x07\xe9: left out\n', 'latin1');
  agent.stream = {
    ...stream(Buffer.alloc(0)),
    output: (async function* () {
      yield { channel: 'stderr' as const, bytes: said };
    })(),
  };
  const { err } = await berth(['cp', 'web-1:/srv', '-'], { agent });
  t.is(err, 'berth: /srv/\\x1b]0;x\\x07\ufffd: left out\n');
});

async function archive(directory: string, name: string): Promise<Buffer> {
  const tar = startTar(['-c', '-f', '-', '-C', directory, name]);
  const parts: Buffer[] = [];
  for await (const part of tar.output) parts.push(part);
  return Buffer.concat(parts);
}

test('out of a workload: unpacked under its new name; a copy that failed is exit code 1', async (t) => {
  const root = temporaryDirectory('cp');
  writeFileSync(join(root, 'new'), 'hello');
  const bytes = await archive(root, 'new');
  const to = join(root, 'to');
  mkdirSync(to);
  const agent = Object.assign(fakeAgent({}), { stream: stream(bytes) });
  const { exit, err } = await berth(['cp', 'web:/srv/old', join(to, 'new')], { agent });
  t.deepEqual([exit, err], [0, '']);
  t.is(readFileSync(join(to, 'new'), 'utf8'), 'hello');
  t.deepEqual(agent.calls, [
    { method: 'workload.copy', params: { id: 'web', direction: 'from', path: '/srv/old', as: 'new' } },
  ]);
  const failed = Object.assign(fakeAgent({}), { stream: stream(bytes, 1) });
  t.is((await berth(['cp', 'web:/srv/old', to], { agent: failed })).exit, 1);
  const piped = Object.assign(fakeAgent({}), { stream: stream(Buffer.from('bytes')) });
  t.deepEqual(await berth('cp web:/srv/old -', { agent: piped }), { exit: 0, out: 'bytes', err: '' });
  t.deepEqual(piped.calls[0]?.params, { id: 'web', direction: 'from', path: '/srv/old' });
});

test('into a workload: a tar archive of it, or of standard input', async (t) => {
  const root = temporaryDirectory('cp');
  writeFileSync(join(root, 'f'), 'hello');
  const taken = stream(Buffer.alloc(0));
  const agent = Object.assign(fakeAgent({}), { stream: taken });
  t.is((await berth(['workload', 'cp', join(root, 'f'), 'web:/srv'], { agent })).exit, 0);
  t.true(Buffer.concat(taken.got).includes('./f'));
  t.deepEqual(agent.calls[0]?.params, { id: 'web', direction: 'to', path: '/srv' });
  const typed = stream(Buffer.alloc(0));
  t.is((await berth('cp - web:/srv', { agent: Object.assign(fakeAgent({}), { stream: typed }), input: 'x' })).exit, 0);
  t.is(Buffer.concat(typed.got).toString(), 'x');
});

test('into a workload that has all before this side has ended: tar is not cut off, and nothing has failed', async (t) => {
  const root = temporaryDirectory('cp');
  writeFileSync(join(root, 'f'), Buffer.alloc(4 * 1024 ** 2));
  for (const [code, exit] of [
    [0, 0],
    [1, 1],
  ] as const) {
    const agent = Object.assign(fakeAgent({}), { stream: stream(Buffer.from('done'), code) });
    t.is((await berth(['cp', join(root, 'f'), 'web:/srv'], { agent })).exit, exit);
  }
});

for (const [line, problem] of [
  ['cp a b', /no side is inside a workload/],
  ['cp a:/x b:/y', /both sides are inside a workload/],
  ['cp a:/x - --json', /cp has no --json/],
  ['cp /no/such/file a:/x', /\/no\/such\/file: there is no such file or directory/],
  ['cp a:/x', /DST is missing/],
] as const)
  test(`berth ${line} is refused before anything is asked`, async (t) => {
    const agent = fakeAgent({});
    const { exit, out, err } = await berth(line, { agent });
    t.is(exit, 2);
    t.regex(out + err, problem);
    t.deepEqual(agent.calls, []);
  });
