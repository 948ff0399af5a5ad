// Engines with a socket, against a double: what a real one does, and what it does only when something is very wrong.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { EngineName } from '../../../../agent/model/adopted.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { conforms } from './conformance.js';
import { EngineDouble } from './double.js';
import { TENANT_LABEL, Watched, type WatchedOptions } from './stand.js';

const base = temporaryDirectory('engine');
let count = 0;

async function double(speaks?: 'docker' | 'podman'): Promise<EngineDouble> {
  const directory = join(base, String(count++));
  mkdirSync(directory);
  const made = new EngineDouble(directory, speaks);
  await made.up();
  return made;
}

for (const engine of ['docker', 'podman'] as const satisfies readonly EngineName[])
  conforms({ test, engine, open: () => double(engine), deadlineMs: 2000 });

async function opened(t: ExecutionContext, over: Partial<WatchedOptions> = {}) {
  const stand = await double();
  const watched = new Watched({ engine: 'docker', socket: stand.socket, proc: stand.proc, ...over });
  t.teardown(async () => {
    watched.engines.close();
    await stand.end();
  });
  return { stand, watched };
}

test('an engine that is not there is asked nothing', async (t) => {
  const { stand, watched } = await opened(t);
  await stand.down();
  await watched.look();
  t.like(watched.view, { state: 'absent', workloads: 0 });
  t.deepEqual(stand.asked, { list: 0, inspect: 0, events: 0 });
});

test('one whose authority is off is asked nothing, and nothing of it is known', async (t) => {
  const { stand, watched } = await opened(t, { authority: 'off' });
  await stand.start('web');
  await watched.look();
  t.like(watched.view, { state: 'off', workloads: 0 });
  t.deepEqual(stand.asked, { list: 0, inspect: 0, events: 0 });
});

test('a look at what is known asks for the list alone', async (t) => {
  const { stand, watched } = await opened(t);
  await stand.start('a');
  await stand.start('b');
  await watched.look();
  await watched.look();
  t.deepEqual(stand.asked, { list: 2, inspect: 2, events: 1 });
});

test('a thousand that come at once, and go at once', async (t) => {
  // No look comes here for what a slow machine leaves over.
  const { stand, watched } = await opened(t, { inspectMs: 600_000, deadlineMs: 60_000 });
  await watched.look();
  const ids: string[] = [];
  for (let at = 0; at < 1000; at++) ids.push(await stand.start(`w${at}`));
  await watched.until(() => watched.engines.all().length === 1000);
  t.is(watched.named('w999')?.tenant, 'others');
  for (const id of ids) await stand.stop(id);
  await watched.until(() => watched.engines.all().length === 0);
  t.is(watched.view?.state, 'up');
});

test('what an engine is too slow to tell waits for the next look', async (t) => {
  const { stand, watched } = await opened(t, { inspectMs: 0 });
  for (let at = 0; at < 10; at++) await stand.start(`w${at}`);
  const looks: unknown[] = [];
  for (let look = 0; look < 3; look++) {
    await watched.look();
    looks.push([watched.view?.state, watched.view?.workloads, watched.view?.why]);
  }
  t.deepEqual(looks, [
    ['up', 4, '6 not inspected yet'],
    ['up', 8, '2 not inspected yet'],
    ['up', 10, null],
  ]);
});

test('a burst of more events than berth keeps hides no change', async (t) => {
  const { stand, watched } = await opened(t);
  const id = await stand.start('web', { memory: 1 << 20 });
  await watched.look();
  // In one piece: all of them are told before one is asked about. What comes last is over the bound.
  const burst = Array.from({ length: 1000 }, (_, at) => ({
    Actor: { ID: (at + 1000).toString(16).padStart(64, '0') },
  }));
  stand.say(burst.map((event) => `${JSON.stringify(event)}\n`).join(''));
  await stand.setMemory(id, 2 << 20);
  await watched.until(() => watched.named('web')?.limits.memory === 2 << 20);
  t.is(watched.view?.state, 'up');
});

test('an engine that is too slow for a look hides nothing of the others', async (t) => {
  const mount = temporaryDirectory('slow');
  const { stand, watched } = await opened(t, {
    mount,
    root: join(mount, 'berth'),
    deadlineMs: 60_000,
    beside: ['lxc'],
  });
  const limit = join(mount, 'lxc.payload.web', 'memory.max');
  mkdirSync(dirname(limit));
  writeFileSync(limit, '1048576\n');
  await watched.look();
  writeFileSync(limit, '2097152\n');
  await stand.hang();
  const over = new AbortController();
  const look = watched.engines.look(over.signal);
  while (stand.held === 0) await new Promise((resolve) => setImmediate(resolve));
  over.abort(new Error('late'));
  await t.throwsAsync(look, { message: 'late' });
  t.is(watched.named('web')?.limits.memory, 2 << 20);
  stand.goOn();
});

const NONSENSE: Readonly<Record<string, string>> = {
  'no JSON': 'hello',
  'no list': '{"Id":1}',
  'an id that is a path': '[{"Id":"../../../etc/passwd"}]',
  'a list of nothing': '[null]',
};

for (const [what, answer] of Object.entries(NONSENSE))
  test(`a list that is ${what} is a state, and what is known stays`, async (t) => {
    const { stand, watched } = await opened(t);
    await stand.start('web');
    await watched.look();
    stand.answer = (kind) => (kind === 'list' ? answer : undefined);
    await watched.look();
    t.like(watched.view, { state: 'unreachable', workloads: 1 });
    stand.answer = undefined;
    await watched.look();
    t.is(watched.view?.state, 'up');
  });

test('an answer without end is cut off', async (t) => {
  const { stand, watched } = await opened(t, { mostBytes: 1000, deadlineMs: 60_000 });
  stand.answer = (kind) => (kind === 'list' ? `["${'x'.repeat(1000)}"]` : undefined);
  await watched.look();
  t.is(watched.view?.why, 'an answer of more than 1000 bytes');
});

test('one container that is told wrong hides no other', async (t) => {
  const { stand, watched } = await opened(t);
  await stand.start('good');
  await stand.start('odd');
  let answered = 0;
  stand.answer = (kind) => (kind === 'inspect' && answered++ === 1 ? 'nonsense' : undefined);
  await watched.look();
  t.like(watched.view, { state: 'up', workloads: 1 });
  t.regex(watched.view?.why ?? '', /not JSON: nonsense$/);
});

test('events that are nonsense end the stream, and it is opened again', async (t) => {
  const { stand, watched } = await opened(t);
  await watched.look();
  stand.say('{"Actor":{"ID":7}}\n{"Actor":null}\n[]\n');
  stand.say('}{\n');
  await stand.start('web');
  await watched.until(() => watched.named('web') !== undefined && watched.view?.state === 'up');
  t.true(stand.asked.events >= 2);
});

test('names and labels are hostile: cleaned, cut, and no two alike', async (t) => {
  const { stand, watched } = await opened(t);
  await stand.start('a\u001b[2Jb\u202ec\nd');
  const long = 'n'.repeat(500);
  await stand.start(long, { labels: Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, long])) });
  await stand.start(long);
  await watched.look();
  const names = watched.engines.all().map(({ name }) => name);
  t.true(names.includes('a?[2Jb?c?d'));
  t.is(new Set(names).size, 3);
  for (const name of names) t.true(name.length < 180);
  const labels = watched.engines.all().flatMap((one) => Object.entries(one.labels));
  t.is(labels.length, 32);
  t.true(labels.every(([, value]) => value.length <= 256));
});

test('the label of the tenant counts, also where it is not among those that are kept', async (t) => {
  const { stand, watched } = await opened(t);
  const others = Array.from({ length: 40 }, (_, at) => [`k${at}`, 'v']);
  await stand.start('web', { labels: Object.fromEntries([...others, [TENANT_LABEL, 'acme']]) });
  await watched.look();
  t.is(watched.named('web')?.tenant, 'acme');
});

test('a label that cannot be a tenant is none', async (t) => {
  const { stand, watched } = await opened(t);
  await stand.start('x', { labels: { 'com.example.tenant': '../root' } });
  await watched.look();
  t.is(watched.named('x')?.tenant, 'others');
});

// Alone: a loop that is busy with other tests has no answer in time.
test.serial('what an engine has said before it went silent is over when its process is', async (t) => {
  const { stand, watched } = await opened(t, { deadlineMs: 2000 });
  await stand.start('stays');
  await stand.start('goes');
  await watched.look();
  await stand.hang();
  rmSync(`${stand.proc}/2`, { recursive: true });
  await watched.look();
  t.deepEqual(
    watched.engines.all().map(({ name }) => name),
    ['stays'],
  );
  stand.goOn();
});
