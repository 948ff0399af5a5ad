import test from 'ava';
import { Conditions } from '../../../agent/daemon/conditions.js';
import type { Condition } from '../../../agent/model/condition.js';

const FULL: Condition = {
  ...{ code: 'disk_full', severity: 'error', title: 'The disk is full', why: 'ENOSPC', fix: 'Free some space.' },
  blocksReady: true,
};

function build() {
  const told: string[] = [];
  const events = {
    append: ({ type, data }: { type: string; data: object }) => told.push(`${type} ${(data as Condition).code}`),
  };
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  return { told, conditions: new Conditions(events, log) };
}

test('a condition is announced once when it comes and once when it goes', (t) => {
  const { told, conditions } = build();
  conditions.raise(FULL);
  conditions.raise({ ...FULL, why: 'EDQUOT' });
  t.is(conditions.all()[0]?.why, 'EDQUOT');
  conditions.clear('disk_full');
  conditions.clear('disk_full');
  t.deepEqual(told, ['condition.raised disk_full', 'condition.cleared disk_full']);
});

test('a source is evaluated whenever somebody asks', (t) => {
  const { told, conditions } = build();
  let holds = true;
  conditions.add(() => (holds ? [{ ...FULL, code: 'forwarding_off' }] : []));
  t.false(conditions.ready);
  conditions.announce();
  holds = false;
  t.true(conditions.ready);
  t.deepEqual(conditions.all(), []);
  conditions.announce();
  t.deepEqual(told, ['condition.raised forwarding_off', 'condition.cleared forwarding_off']);
});

test('only a condition that says so blocks readiness', (t) => {
  const { conditions } = build();
  const { blocksReady: _, ...harmless } = FULL;
  conditions.raise(harmless);
  t.true(conditions.ready);
  conditions.raise(FULL);
  t.false(conditions.ready);
});

test('a source that throws is a condition, and hides no other', (t) => {
  const { conditions } = build();
  conditions.add(() => {
    throw new Error('no such directory');
  });
  conditions.add(() => [FULL]);
  const [unreadable, full] = conditions.all();
  t.like(unreadable, { code: 'condition_unreadable', why: 'no such directory' });
  t.is(full?.code, 'disk_full');
});

test('raising what holds already asks no source', (t) => {
  const { conditions } = build();
  let asked = 0;
  conditions.add(() => {
    asked += 1;
    return [];
  });
  conditions.raise(FULL);
  const once = asked;
  conditions.raise({ ...FULL, why: 'EDQUOT' });
  t.is(asked, once);
});
