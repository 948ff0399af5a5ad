// Ends of workloads of other engines: who is believed, and what is told.
import test from 'ava';
import { AdoptedEnds } from '../../../../agent/daemon/adapters/adopted-ends.js';
import { describeAdoptedEnd } from '../../../../agent/ends/adopted.js';
import type { KernelKill } from '../../../../agent/ends/kmsg.js';
import type { EndedWorkload } from '../../../../agent/model/adopted.js';
import type { NewEvent } from '../../../../agent/model/event.js';

const ID = 'ab'.repeat(32);
const OWN = `/sys/fs/cgroup/system.slice/docker-${ID}.scope`;
const MIB = 2 ** 20;

const ended = (over: Partial<EndedWorkload> = {}): EndedWorkload => ({
  ...{ engine: 'docker', id: ID, name: 'web', tenant: 'acme', image: 'debian:13', pid: 70, memory: 64 * MIB },
  ...{ code: 137, asked: false, oom: false },
  ...over,
});

const kill = (over: Partial<KernelKill> = {}): KernelKill => ({
  ...{ sequence: 9, pid: 70, command: 'hog', rss: 60 * MIB, cgroup: OWN, exhausted: OWN },
  ...over,
});

test('a kill of its first process is told with the limit and the victim', (t) => {
  t.deepEqual(describeAdoptedEnd(ended(), [kill()]), {
    ...{ code: null, signal: 'SIGKILL', cause: 'limit', actor: 'kernel' },
    detail: 'killed by the kernel at its memory limit (memory.max 64Mi): process 70 (hog) had 60Mi',
    victim: { pid: 70, command: 'hog', memory: 60 * MIB },
  });
});

test('whose memory ran out is the cause', (t) => {
  const of = (exhausted: string | null) => describeAdoptedEnd(ended(), [kill({ exhausted })]);
  t.like(of('host'), { cause: 'host' });
  t.regex(of('host').detail, /because the host was out of memory/);
  t.like(of('/sys/fs/cgroup/system.slice'), { cause: 'host' });
  t.regex(of('/sys/fs/cgroup/system.slice').detail, /at the memory limit of \/sys\/fs\/cgroup\/system\.slice: /);
  t.regex(of(`${OWN}/inner`).detail, /at a memory limit inside it, of inner/);
  t.like(of(null), { cause: 'limit' });
});

test('the cgroup of another container, and one of an id that begins alike, are not its own', (t) => {
  const other = kill({ cgroup: OWN.replaceAll('ab', 'cd'), exhausted: OWN.replaceAll('ab', 'cd') });
  t.like(describeAdoptedEnd(ended(), [other]), { cause: 'signal', actor: 'unknown' });
});

test('a child that was killed before does not explain the end', (t) => {
  const child = kill({ pid: 71 });
  const end = describeAdoptedEnd(ended({ code: 1 }), [child]);
  t.like(end, { code: 1, signal: null, cause: 'exit' });
  t.is(
    end.detail,
    'ended with exit code 1; before that the kernel killed a process of it at its memory limit (memory.max 64Mi)',
  );
  t.like(describeAdoptedEnd(ended(), [child]), { cause: 'signal' });
  // It was never seen while it ran: any of it may be the first.
  t.like(describeAdoptedEnd(ended({ pid: null }), [child]), { cause: 'limit' });
});

test('a label that stands for the exit code hides no kill of its first process', (t) => {
  const end = describeAdoptedEnd(ended({ code: 0, asked: true }), [kill()]);
  t.like(end, { code: null, signal: 'SIGKILL', cause: 'limit', actor: 'kernel' });
  // Perhaps another process of the same number.
  t.like(describeAdoptedEnd(ended({ code: 0 }), [kill({ cgroup: null })]), { code: 0, cause: 'exit' });
});

test('without the log of the kernel the engine is believed', (t) => {
  t.like(describeAdoptedEnd(ended({ oom: true }), null), { cause: 'limit', actor: 'kernel' });
  t.like(describeAdoptedEnd(ended({ oom: true, code: 1 }), null), { cause: 'exit' });
});

test('who stopped it, and how it ended', (t) => {
  const words = (over: Partial<EndedWorkload>) => {
    const { cause, detail } = describeAdoptedEnd(ended(over), []);
    return [cause, detail];
  };
  t.deepEqual(words({ asked: true, code: 143 }), ['stopped', 'stopped through docker (exit code 143, SIGTERM)']);
  t.deepEqual(words({ code: 0 }), ['exit', 'ended with exit code 0']);
  t.deepEqual(words({ code: 255 }), ['exit', 'ended with exit code 255']);
  t.deepEqual(words({ code: null }), ['lost', 'ended, and docker does not say how']);
});

function endsOf(kills: () => readonly KernelKill[]) {
  const told: NewEvent[] = [];
  const ends = new AdoptedEnds({
    kernelLog: {
      position: async () => 0,
      killsSince: async (position) => kills().filter(({ sequence }) => sequence > position),
    },
    events: { append: (event) => ({ cursor: told.push(event) }) },
    onError: (error) => {
      throw error;
    },
  });
  return { ends, told };
}

test('an end is an event of its tenant, and is counted', async (t) => {
  const { ends, told } = endsOf(() => [kill()]);
  await ends.ended(ended());
  t.like(told[0], {
    type: 'engine.workload_ended',
    tenant: 'acme',
    data: { engine: 'docker', name: 'web', cause: 'limit' },
  });
  t.deepEqual(ends.counts(), [{ engine: 'docker', cause: 'limit', count: 1 }]);
});

test('a kill of an earlier run explains no later end', async (t) => {
  const { ends, told } = endsOf(() => [kill()]);
  await ends.ended(ended());
  await ends.ended(ended({ pid: null }));
  t.like(told[1]?.data, { cause: 'signal' });
});

test('of a thousand ends in a minute sixty are told and all are counted', async (t) => {
  const { ends, told } = endsOf(() => []);
  await Promise.all(Array.from({ length: 1000 }, () => ends.ended(ended({ code: 0 }))));
  t.is(told.length, 60);
  t.deepEqual(ends.counts(), [{ engine: 'docker', cause: 'exit', count: 1000 }]);
});

test('one tenant leaves the events of others alone, and is told its own number alone', async (t) => {
  const { ends, told } = endsOf(() => []);
  for (let at = 0; at < 100; at++) await ends.ended(ended({ code: 0 }));
  await ends.ended(ended({ code: 0, tenant: 'other' }));
  t.is(told.length, 61);
  t.like(told[60], { tenant: 'other', data: { cause: 'exit' } });
  t.is(told[60]?.data?.untold, undefined);
});

test('a kill by the kernel is told beside a loop of crashes', async (t) => {
  let kills: KernelKill[] = [];
  const { ends, told } = endsOf(() => kills);
  for (let at = 0; at < 100; at++) await ends.ended(ended({ code: 0 }));
  kills = [kill()];
  await ends.ended(ended());
  t.is(told.length, 61);
  t.like(told[60]?.data, { cause: 'limit', untold: 40 });
});
