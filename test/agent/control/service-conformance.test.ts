// What control believes of the agent: one suite, run against the fake of its tests and against the real facade over a fake host.
import test, { type ExecutionContext } from 'ava';
import type { AgentService } from '../../../agent/control/service.js';
import { Agent } from '../../../agent/daemon/agent.js';
import type { AgentParts } from '../../../agent/daemon/agent-parts.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import { newLife } from '../workload/fake-world.js';
import { fakeService, specOf } from './fake-service.js';

type Workloads = Pick<
  AgentService,
  'create' | 'update' | 'delete' | 'wish' | 'get' | 'list' | 'logs' | 'fits' | 'setCordoned'
>;

async function real(t: ExecutionContext): Promise<Workloads> {
  const { manager, world } = newLife({ config: { density: { reserved_cpu: 0 } } });
  await manager.recover();
  t.teardown(() => manager.close());
  // Of the parts those that workloads need.
  const parts = {
    ...{ manager, world, facts: {} },
    ...{ cordon: { set: async () => undefined }, governor: { allWaiting: () => new Map() } },
  };
  return new Agent(parts as unknown as AgentParts);
}

const spec = (id: string, more: object = {}): WorkloadSpec => parseSpec({ ...specOf(id), ...more });

function serviceConformance(name: string, open: (t: ExecutionContext) => Promise<Workloads>): void {
  const on = (title: string, body: (t: ExecutionContext, service: Workloads) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => body(t, await open(t)));
  };

  on('the same specification again is the same workload, another one a conflict', async (t, service) => {
    const made = await service.create(spec('web'));
    t.like(made, { id: 'web', desired: 'running', generation: 1 });
    t.is((await service.create(spec('web'))).createdAt, made.createdAt);
    await t.throwsAsync(async () => service.create(spec('web', { priority: 7 })), { code: 'conflict' });
    t.is((await service.get('web')).spec.priority, made.spec.priority);
    t.is(service.list({}).length, 1);
  });

  on('an update is a new generation with the new specification', async (t, service) => {
    await service.create(spec('web'));
    const after = await service.update('web', spec('web', { priority: 7 }));
    t.like(after, { generation: 2, spec: { priority: 7 } });
    t.like(await service.get('web'), { generation: 2, spec: { priority: 7 } });
  });

  on('an update to what it is changes nothing', async (t, service) => {
    await service.create(spec('web'));
    t.is((await service.update('web', spec('web'))).generation, 1);
  });

  on('a list is in the order of ids, by tenant and state', async (t, service) => {
    for (const [id, tenant] of [
      ['b', 'acme'],
      ['c', 'globex'],
      ['a', 'acme'],
    ] as const)
      await service.create(spec(id, { tenant }));
    const ids = (filter: Parameters<Workloads['list']>[0]) => service.list(filter).map(({ id }) => id);
    t.deepEqual(ids({}), ['a', 'b', 'c']);
    t.deepEqual(ids({ tenant: 'acme' }), ['a', 'b']);
    t.deepEqual(ids({ tenant: 'nobody' }), []);
    t.deepEqual(ids({ state: 'exited' }), []);
  });

  on('a wish is what is desired from then on', async (t, service) => {
    await service.create(spec('web'));
    t.is((await service.wish('web', 'stop')).desired, 'stopped');
    t.is((await service.get('web')).desired, 'stopped');
  });

  on('what is deleted says so, and is gone', async (t, service) => {
    await service.create(spec('web'));
    t.is((await service.delete('web', { now: true })).desired, 'deleted');
    while (service.list({}).length > 0) await new Promise((resolve) => setImmediate(resolve));
    await t.throwsAsync(async () => service.get('web'), { code: 'not_found' });
  });

  on('a workload that is not there is not_found, whatever is asked of it', async (t, service) => {
    const calls: readonly (() => Promise<unknown>)[] = [
      async () => service.get('nobody'),
      async () => service.update('nobody', spec('nobody')),
      async () => service.delete('nobody', { now: false }),
      async () => service.logs('nobody', { limit: 1, encoding: 'text' }),
      ...(['start', 'stop', 'restart', 'freeze', 'thaw'] as const).map(
        (wish) => async () => service.wish('nobody', wish),
      ),
    ];
    for (const call of calls) await t.throwsAsync(call, { code: 'not_found' });
    t.deepEqual(service.list({}), []);
  });

  on('a dry run of admission admits nothing', async (t, service) => {
    t.true((await service.fits(spec('web'))).fits);
    t.deepEqual(service.list({}), []);
  });

  on('a cordoned node takes nothing new', async (t, service) => {
    await service.create(spec('there'));
    await service.setCordoned(true);
    await t.throwsAsync(async () => service.create(spec('web')), { code: 'cordoned' });
    await service.create(spec('there'));
    await service.setCordoned(false);
    await service.create(spec('web'));
    t.is(service.list({}).length, 2);
  });
}

serviceConformance('fake', async () => fakeService());
serviceConformance('real', real);
