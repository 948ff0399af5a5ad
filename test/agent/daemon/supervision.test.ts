import test from 'ava';
import { Conditions } from '../../../agent/daemon/conditions.js';
import { Supervision } from '../../../agent/daemon/supervision.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test('a supervisor that has ended is a condition, is started again, and the condition goes', async (t) => {
  const conditions = new Conditions({ append: () => undefined }, log);
  let alive = false;
  const launched = new Promise<void>((resolve) => {
    const supervision = new Supervision({
      ...{ conditions, log },
      supervisor: {
        hello: () =>
          alive ? Promise.resolve({ protocol: 1, pid: process.pid, version: '1' }) : Promise.reject(new Error('gone')),
      },
      launch: async () => {
        t.false(conditions.ready);
        t.is(conditions.all()[0]?.code, 'supervisor_unavailable');
        alive = true;
        resolve();
      },
    });
    t.teardown(() => supervision.close());
  });
  await launched;
  const again = new Supervision({
    ...{ conditions, log, launch: undefined },
    supervisor: { hello: () => Promise.resolve({ protocol: 1, pid: process.pid, version: '1' }) },
  });
  t.teardown(() => again.close());
  await again.look();
  t.true(conditions.ready);
});

test('one that lives and does not answer is told with its pid, and no second one is started', async (t) => {
  const conditions = new Conditions({ append: () => undefined }, log);
  let answers = true;
  const supervision = new Supervision({
    ...{ conditions, log },
    supervisor: {
      hello: () =>
        answers ? Promise.resolve({ protocol: 1, pid: process.pid, version: '1' }) : Promise.reject(new Error('late')),
    },
    launch: () => Promise.reject(t.fail('it must not be started')),
  });
  t.teardown(() => supervision.close());
  await supervision.look();
  t.true(conditions.ready);
  answers = false;
  await supervision.look();
  t.false(conditions.ready);
  t.regex(conditions.all()[0]?.why ?? '', new RegExp(`pid ${process.pid}`));
});
