import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../../agent/config/schema.js';
import { OverheadCheckpoint } from '../../../../agent/density/overhead/checkpoint.js';
import { overheadFor, overheadViews } from '../../../../agent/density/overhead/count.js';
import { type Known, Learned } from '../../../../agent/density/overhead/learned.js';
import { measureVmm } from '../../../../agent/density/overhead/measure.js';
import { type Candidate, OverheadService } from '../../../../agent/density/overhead/overhead.js';
import { sizeOf } from '../../../../agent/density/overhead/size.js';
import { readStat } from '../../../../linux/proc.js';
import { fc } from '../../../runner/property.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { FakeClock } from '../../../simulate/clock.js';
import { specOf } from '../../workload/fake-world.js';

const HOUR = 3_600_000;
const MIB = 2 ** 20;
const CONFIGURED = 160 * MIB;

const vm = (id: string, qemu: object = {}) =>
  specOf({ id, driver: 'qemu', exec: undefined, qemu: { kernel: '/k', initrd: '/i', memory: '256Mi', ...qemu } });
const KEY = { driver: 'qemu', size: '1 vcpu 256Mi' } as const;

/** So many VMs, each measured every hour. */
function learned(bytes: number, { vms = 10, hours = 30 } = {}): Learned {
  const all = new Learned();
  for (let hour = 0; hour <= hours; hour++)
    for (let n = 0; n < vms; n++) all.observe(KEY, { bytes, startedAt: n - vms }, hour * HOUR);
  return all;
}

test('VMs are alike by the next power of two of vCPUs and memory; what is no VM has no size', (t) => {
  t.is(sizeOf(vm('a', { vcpus: 3, memory: '3Gi' })), '4 vcpus 4Gi');
  t.is(sizeOf(vm('a', { vcpus: 1, memory: '129Mi' })), '1 vcpu 256Mi');
  t.is(sizeOf(vm('a', { vcpus: 2, memory: '1Gi' })), '2 vcpus 1Gi');
  t.is(sizeOf(specOf()), undefined);
});

test('enough is known after a day, of enough VMs, measured often enough', (t) => {
  const at = 30 * HOUR;
  const figure = learned(50 * MIB).get(KEY, at);
  t.like(figure, { enough: true, samples: 310, runs: 10, ageMs: at });
  const bytes = figure?.bytes ?? 0;
  t.true(bytes >= 55 * MIB && bytes <= 55 * MIB * 1.05, 'a tenth, and a bucket');
  t.false(learned(50 * MIB, { vms: 7, hours: 60 }).get(KEY, at)?.enough, 'too few VMs');
  t.false(learned(50 * MIB, { vms: 50, hours: 23 }).get(KEY, 23 * HOUR)?.enough, 'not yet a day');
  t.false(learned(50 * MIB, { vms: 9, hours: 10 }).get(KEY, at)?.enough, 'too few samples');
  t.is(learned(1).get({ driver: 'qemu', size: 'other' }, at), undefined);
});

test('one in fifty that needs more is seen, one in two hundred is not', (t) => {
  const share = (every: number): number => {
    const all = new Learned();
    for (let n = 0; n < 1000; n++) all.observe(KEY, { bytes: (n % every === 0 ? 120 : 40) * MIB, startedAt: n }, n);
    return all.get(KEY, 1000)?.bytes ?? 0;
  };
  t.true(share(40) >= 120 * MIB);
  t.true(share(200) < 60 * MIB);
});

test('a run is counted once, by this agent or the next', (t) => {
  const first = new Learned();
  for (const startedAt of [100, 200, 100, 200, 300]) first.observe(KEY, { bytes: MIB, startedAt }, 1000);
  t.like(first.get(KEY, 1000), { runs: 3, samples: 5 });
  const next = new Learned();
  next.restore(JSON.parse(JSON.stringify(first.record(2000))));
  for (const startedAt of [200, 300, 400]) next.observe(KEY, { bytes: MIB, startedAt }, 3000);
  t.like(next.get(KEY, 3000), { runs: 4, samples: 8, ageMs: 2000 });
});

test('what counts is never above what is configured, never absurdly low, and as configured until it is known', (t) => {
  const known = fc.record({
    ...{ driver: fc.constant('qemu' as const), size: fc.constant('1 vcpu 256Mi'), enough: fc.boolean() },
    ...{ bytes: fc.nat({ max: 2 ** 34 }), samples: fc.nat(), runs: fc.nat(), ageMs: fc.nat() },
  });
  fc.assert(
    fc.property(
      fc.constantFrom('guaranteed', 'burstable', 'besteffort'),
      fc.nat({ max: 2 ** 30 }),
      fc.constantFrom('configured', 'measured'),
      fc.option(known, { nil: undefined }),
      (of, configured, mode, figure) => {
        const counted = overheadFor(of, configured, mode, figure);
        t.true(Number.isSafeInteger(counted) && counted <= configured && counted >= configured / 4);
        if (mode === 'configured' || of === 'guaranteed' || !figure?.enough) t.is(counted, configured);
        else t.true(counted >= Math.min(figure.bytes, configured));
      },
    ),
  );
  const figure: Known = { ...KEY, bytes: 50.2 * MIB, samples: 1, runs: 1, ageMs: 1, enough: true };
  t.is(overheadFor('burstable', CONFIGURED, 'measured', figure), 51 * MIB);
});

test('every kind has a line, a VM one for each size', (t) => {
  const config = configSchema.parse({ density: { overhead: 'measured', kind: { oci: { surcharge: '2Mi' } } } });
  const figures = { samples: 1, runs: 1, ageMs: 1 };
  const sizes = [
    { ...KEY, ...figures, bytes: 50 * MIB, enough: true },
    { driver: 'qemu', size: '8 vcpus 64Gi', ...figures, bytes: 300 * MIB, enough: false } as const,
  ];
  const port = { known: () => undefined, sizes: (driver: string) => (driver === 'qemu' ? sizes : []) };
  const views = overheadViews(config, port);
  t.deepEqual(
    views.map(({ driver, size, counts, counted }) => [driver, size, counts, counted / MIB]),
    [
      ['exec', null, 'configured', 0],
      ['oci', null, 'configured', 0],
      ['qemu', '1 vcpu 256Mi', 'measured', 50],
      ['qemu', '8 vcpus 64Gi', 'configured', 160],
      ['firecracker', null, 'configured', 16],
      ['external', null, 'configured', 0],
    ],
  );
  t.like(views[1], { surcharge: 2 * MIB, measured: null, configured: 0 });
  t.is(overheadViews(configSchema.parse({}), port)[2]?.counts, 'configured', 'the default');
});

function service(directory: string, clock: FakeClock, candidates: () => readonly Candidate[]) {
  const errors: string[] = [];
  const overhead = new OverheadService({
    checkpoint: new OverheadCheckpoint(directory),
    ...{ candidates, now: clock.now, setTimer: clock.setTimer },
    onDamaged: ({ movedTo }) => void errors.push(`damaged: ${movedTo}`),
    onError: (_error, message) => void errors.push(message),
  });
  return { overhead, errors };
}

/** Minute by minute: a round is over before the next one is due. */
async function pass(clock: FakeClock, until: number): Promise<void> {
  for (let at = clock.now() + 60_000; at <= until; at += 60_000) {
    await clock.runUntil(at);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function stateDirectory(): string {
  const directory = temporaryDirectory('overhead');
  mkdirSync(directory, { recursive: true });
  return directory;
}

test('four a minute, the one whose turn is the longest ago first, none before it has settled', async (t) => {
  const clock = new FakeClock();
  const order: string[] = [];
  const candidates = (): Candidate[] =>
    ['a', 'b', 'c', 'd', 'e', 'young'].map((id, at) => ({
      ...{ id, spec: vm(id), startedAt: id === 'young' ? clock.now() - 59_999 : at - 100_000 },
      measure: async () => {
        order.push(id);
        if (id === 'b') throw new Error('EACCES');
        return id === 'c' ? undefined : 50 * MIB;
      },
    }));
  const { overhead, errors } = service(stateDirectory(), clock, candidates);
  await overhead.start();
  await pass(clock, 3 * 60_000);
  t.is(order.join(''), 'abcdeabcdeab');
  t.like(overhead.known(vm('x')), { samples: 7, runs: 3 });
  t.deepEqual(new Set(errors), new Set(['the VMM of "b" could not be measured']));
  await overhead.stop();
  await pass(clock, 10 * 60_000);
  t.is(order.length, 12);
});

test('what a VMM was measured to need is known until it ends or starts again', async (t) => {
  const clock = new FakeClock();
  let all = [
    { id: 'a', startedAt: -100_000 },
    { id: 'b', startedAt: -100_000 },
  ];
  const candidates = (): Candidate[] =>
    all.map(({ id, startedAt }) => ({ id, startedAt, spec: vm(id), measure: async () => 50 * MIB }));
  const { overhead } = service(stateDirectory(), clock, candidates);
  await overhead.start();
  t.is(overhead.measured('a'), undefined);
  await pass(clock, 60_000);
  t.is(overhead.measured('a'), 50 * MIB);
  t.is(overhead.measured('b'), 50 * MIB);
  all = [{ id: 'a', startedAt: clock.now() + 50_000 }];
  await pass(clock, 2 * 60_000);
  t.is(overhead.measured('a'), undefined, 'another one has not had its turn');
  t.is(overhead.measured('b'), undefined);
  await pass(clock, 3 * 60_000);
  t.is(overhead.measured('a'), 50 * MIB);
  await overhead.stop();
});

test('a day of it counts, and outlives the agent', async (t) => {
  const clock = new FakeClock();
  const directory = stateDirectory();
  const candidates = (): Candidate[] =>
    Array.from({ length: 10 }, (_, n) => ({
      ...{ id: `vm-${n}`, spec: vm(`vm-${n}`), startedAt: n - 100_000 },
      measure: async () => 50 * MIB,
    }));
  const first = service(directory, clock, candidates);
  await first.overhead.start();
  await pass(clock, 23 * HOUR);
  t.false(first.overhead.known(vm('x'))?.enough);
  await pass(clock, 25 * HOUR);
  t.true(first.overhead.known(vm('x'))?.enough);
  t.is(first.overhead.known(vm('x', { memory: '2Gi' })), undefined);
  await first.overhead.stop();
  const second = service(directory, clock, () => []);
  await second.overhead.start();
  t.deepEqual(second.overhead.sizes('qemu'), first.overhead.sizes('qemu'));
  t.deepEqual(second.overhead.sizes('exec'), []);
  await second.overhead.stop();
  t.deepEqual([...first.errors, ...second.errors], []);
});

test('a damaged checkpoint is set aside, one that cannot be written is told', async (t) => {
  for (const text of ['', '{', 'null', '{"version":"x","sizes":[]}', '{"version":1,"sizes":[{"driver":"qemu"}]}']) {
    const directory = stateDirectory();
    writeFileSync(join(directory, 'overhead.json'), text);
    const { record, damaged } = await new OverheadCheckpoint(directory).load();
    t.deepEqual(record.sizes, []);
    t.is(readFileSync(damaged?.movedTo ?? '', 'utf8'), text);
    t.deepEqual(readdirSync(directory), ['damaged']);
  }
  const damaged = stateDirectory();
  writeFileSync(join(damaged, 'overhead.json'), '{');
  const anew = service(damaged, new FakeClock(), () => []);
  await anew.overhead.start();
  t.regex(anew.errors.join(), /^damaged: .*\/damaged\/overhead\.json\.\d+$/);
  await anew.overhead.stop();
  const { overhead, errors } = service(join(stateDirectory(), 'not', 'there'), new FakeClock(), () => []);
  await overhead.start();
  await overhead.stop();
  t.deepEqual(errors, ['what was learned of VMMs could not be written']);
});

test('measured is what the process has of its own and what the kernel has for the cgroup; else nothing is said', async (t) => {
  const directory = stateDirectory();
  const stat = readStat(process.pid);
  const vmm = { spec: vm('a'), pid: process.pid, startTime: stat?.startTime ?? 0, directory };
  const driver = { ownMemory: () => 40 * MIB };
  t.is(await measureVmm(driver, vmm), undefined, 'no memory controller');
  writeFileSync(join(directory, 'memory.stat'), `anon 5000\nfile 6000\nkernel ${MIB}\nkernel_stack 9\nsock 4096\n`);
  t.is(await measureVmm(driver, vmm), 41 * MIB + 4096);
  t.is(await measureVmm({ ownMemory: () => undefined }, vmm), undefined);
  t.is(await measureVmm(driver, { ...vmm, startTime: vmm.startTime + 1 }), undefined, 'another of this number');
  t.is(await measureVmm(driver, { ...vmm, pid: 2 ** 30 }), undefined);
});
