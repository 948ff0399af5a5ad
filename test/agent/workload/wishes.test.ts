// What may be asked of a workload in which situation, and what comes of it: each cell of the table against the real manager
// over the fakes, and any sequence of wishes and ends against a model of a few lines.

import test from 'ava';
import type { Clock } from '../../../agent/base/clock.js';
import { type Situation, situationOf } from '../../../agent/model/lifecycle.js';
import { pauseLeft } from '../../../agent/workload/restart.js';
import type { LifeWish } from '../../../agent/workload/wishes.js';
import { fc } from '../../runner/property.js';
import { FakeHost } from './fake-host.js';
import { fakeDriver, newLife, specOf, state } from './fake-world.js';

const VERBS = ['start', 'stop', 'restart', 'freeze', 'thaw', 'delete'] as const satisfies readonly LifeWish[];

/** Work that waits until it is let go. */
class Gate {
  #waiting: (() => void)[] = [];
  #shut = false;
  #reached: (() => void) | undefined;

  shut(): Promise<void> {
    this.#shut = true;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  async pass(): Promise<void> {
    if (!this.#shut) return;
    this.#reached?.();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  open(): void {
    this.#shut = false;
    for (const go of this.#waiting.splice(0)) go();
  }
}

async function world() {
  let passed = 0;
  const clock: Clock = { wall: () => 1e12 + passed, boot: () => passed };
  const host = new FakeHost();
  const gates = { create: new Gate(), spawn: new Gate(), stop: new Gate(), remove: new Gate() };
  const [network, supervisor] = [host.networkPort(), host.supervisorPort()];
  const stop = async (): Promise<boolean> => {
    await gates.stop.pass();
    host.end('web-1', { signal: 'SIGTERM' });
    return true;
  };
  const life = newLife({
    ...{ host, clock },
    world: {
      network: {
        ...network,
        create: (one) => gates.create.pass().then(() => network.create(one)),
        remove: (one) => gates.remove.pass().then(() => network.remove(one)),
      },
      supervisor: { ...supervisor, spawn: (request) => gates.spawn.pass().then(() => supervisor.spawn(request)) },
      drivers: new Map([['exec', { ...fakeDriver, stop }]]),
    },
  });
  await life.manager.recover();
  const actor = () => life.manager.actor('web-1');
  const isDone = (): boolean => {
    if (!life.manager.has('web-1')) return true;
    const { hasEnded, record } = actor();
    if (hasEnded || record.restartRequested || record.desired === 'deleted') return false;
    const process = host.held.get('web-1');
    if (record.process !== null && (process === undefined || process.exit)) return false;
    return record.state === 'exited' || record.state === 'failed' || record.state === record.desired;
  };
  return {
    ...{ ...life, gates, actor },
    /** All that was asked for is done, as far as it can be. */
    quiet: async (): Promise<void> => {
      for (const gate of Object.values(gates)) gate.open();
      while (life.journal.isBusy || !isDone()) {
        await new Promise((resolve) => setImmediate(resolve));
        const left = life.manager.has('web-1') ? pauseLeft(actor().record, { clock, bootId: 'boot-1' }) : 0;
        passed += left;
        if (left > 0) actor().wake();
      }
    },
    /** What an onlooker sees, and how often a program was started. */
    seen: () => {
      const now = life.manager.has('web-1') ? actor().record.state : 'gone';
      return { now: now === 'exited' || now === 'failed' ? 'rest' : now, runs: host.spawned.length };
    },
  };
}

type Fixture = Awaited<ReturnType<typeof world>>;

/** Brings the workload into a situation, and holds it there until `quiet`. */
const REACH: Readonly<Record<Situation, (f: Fixture) => Promise<unknown>>> = {
  pending: async ({ manager, host, until, actor }) => {
    await manager.create(specOf({ restart: { policy: 'always' } }));
    await until(state('running'));
    host.end('web-1', { code: 1 });
    await until(({ type }) => type === 'workload.ended');
    host.spawned.length = 0;
    return actor();
  },
  preparing: async ({ manager, gates }) => {
    const there = gates.create.shut();
    await manager.create(specOf());
    await there;
  },
  starting: async ({ manager, gates }) => {
    const there = gates.spawn.shut();
    await manager.create(specOf());
    await there;
  },
  running: async ({ manager, until }) => {
    await manager.create(specOf());
    await until(state('running'));
  },
  frozen: async (f) => {
    await REACH.running(f);
    await f.manager.wish('web-1', 'freeze');
    await f.until(state('frozen'));
  },
  stopping: async (f) => {
    await REACH.running(f);
    const there = f.gates.remove.shut();
    f.host.end('web-1', { code: 1 });
    await there;
  },
  leaving: async (f) => {
    await REACH.running(f);
    const there = f.gates.stop.shut();
    await f.manager.wish('web-1', 'stop');
    await there;
  },
  evicting: async (f) => {
    await REACH.running(f);
    const there = f.gates.stop.shut();
    await f.manager.evict('web-1', { cause: 'quota', detail: 'too much', at: 1 });
    await there;
  },
  deleting: async (f) => {
    await REACH.running(f);
    const there = f.gates.stop.shut();
    await f.manager.wish('web-1', 'delete');
    await there;
  },
  exited: async (f) => {
    await REACH.running(f);
    f.host.end('web-1', { code: 0 });
    await f.until(state('exited'));
  },
  failed: async (f) => {
    await REACH.running(f);
    f.host.end('web-1', { code: 1 });
    await f.until(state('failed'));
  },
};

/**
 * What becomes of it, in the order of VERBS: R runs, F frozen, E at rest, G gone; a `+` is one more program started than
 * without the wish; a small letter is what becomes of it although the wish is `invalid_state`.
 */
const COMES_OF_IT: Readonly<Record<Situation, string>> = {
  //         start stop restart freeze thaw delete
  pending: '  R+    E    R+      F+     R+   G',
  preparing: 'R+    E    R+      F+     R+   G',
  starting: ' R+    E+   R+      F+     R+   G+',
  running: '  R     E    R+      F      R    G',
  frozen: '   R     E    R+      F      R    G',
  stopping: ' e     E    e       e      e    G',
  leaving: '  e     E    e       e      e    G',
  evicting: ' e     E    e       e      e    G',
  deleting: ' g     g    g       g      g    G',
  exited: '   R+    E    R+      e      e    G',
  failed: '   R+    E    R+      e      e    G',
};
const LETTER: Readonly<Record<string, string>> = { running: 'R', frozen: 'F', rest: 'E', gone: 'G' };

for (const situation of Object.keys(COMES_OF_IT) as Situation[])
  test(`${situation}: what comes of each wish`, async (t) => {
    const cells = COMES_OF_IT[situation].trim().split(/ +/);
    t.is(cells.length, VERBS.length);
    for (const [at, verb] of VERBS.entries()) {
      const f = await world();
      await REACH[situation](f);
      t.is(situationOf(f.actor().record), situation);
      const before = f.seen().runs;
      const outcome = await f.manager.wish('web-1', verb).then(
        () => 'done',
        (error: { code: string; hint: string }) => `${error.code} ${error.hint.includes('`berth workload ')}`,
      );
      await f.quiet();
      const { now, runs } = f.seen();
      const letter = LETTER[now] ?? now;
      const refused = outcome !== 'done';
      const cell = `${refused ? letter.toLowerCase() : letter}${runs > before ? '+' : ''}`;
      t.is(cell, cells[at] ?? '', `${verb} of one that is ${situation}`);
      if (refused) t.is(outcome, 'invalid_state true', `${verb} of one that is ${situation} says what to do`);
      f.manager.close();
    }
  });

/** What a workload without a restart policy is, once everything asked of it is done. */
type Model = { now: 'running' | 'frozen' | 'rest' | 'gone'; runs: number };

function model(
  { now, runs }: Model,
  step: (typeof VERBS)[number] | 'create' | 'end',
): Model | 'invalid_state' | 'not_found' {
  if (step === 'create') return now === 'gone' ? { now: 'running', runs: runs + 1 } : { now, runs };
  if (step === 'end') return { now: now === 'gone' ? now : 'rest', runs };
  if (now === 'gone') return 'not_found';
  if (step === 'delete') return { now: 'gone', runs };
  if (step === 'stop') return { now: 'rest', runs };
  if (now === 'rest' && (step === 'freeze' || step === 'thaw')) return 'invalid_state';
  const anew = now === 'rest' || step === 'restart';
  return { now: step === 'freeze' ? 'frozen' : 'running', runs: runs + (anew ? 1 : 0) };
}

test('any sequence of wishes and ends is as in the model', async (t) => {
  const steps = fc.array(fc.constantFrom(...VERBS, 'create' as const, 'end' as const), {
    minLength: 6,
    maxLength: 14,
    size: 'max',
  });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const f = await world();
      let expected: Model = { now: 'gone', runs: 0 };
      for (const step of sequence) {
        const next = model(expected, step);
        const outcome = await (step === 'create'
          ? f.manager.create(specOf())
          : step === 'end'
            ? Promise.resolve(f.host.end('web-1', { code: 1 }))
            : f.manager.has('web-1')
              ? f.manager.wish('web-1', step)
              : Promise.reject(Object.assign(new Error(), { code: 'not_found' }))
        ).then(
          () => 'done',
          ({ code }: { code: string }) => code,
        );
        seen.add(`${expected.now} ${step}`);
        t.is(outcome, typeof next === 'string' ? next : 'done', `${step} of ${expected.now}`);
        if (typeof next !== 'string') expected = next;
        await f.quiet();
        t.deepEqual(f.seen(), expected, `${step}, after ${sequence.join(' ')}`);
      }
      f.manager.close();
    }),
    { numRuns: 40 },
  );
  t.true(seen.size > 24, `only ${seen.size} of 32 steps were tried`);
});

test('create and start are answered with what is durable, however soon the program ends', async (t) => {
  for (let i = 0; i < 20; i++) {
    const f = await world();
    const spawn = f.world.supervisor.spawn;
    Object.assign(f.world.supervisor, {
      spawn: async (request: Parameters<typeof spawn>[0]) => {
        const held = await spawn(request);
        f.host.end('web-1', { code: 1 });
        return held;
      },
    });
    const created = await f.manager.create(specOf());
    t.deepEqual([created.state, created.desired], ['pending', 'running']);
    await f.quiet();
    const started = await f.manager.wish('web-1', 'start');
    t.deepEqual([started.state, started.desired], ['pending', 'running']);
    await f.quiet();
    t.deepEqual(f.seen(), { now: 'rest', runs: 2 });
    f.manager.close();
  }
});

test('two at once: starts, deletes, and wishes against each other leave one of the two outcomes', async (t) => {
  for (const [one, other] of VERBS.flatMap((a) => VERBS.map((b) => [a, b] as const))) {
    const f = await world();
    await REACH.exited(f);
    const runs = f.seen().runs;
    const outcomes = await Promise.allSettled([f.manager.wish('web-1', one), f.manager.wish('web-1', other)]);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        t.is((outcome.reason as { code: string }).code, 'invalid_state', `${one}, ${other}`);
    if (one === other) t.is(outcomes[0].status, outcomes[1].status, one);
    await f.quiet();
    const { now, runs: after } = f.seen();
    if (one === 'delete' || other === 'delete') t.is(now, 'gone', `${one}, ${other}`);
    t.true(after - runs <= (one === 'restart' && other === 'restart' ? 2 : [one, other].includes('restart') ? 2 : 1));
    f.manager.close();
  }
});
