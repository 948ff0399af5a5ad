import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Advised, advise } from '../../../../agent/density/prediction/advise.js';
import { Checkpoint } from '../../../../agent/density/prediction/checkpoint.js';
import { forecast } from '../../../../agent/density/prediction/forecast.js';
import { type Observed, PredictionService } from '../../../../agent/density/prediction/prediction.js';
import { Predictor } from '../../../../agent/density/prediction/predictor.js';
import { Rates } from '../../../../agent/density/prediction/rates.js';
import { shapeOf } from '../../../../agent/density/prediction/shape.js';
import { fc } from '../../../runner/property.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { FakeClock } from '../../../simulate/clock.js';
import { specOf } from '../../workload/fake-world.js';

const HOUR = 3_600_000;
const MIB = 2 ** 20;

/** Two days of minutes at this use. */
function learned(shape: string, use: { cpu: number; memory: number }, predictor = new Predictor(), hours = 48) {
  for (let minute = 0; minute <= hours * 60; minute += 10) predictor.observe(shape, use, minute * 60_000);
  return predictor;
}

test('the same thing to run under the same limits is one shape, whoever runs it', (t) => {
  const shape = shapeOf(specOf());
  t.regex(shape, /^exec\/[0-9a-f]{16}$/);
  t.is(shapeOf(specOf({ id: 'web-2', tenant: 'other', priority: 7, labels: { a: 'b' } })), shape);
  t.not(shapeOf(specOf({ exec: { command: ['/bin/false'] } })), shape);
  t.not(shapeOf(specOf({ resources: { memory: { limit: '64Mi' } } })), shape);
  t.is(
    shapeOf(specOf({ resources: { memory: { limit: '64Mi' } } })),
    shapeOf(specOf({ resources: { memory: { limit: 64 * MIB } } })),
  );
});

test('a prediction has its margin, and is flagged for a day', (t) => {
  const predictor = learned('a', { cpu: 1, memory: 100 * MIB });
  const prediction = predictor.predict('a', 48 * HOUR);
  t.like(prediction, { samples: 289, ageMs: 48 * HOUR, learning: false });
  const p98 = prediction?.cpu.p98 ?? 0;
  t.true(p98 >= 1.1 && p98 <= 1.1 * 1.06, `${p98}`);
  t.true((prediction?.memory.peak ?? 0) >= 110 * MIB);
  predictor.observe('new', { cpu: 1, memory: 1 }, 48 * HOUR);
  t.true(predictor.predict('new', 49 * HOUR)?.learning);
  t.is(predictor.predict('never seen', 0), undefined);
});

test('memory is bounded: the shape not seen for longest is forgotten first', (t) => {
  const predictor = new Predictor(3);
  for (const [at, shape] of ['a', 'b', 'c', 'a', 'd'].entries()) predictor.observe(shape, { cpu: 1, memory: 1 }, at);
  t.is(predictor.shapes, 3);
  t.is(predictor.predict('b', 9), undefined);
  t.not(predictor.predict('a', 9), undefined);
  const later = new Predictor(2);
  later.restore(predictor.record(9));
  t.is(later.predict('c', 9), undefined);
  t.not(later.predict('d', 9), undefined);
});

test('together: what is independent is between mean and worst, and the unknown counts as promised', (t) => {
  const use = fc.record({
    cpu: fc.double({ min: 0, max: 8, noNaN: true }),
    memory: fc.double({ min: 0, max: 1e10, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(use, { maxLength: 20 }), { maxLength: 10 }), (shapes) => {
      const predictor = new Predictor();
      for (const [at, uses] of shapes.entries()) for (const one of uses) predictor.observe(`s${at}`, one, 0);
      const workloads = shapes.map((_, at) => ({
        prediction: predictor.predict(`s${at}`, 0),
        promised: { cpu: 1, memory: 1e9 },
      }));
      const { cpu, memory, unknown } = forecast(workloads);
      t.is(unknown, shapes.filter((uses) => uses.length === 0).length);
      for (const { mean, independent, worst } of [cpu, memory]) {
        t.true(independent <= worst * (1 + 1e-9));
        t.true(mean <= worst * (1 + 1e-9));
      }
    }),
  );
});

test('many that peak apart need far less than the sum of their peaks', (t) => {
  const predictor = new Predictor();
  for (let i = 0; i < 1000; i++) predictor.observe('spiky', { cpu: i % 20 === 0 ? 2 : 0.05, memory: 1e8 }, i);
  const one = { prediction: predictor.predict('spiky', 1000), promised: { cpu: 2, memory: 1e8 } };
  const { cpu } = forecast(Array.from({ length: 100 }, () => one));
  t.true(cpu.worst > 200 && cpu.independent < 40, JSON.stringify(cpu));
});

const advised = (predictor: Predictor, shape: string, count: number, cpu: number, memory: number): Advised[] =>
  Array.from({ length: count }, () => ({
    ...{ class: 'burstable' as const, prediction: predictor.predict(shape, 48 * HOUR) },
    promised: { cpu, memory },
  }));

test('advice says the ratio and what it rests on', (t) => {
  const predictor = learned('web', { cpu: 0.1, memory: 100 * MIB });
  const [cpu, memory] = advise(advised(predictor, 'web', 50, 0.5, 256 * MIB));
  t.like(cpu, {
    class: 'burstable',
    resource: 'cpu',
    basis: { figure: 'independent', percentile: 98, workloads: 50, known: 50, samples: 289 },
  });
  t.true((cpu?.ratio ?? 0) > 4 && (cpu?.ratio ?? 0) < 5, `${cpu?.ratio}`);
  t.like(memory, { resource: 'memory', basis: { figure: 'worst', percentile: 100, ageMs: 48 * HOUR } });
  t.true((memory?.ratio ?? 0) > 2.1 && (memory?.ratio ?? 0) < 2.4, `${memory?.ratio}`);
  t.regex(memory?.reason ?? '', /50 workloads are promised 12800Mi and use \d+Mi all at their peak at once/);
});

test('on too little no ratio is built, and the answer says how little', (t) => {
  const predictor = learned('web', { cpu: 0.1, memory: 100 * MIB });
  learned('fresh', { cpu: 0.1, memory: 100 * MIB }, predictor, 3);
  const mixed = [...advised(predictor, 'web', 5, 1, MIB), ...advised(predictor, 'nothing', 5, 1, MIB)];
  const [cpu] = advise(mixed);
  t.is(cpu?.ratio, null);
  t.regex(cpu?.reason ?? '', /learning.* 50 %/);
  t.is(
    advise([
      { class: 'guaranteed', prediction: predictor.predict('fresh', 3 * HOUR), promised: { cpu: 1, memory: 1 } },
    ])[0]?.ratio,
    null,
  );
  t.deepEqual(advise([]), []);
});

test('an idle class is not promised without end, and one that uses more than it asks for not below one', (t) => {
  const predictor = learned('idle', { cpu: 0, memory: 0 });
  learned('hungry', { cpu: 4, memory: 9e9 }, predictor);
  t.is(advise(advised(predictor, 'idle', 10, 4, 4e9))[0]?.ratio, 20);
  t.is(advise(advised(predictor, 'hungry', 10, 1, 1e9))[1]?.ratio, 1);
});

test('use is the difference of two readings; a counter that went back gives none', (t) => {
  const rates = new Rates();
  const between = (at: number, cpuSeconds: number) => rates.between('a', { at, cpuSeconds, memoryBytes: 7 });
  t.is(between(0, 10), undefined);
  t.deepEqual(between(60_000, 40), { cpu: 0.5, memory: 7 });
  t.is(between(60_000, 40), undefined, 'nothing was read since');
  t.is(between(120_000, 1), undefined, 'started anew');
  rates.keep(new Set());
  t.is(between(180_000, 99), undefined, 'forgotten');
});

test('a damaged checkpoint is set aside, whatever is in it', async (t) => {
  const texts = ['', '{', 'null', '[]', '{"version":"x","shapes":[]}', '{"version":1,"shapes":[{"shape":"a"}]}'];
  for (const text of texts) {
    const directory = temporaryDirectory('prediction');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'prediction.json'), text);
    const { record, damaged } = await new Checkpoint(directory).load();
    t.deepEqual(record.shapes, []);
    t.is(readFileSync(damaged?.movedTo ?? '', 'utf8'), text);
    t.deepEqual(readdirSync(directory), ['damaged']);
  }
});

function service(directory: string, clock: FakeClock, observed: () => readonly Observed[]) {
  const errors: string[] = [];
  const prediction = new PredictionService({
    checkpoint: new Checkpoint(directory),
    ...{ observed, now: clock.now, setTimer: clock.setTimer },
    onDamaged: ({ movedTo }) => void errors.push(`damaged: ${movedTo}`),
    onError: (_error, message) => void errors.push(message),
  });
  return { prediction, errors };
}

test('two days of samples become advice, and outlive the agent', async (t) => {
  const directory = temporaryDirectory('prediction');
  mkdirSync(directory, { recursive: true });
  const clock = new FakeClock();
  const observed = (): Observed[] => [
    {
      ...{ id: 'web-1', spec: specOf(), promised: { cpu: 1, memory: 512 * MIB } },
      counters: { at: clock.now(), cpuSeconds: (clock.now() / 1000) * 0.2, memoryBytes: 128 * MIB },
    },
    { id: 'web-2', spec: specOf({ id: 'web-2' }), promised: { cpu: 1, memory: 512 * MIB }, counters: undefined },
  ];
  const first = service(directory, clock, observed);
  await first.prediction.start();
  t.is(first.prediction.outcome().advice[0]?.ratio, null);
  await clock.runUntil(48 * HOUR);
  const { advice } = first.prediction.outcome();
  t.true((advice[0]?.ratio ?? 0) > 3 && (advice[1]?.ratio ?? 0) > 3, JSON.stringify(advice));
  await first.prediction.stop();
  t.deepEqual(readdirSync(directory), ['prediction.json']);
  const second = service(directory, clock, observed);
  await second.prediction.start();
  t.is(second.prediction.outcome().advice[1]?.ratio, advice[1]?.ratio);
  t.is(second.prediction.outcome().forecast.unknown, 0);
  await second.prediction.stop();
  t.deepEqual([...first.errors, ...second.errors], []);
});

test('a checkpoint that cannot be written is told, and learning goes on', async (t) => {
  const clock = new FakeClock();
  const { prediction, errors } = service(join(temporaryDirectory('prediction'), 'not', 'there'), clock, () => []);
  await prediction.start();
  await prediction.stop();
  t.deepEqual(errors, ['what was learned of use could not be written']);
});
