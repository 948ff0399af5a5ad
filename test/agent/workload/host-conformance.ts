// What the workload room believes of a host: one suite, run against the fake in the unit tier and against the real cgroup tree,
// network room and supervisor in the kernel tier. A test that passes on the fake alone proves nothing about a host.
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { CgroupPort } from '../../../agent/limits/cgroup-port.js';
import type { NetworkPort } from '../../../agent/network/network-port.js';
import type { SupervisorPort } from '../../../agent/workload/ports.js';
import { SysError } from '../../../linux/errors.js';
import { removalOf } from '../../../netns/defaults.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import type { SpawnRequest } from '../../../systemd/supervisor/protocol.js';

export interface HostSubject {
  readonly cgroups: CgroupPort;
  readonly network: NetworkPort;
  readonly supervisor: SupervisorPort;
  /** A process that sleeps until it is killed, as `id`, in the cgroup of this name. */
  request(id: string, cgroup: string): SpawnRequest;
  sandbox(number: number): SandboxNetwork;
  /** What `list` of the network takes to see this subject's objects only. */
  readonly scope: { readonly netnsPrefix: string; readonly ownerPrefix: string };
}

const NAME = 'acme/web-1';
const SHORT = { timeoutMs: 200 };
const LONG = { timeoutMs: 10_000 };

/** errno of the SysError that `call` ends with. */
async function errnoOf(t: ExecutionContext, call: () => unknown): Promise<string | undefined> {
  const error = await t.throwsAsync(async () => void (await call()), { instanceOf: SysError });
  return error?.errnoName;
}

export function hostConformance(name: string, open: (t: ExecutionContext) => Promise<HostSubject>): void {
  const on = (title: string, body: (t: ExecutionContext, subject: HostSubject) => Promise<void>): void => {
    test.serial(`${name}: ${title}`, async (t) => body(t, await open(t)));
  };

  on('a cgroup is made with its tenant, tagged, listed and removed, each of it twice', async (t, { cgroups }) => {
    t.is(await cgroups.create(NAME), cgroups.path(NAME));
    await cgroups.create(NAME);
    t.is((await cgroups.list())[0]?.tag, undefined);
    cgroups.tag(NAME, 'one');
    cgroups.tag(NAME, 'two');
    t.deepEqual(await cgroups.list(), [{ tenant: 'acme', id: 'web-1', name: NAME, tag: 'two' }]);
    t.false(await cgroups.removeTenant('acme'), 'a workload is in it');
    await cgroups.remove(NAME);
    await cgroups.remove(NAME);
    t.deepEqual(await cgroups.list(), []);
    t.true(await cgroups.removeTenant('acme'));
    t.true(await cgroups.removeTenant('acme'), 'gone is gone');
  });

  on('a cgroup that was removed comes back without its tag', async (t, { cgroups }) => {
    await cgroups.create(NAME);
    cgroups.tag(NAME, 'one');
    await cgroups.remove(NAME);
    await cgroups.create(NAME);
    t.is((await cgroups.list())[0]?.tag, undefined);
    await cgroups.remove(NAME);
    await cgroups.removeTenant('acme');
  });

  on('a cgroup that is not there: errors for writes, nothing for reads, silence for a kill', async (t, { cgroups }) => {
    const values = [{ file: 'cgroup.freeze', value: '1' }];
    t.is(await errnoOf(t, () => cgroups.apply(NAME, values)), 'ENOENT');
    t.is(await errnoOf(t, () => cgroups.freeze(NAME)), 'ENOENT');
    t.is(await errnoOf(t, () => cgroups.thaw(NAME)), 'ENOENT');
    t.is(await errnoOf(t, () => cgroups.tag(NAME, 'one')), 'ENOENT');
    t.deepEqual(cgroups.read(NAME, values), []);
    t.deepEqual(cgroups.lines(NAME, ['io.max']), []);
    t.deepEqual(cgroups.differences(NAME, values), []);
    t.false(cgroups.populated(NAME));
    await cgroups.kill(NAME);
    await cgroups.waitEmpty(NAME, SHORT);
  });

  on('a tag is read as it was written, and of none that is there or gone nothing', async (t, { cgroups }) => {
    t.is(cgroups.readTag(NAME), undefined, 'there is no cgroup');
    await cgroups.create(NAME);
    t.is(cgroups.readTag(NAME), undefined);
    cgroups.tag(NAME, 'one');
    t.is(cgroups.readTag(NAME), 'one');
    await cgroups.remove(NAME);
    t.is(cgroups.readTag(NAME), undefined);
    await cgroups.removeTenant('acme');
  });

  on('a cgroup inside is made twice, is in no list, and goes with the one around it', async (t, { cgroups }) => {
    t.is(await errnoOf(t, () => cgroups.createInside(`${NAME}/inner`)), 'ENOENT', 'there is none around it');
    await cgroups.create(NAME);
    for (const _ of [1, 2]) t.is(await cgroups.createInside(`${NAME}/inner`), cgroups.path(`${NAME}/inner`));
    t.deepEqual(
      (await cgroups.list()).map(({ name }) => name),
      [NAME],
    );
    await cgroups.remove(NAME);
    t.is(await errnoOf(t, () => cgroups.freeze(`${NAME}/inner`)), 'ENOENT');
    await cgroups.removeTenant('acme');
  });

  on('what is frozen is told so, and nobody waits for what is gone', async (t, { cgroups }) => {
    await cgroups.create(NAME);
    await cgroups.freeze(NAME);
    await cgroups.waitFrozen(NAME, LONG);
    await cgroups.thaw(NAME);
    t.is(await errnoOf(t, () => cgroups.waitFrozen(NAME, SHORT)), 'ETIMEDOUT');
    await cgroups.remove(NAME);
    await cgroups.waitFrozen(NAME, LONG);
    await cgroups.removeTenant('acme');
  });

  on('a file holds what was written to it, and says what differs', async (t, { cgroups }) => {
    const frozen = { file: 'cgroup.freeze', value: '1' };
    await cgroups.create(NAME);
    t.deepEqual(cgroups.differences(NAME, [frozen]), [frozen], 'a new one is not frozen');
    await cgroups.freeze(NAME);
    t.deepEqual(cgroups.read(NAME, [frozen]), [frozen]);
    t.deepEqual(cgroups.differences(NAME, [frozen]), []);
    await cgroups.thaw(NAME);
    t.deepEqual(cgroups.read(NAME, [frozen]), [{ file: 'cgroup.freeze', value: '0' }]);
    await cgroups.remove(NAME);
    await cgroups.removeTenant('acme');
  });

  on(
    'a cgroup with a process can be killed only, not removed and not waited out',
    async (t, { cgroups, supervisor, request }) => {
      await cgroups.create(NAME);
      const { pid } = await supervisor.spawn(request('web-1', NAME));
      t.true(cgroups.populated(NAME));
      t.deepEqual(cgroups.processes(NAME), [pid]);
      t.is(await errnoOf(t, () => cgroups.remove(NAME)), 'EBUSY');
      t.is(await errnoOf(t, () => cgroups.waitEmpty(NAME, SHORT)), 'ETIMEDOUT');
      await cgroups.kill(NAME);
      await cgroups.waitEmpty(NAME, LONG);
      t.false(cgroups.populated(NAME));
      await cgroups.remove(NAME);
      await cgroups.removeTenant('acme');
      await supervisor.forget('web-1');
    },
  );

  on('a process is started once, known until it is forgotten, and cannot be forgotten alive', async (t, subject) => {
    const { cgroups, supervisor, request } = subject;
    await cgroups.create(NAME);
    const first = await supervisor.spawn(request('web-1', NAME));
    t.deepEqual(await supervisor.spawn(request('web-1', NAME)), first, 'it runs already');
    t.true(first.startTime > 0);
    t.is(first.exit, undefined);
    await supervisor.forget('web-1');
    t.is((await supervisor.list())[0]?.pid, first.pid);
    await cgroups.kill(NAME);
    await cgroups.waitEmpty(NAME, LONG);
    const exit = async () => (await supervisor.list()).find(({ id }) => id === 'web-1')?.exit;
    for (const end = performance.now() + 10_000; (await exit()) === undefined && performance.now() < end; );
    t.like(await exit(), { code: null, signal: 'SIGKILL' });
    await supervisor.forget('web-1');
    await supervisor.forget('web-1');
    t.deepEqual(await supervisor.list(), []);
    await cgroups.remove(NAME);
    await cgroups.removeTenant('acme');
  });

  on(
    'a process in a cgroup that is not there is refused, and nothing is known of it',
    async (t, { supervisor, request }) => {
      await t.throwsAsync(async () => supervisor.spawn(request('web-1', 'acme/none')));
      t.deepEqual(
        (await supervisor.list()).filter(({ exit }) => exit === undefined),
        [],
      );
    },
  );

  on('a network is made, listed and removed, each of it twice', async (t, { network, sandbox, scope }) => {
    const [one, other] = [sandbox(1), sandbox(2)];
    await network.create(one);
    await network.create(one);
    await network.create(other);
    const listed = await network.list(scope);
    t.deepEqual([...listed.netns].sort(), [one.netns, other.netns].sort());
    t.deepEqual(
      listed.links.map((link) => `${link.name} ${link.owner}`).sort(),
      [one, other].map(({ hostLink, owner }) => `${hostLink} ${owner}`).sort(),
    );
    await network.remove(removalOf(one));
    await network.remove(removalOf(one));
    t.deepEqual((await network.list(scope)).netns, [other.netns]);
    await network.remove(removalOf(other));
    t.deepEqual(await network.list(scope), { netns: [], links: [] });
  });

  on('tags are given anew where they are those of before, and nowhere else', async (t, { network, sandbox, scope }) => {
    const one = sandbox(4);
    const { netns, hostLink, owner } = one;
    await network.create(one);
    const owners = async () => (await network.list(scope)).links.map((link) => link.owner);
    const to = `${owner}x`;
    await network.retag([{ netns, hostLink, from: 'another', to }]);
    t.deepEqual(await owners(), [owner]);
    for (const _ of [1, 2]) await network.retag([{ netns, hostLink, from: owner, to }]);
    t.deepEqual(await owners(), [to]);
    await network.retag([{ netns, hostLink, from: to, to: owner }]);
    t.deepEqual(await owners(), [owner]);
    await network.remove(removalOf(one));
  });

  on('nobody is in a new namespace, nor in one that is not there', async (t, { network, sandbox }) => {
    const [one, none] = [sandbox(5), sandbox(6)];
    await network.create(one);
    for (const { netns, hostLink } of [one, none]) {
      if (netns === null) return t.fail('a sandbox of the suite has a namespace');
      t.deepEqual((await network.members(netns)).pids, []);
      const [state] = await network.held([{ netns, hostLink }]);
      t.is(state?.heldBy, null);
    }
    await network.remove(removalOf(one));
  });

  on('a change from what it is to something else may be repeated', async (t, { network, sandbox, scope }) => {
    const one = sandbox(7);
    await network.create(one);
    const slow = { ...one, bandwidth: { ...one.bandwidth, egress: { bitsPerSecond: 20_000_000, burstBytes: null } } };
    for (const _ of [1, 2]) await network.update(one, slow);
    await network.update(slow, one);
    t.is((await network.list(scope)).links.length, 1);
    await network.remove(removalOf(one));
  });

  on('a namespace alone has no link', async (t, { network, sandbox, scope }) => {
    const alone = sandbox(3);
    if (alone.netns === null) return t.fail('a sandbox of the suite has a namespace');
    await network.createIsolated(alone.netns);
    await network.createIsolated(alone.netns);
    t.deepEqual(await network.list(scope), { netns: [alone.netns], links: [] });
    await network.remove({ ...removalOf(alone), hostLink: null });
    t.deepEqual(await network.list(scope), { netns: [], links: [] });
  });
}
