// Events of Docker and podman, in the order in which they may come: who has asked for an end.
import test from 'ava';
import { ContainerEvents } from '../../../../agent/discovery/engines/container-events.js';
import type { Ended } from '../../../../agent/discovery/engines/engine.js';

const ID = 'ab'.repeat(32);
const idOf = (number: number): string => number.toString(16).padStart(64, '0');

/** Its clock and its timers are turned by hand. */
class Stream {
  readonly ended: Ended[] = [];
  /** The ids that were told, ends included. */
  readonly told: string[] = [];
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];
  readonly #events = new ContainerEvents(
    (id, ended) => {
      this.told.push(id);
      if (ended !== undefined) this.ended.push(ended);
    },
    {
      now: () => this.#now,
      later: (ms, run) => {
        const timer = { at: this.#now + ms, run };
        this.#timers.push(timer);
        return { cancel: () => (this.#timers = this.#timers.filter((one) => one !== timer)) };
      },
    },
  );

  read(action: string, attributes: object = {}, id = ID): this {
    this.#events.read({ Action: action, Actor: { ID: id, Attributes: attributes } });
    return this;
  }

  pass(ms: number): this {
    this.#now += ms;
    for (const { at, run } of [...this.#timers]) if (at <= this.#now) run();
    return this;
  }

  /** Of the timers that have not run. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Of each end; of one that is still held, `held`. */
  asked(): Promise<(boolean | 'held')[]> {
    return Promise.all(this.ended.map(({ asked }) => Promise.race([asked, Promise.resolve('held' as const)])));
  }
}

const DIE = { exitCode: '137' };
const DIED = { containerExitCode: '137' };

test('podman: a stop counts before the end, and a moment after it', async (t) => {
  t.deepEqual(await new Stream().read('stop').read('died', DIED).asked(), [true]);
  const after = new Stream().read('died', DIED);
  t.deepEqual(await after.asked(), ['held']);
  t.deepEqual(await after.pass(999).read('stop').asked(), [true]);
  t.is(after.waiting, 0);
});

test('podman: an end that nobody asks for is told as such after a second', async (t) => {
  const stream = new Stream().read('died', DIED).pass(1000);
  t.deepEqual(await stream.asked(), [false]);
  // Of no later run.
  t.deepEqual(await stream.read('stop').read('start').read('died', DIED).pass(1000).asked(), [false, false]);
});

test('podman: the stop of a later run, or of another container, does not explain an end', async (t) => {
  t.deepEqual(await new Stream().read('died', DIED).read('start').read('stop').asked(), [false]);
  t.deepEqual(await new Stream().read('died', DIED).read('stop', {}, idOf(1)).pass(1000).asked(), [false]);
});

test('podman: a removal ends no wait', async (t) => {
  t.deepEqual(await new Stream().read('died', DIED).read('remove').read('stop').asked(), [true]);
});

test('Docker has told all of it before the end', async (t) => {
  const stream = new Stream().read('die', DIE);
  t.deepEqual(await stream.asked(), [false]);
  t.is(stream.waiting, 0);
});

for (const signal of ['15', '9', '3', '2', '28', '37', 'SIGQUIT', 'SIGRTMIN+3'])
  test(`Docker: signal ${signal} is one that images name for a stop`, async (t) => {
    t.deepEqual(await new Stream().read('kill', { signal }).read('die', DIE).asked(), [true]);
  });

for (const signal of ['1', '10', 'SIGHUP', 'nonsense'])
  test(`Docker: signal ${signal} asks for no end`, async (t) => {
    t.deepEqual(await new Stream().read('kill', { signal }).read('die', DIE).asked(), [false]);
  });

test('a kill of long ago does not explain an end', async (t) => {
  const docker = (ms: number) => new Stream().read('kill', { signal: '15' }).pass(ms).read('die', DIE).asked();
  t.deepEqual(await docker(599_999), [true]);
  t.deepEqual(await docker(600_000), [false]);
  // It may have been a SIGHUP.
  const podman = (ms: number) => new Stream().read('kill').pass(ms).read('died', DIED).pass(1000).asked();
  t.deepEqual(await podman(9999), [true]);
  t.deepEqual(await podman(10_000), [false]);
});

for (const gone of ['destroy', 'remove'])
  test(`${gone} ends what is known of a container`, async (t) => {
    const stream = new Stream().read('kill', { signal: '9' }).read('oom').read(gone);
    t.deepEqual(stream.told, [ID]);
    stream.read('die', DIE);
    t.deepEqual(await stream.asked(), [false]);
    t.false(stream.ended[0]?.oom);
  });

test('of more kills than are kept the oldest is forgotten', async (t) => {
  const stream = new Stream();
  const ids = Array.from({ length: 1001 }, (_, at) => idOf(at));
  for (const id of ids) stream.read('kill', { signal: '9' }, id);
  for (const id of [ids[0], ids[1], ids[1000]]) stream.read('die', DIE, id);
  t.deepEqual(await stream.asked(), [false, true, true]);
});

test('of more ends than are held the oldest is told at once', async (t) => {
  const stream = new Stream();
  for (let at = 0; at < 1001; at++) stream.read('died', DIED, idOf(at));
  const asked = await stream.asked();
  t.deepEqual([asked[0], asked[1], asked[1000]], [false, 'held', 'held']);
  t.is(stream.waiting, 1000);
});

test('podman sets the exit code after the labels, and no label is one', (t) => {
  const { ended } = new Stream().read('died', { exitCode: '0', containerExitCode: '137' });
  t.is(ended[0]?.code, 137);
  t.is(new Stream().read('die', { containerExitCode: '0', exitCode: '137' }).ended[0]?.code, 137);
});
