import test from 'ava';
import { FairQueue, type Waiting } from '../../../../agent/density/governor/queue.js';
import { fc } from '../../../runner/property.js';

const item = (id: string, tenant = 'a', priority = 100): Waiting => ({ id, tenant, priority });

function drain(queue: FairQueue<Waiting>): string[] {
  const ids: string[] = [];
  for (let next = queue.next(); next !== undefined; next = queue.next()) ids.push(next.id);
  return ids;
}

test('higher priority first, then whoever came first', (t) => {
  const queue = new FairQueue();
  for (const [id, priority] of [
    ['a', 1],
    ['b', 5],
    ['c', 5],
    ['d', 900],
  ] as const)
    queue.push(item(id, 'x', priority));
  t.deepEqual(queue.byPriority(), [
    { priority: 900, queued: 1 },
    { priority: 5, queued: 2 },
    { priority: 1, queued: 1 },
  ]);
  t.deepEqual(drain(queue), ['d', 'b', 'c', 'a']);
});

test('a tenant with 500 starts does not keep out one with a single start', (t) => {
  const queue = new FairQueue();
  for (let i = 0; i < 500; i++) queue.push(item(`big-${i}`, 'big'));
  for (let i = 0; i < 30; i++) queue.next();
  queue.push(item('small', 'small'));
  t.is(queue.ahead('small'), 0);
  t.true(drain(queue).indexOf('small') <= 1);
});

test('who asks for one at a time gets no more than its share', (t) => {
  const queue = new FairQueue();
  for (let i = 0; i < 50; i++) queue.push(item(`big-${i}`, 'big'));
  let own = 0;
  for (let turn = 0; turn < 40; turn++) {
    if (queue.get('one') === undefined) queue.push(item('one', 'eager'));
    if (queue.next()?.tenant === 'eager') own += 1;
  }
  t.true(own >= 17 && own <= 21, `${own} of 40`);
});

test('weights are turns of one tenant for one of another', (t) => {
  const queue = new FairQueue((tenant) => (tenant === 'gold' ? 3 : 1));
  for (let i = 0; i < 100; i++) for (const tenant of ['gold', 'tin']) queue.push(item(`${tenant}-${i}`, tenant));
  const first = Array.from({ length: 40 }, () => queue.next()?.tenant);
  const gold = first.filter((tenant) => tenant === 'gold').length;
  t.true(gold >= 28 && gold <= 31, `${gold} of 40`);
});

test('a weight that is changed counts from the next that comes', (t) => {
  let gold = 1;
  const queue = new FairQueue((tenant) => (tenant === 'gold' ? gold : 1));
  for (let i = 0; i < 50; i++) for (const tenant of ['gold', 'tin']) queue.push(item(`${tenant}-${i}`, tenant));
  gold = 4;
  queue.push(item('gold-more', 'gold'));
  const first = Array.from({ length: 40 }, () => queue.next()?.tenant);
  t.true(first.filter((tenant) => tenant === 'gold').length >= 29);
});

test('important starts without end do not keep the others out', (t) => {
  const queue = new FairQueue();
  queue.push(item('poor', 'a', 0));
  const order: string[] = [];
  for (let i = 0; i < 20; i++) {
    queue.push(item(`rich-${i}`, 'b', 1000));
    order.push(queue.next()?.id ?? '');
  }
  t.true(order.includes('poor'));
});

test('the places are told in the order of the turns, of tenants that came at once, too', (t) => {
  // Nine turns: the tenth is that of whoever has waited longest, and in no place.
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 9 }), (tenants) => {
      const queue = new FairQueue((tenant) => (tenant === 'd' ? 2 : 1));
      for (const [at, tenant] of tenants.entries()) queue.push(item(`w${at}`, tenant));
      const told = [...queue.places()].sort(([, one], [, other]) => one - other);
      t.deepEqual(
        told.map(([, place]) => place),
        tenants.map((_, at) => at),
      );
      t.deepEqual(
        told.map(([id]) => id),
        drain(queue),
      );
    }),
  );
});

test('an id has one place, and leaving it leaves nothing', (t) => {
  const queue = new FairQueue();
  queue.push(item('a', 'x', 1));
  queue.push(item('a', 'y', 2));
  t.is(queue.length, 1);
  t.deepEqual(queue.byTenant(), [{ tenant: 'y', queued: 1 }]);
  t.is(queue.remove('a')?.tenant, 'y');
  t.is(queue.remove('a'), undefined);
  t.is(queue.next(), undefined);
  t.deepEqual(queue.byPriority(), []);
});

const operation = fc.oneof(
  fc.record({
    op: fc.constant('push' as const),
    id: fc.nat(40),
    tenant: fc.constantFrom('a', 'b', 'c', 'd'),
    priority: fc.constantFrom(0, 100, 500),
  }),
  fc.record({ op: fc.constant('next' as const) }),
  fc.record({ op: fc.constant('remove' as const), id: fc.nat(40) }),
);

test('whatever is done to it, it holds what went in and has not come out, and in order within tenant and priority', (t) => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const queue = new FairQueue();
      const model = new Map<string, Waiting>();
      for (const [at, operation] of operations.entries()) {
        if (operation.op === 'push') {
          const waiting = item(`w${operation.id}`, operation.tenant, operation.priority);
          model.delete(waiting.id);
          model.set(waiting.id, waiting);
          queue.push(waiting);
        } else if (operation.op === 'remove') {
          t.is(queue.remove(`w${operation.id}`), model.get(`w${operation.id}`));
          model.delete(`w${operation.id}`);
        } else {
          const places = queue.places();
          t.is(places.size, model.size);
          for (const [id, place] of places) t.is(place, queue.ahead(id));
          const next = queue.next();
          if (next === undefined) t.is(model.size, 0);
          else {
            const same = [...model.values()].filter((w) => w.tenant === next.tenant && w.priority === next.priority);
            t.is(same[0], next, `operation ${at}`);
            model.delete(next.id);
          }
        }
        t.is(queue.length, model.size);
      }
    }),
  );
});

test('nobody waits for more than its fair turn: with equal priorities, two turns of a tenant lie at most so many apart', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 6 }), (sizes) => {
      const queue = new FairQueue();
      sizes.forEach((size, tenant) => {
        for (let i = 0; i < size; i++) queue.push(item(`${tenant}-${i}`, `t${tenant}`));
      });
      const order = drain(queue).map((id) => id.split('-')[0] ?? '');
      for (const [tenant, size] of sizes.entries()) {
        const last = order.lastIndexOf(String(tenant));
        // All of its turns fall within as many rounds as it has starts, and the tenth turns that go by age.
        t.true(last <= Math.ceil((size * sizes.length + 2) / 0.8), `${sizes} ${tenant}`);
      }
    }),
  );
});
