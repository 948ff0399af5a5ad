import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Layers, type LayerWorld } from '../../../agent/limits/layers.js';
import type { Value } from '../../../cgroups/types.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const SPEC: readonly Value[] = [
  { file: 'cpu.max', value: '200000 100000' },
  { file: 'cpu.max.burst', value: '40000' },
  { file: 'cpu.weight', value: '200' },
  { file: 'cgroup.freeze', value: '0' },
];

/** A kernel that remembers its files and each write, and refuses a quota below the burst as the real one does. */
function kernel(running = true) {
  const files = new Map(SPEC.map(({ file, value }) => [file, value]));
  const writes: string[] = [];
  const world: LayerWorld = {
    cgroups: {
      apply: async (_name, values) =>
        values.map(({ file, value }) => {
          const quota = Number((file === 'cpu.max' ? value : files.get('cpu.max'))?.split(' ')[0]);
          const burst = Number(file === 'cpu.max.burst' ? value : files.get('cpu.max.burst'));
          if (file.startsWith('cpu.max') && burst > quota) throw new Error(`EINVAL ${file} ${value}`);
          files.set(file, value);
          writes.push(`${file}=${value}`);
          return { file, value };
        }),
    },
    has: () => true,
    target: () => (running ? { cgroup: 'acme/web', values: SPEC } : undefined),
  };
  return { files, writes, world };
}

test('a layer lies over the spec, and what it covered comes back when it goes', async (t) => {
  const { files, world } = kernel();
  const layers = new Layers(temporaryDirectory('layers'), silent);
  layers.attach(world);
  await layers.set('web', 'pressure', [
    { file: 'cpu.weight', value: '1' },
    { file: 'cpu.max', value: '20000 100000' },
    { file: 'cpu.max.burst', value: '0' },
  ]);
  t.is(files.get('cpu.weight'), '1');
  t.is(files.get('cpu.max'), '20000 100000');
  t.true(layers.covers('web', { file: 'cpu.weight', value: '7' }));
  await layers.set('web', 'pressure', []);
  t.deepEqual(
    [...files],
    SPEC.map(({ file, value }) => [file, value]),
  );
  t.false(layers.covers('web', { file: 'cpu.weight', value: '7' }));
});

test('of two layers that speak of one file the later wins, and the other shows when it goes', async (t) => {
  const { files, world } = kernel();
  const layers = new Layers(temporaryDirectory('layers'), silent);
  layers.attach(world);
  await layers.set('web', 'safety', [{ file: 'cpu.weight', value: '9' }]);
  await layers.set('web', 'placement', [{ file: 'cpu.weight', value: '5' }]);
  t.is(files.get('cpu.weight'), '9');
  await layers.set('web', 'safety', []);
  t.is(files.get('cpu.weight'), '5');
});

test('the next agent knows what is overlaid, also when this one died before the kernel was told', async (t) => {
  const directory = temporaryDirectory('layers');
  const first = new Layers(directory, silent);
  const { world } = kernel();
  first.attach({ ...world, cgroups: { apply: () => new Promise<never>(() => undefined) } });
  void first.set('web', 'pressure', [{ file: 'cgroup.freeze', value: '1' }]);
  await new Promise((resolve) => setImmediate(resolve));
  const second = new Layers(directory, silent);
  t.deepEqual(second.holders('pressure'), ['web']);
  const after = kernel();
  after.files.set('cgroup.freeze', '1');
  second.attach(after.world);
  await second.set('web', 'pressure', []);
  t.is(after.files.get('cgroup.freeze'), '0');
  t.deepEqual(readdirSync(directory), []);
});

test('what does not run gets its layer at the start, and nothing is written before', async (t) => {
  const { writes, world } = kernel(false);
  const layers = new Layers(temporaryDirectory('layers'), silent);
  layers.attach(world);
  await layers.set('web', 'placement', [{ file: 'cpuset.cpus', value: '2-3' }]);
  t.deepEqual(writes, []);
  t.deepEqual(layers.over('web', SPEC).at(-1), { file: 'cpuset.cpus', value: '2-3' });
  layers.forget('web');
  t.deepEqual(layers.over('web', SPEC), SPEC);
});

test('a file that is no overlay is removed and harms nobody', (t) => {
  const directory = temporaryDirectory('layers');
  writeFileSync(join(directory, 'web.json'), '{"pressure": [{"file"');
  writeFileSync(join(directory, 'box.json'), '{"elsewhere": "x"}');
  writeFileSync(join(directory, 'vm.json.new'), '');
  t.deepEqual(new Layers(directory, silent).holders('pressure'), []);
  t.false(existsSync(join(directory, 'web.json')));
  t.deepEqual(readdirSync(directory), []);
});

test('a layer of a later version is kept, and takes nothing from those beside it', (t) => {
  const directory = temporaryDirectory('layers');
  const value = { file: 'cpu.weight', value: '1' };
  writeFileSync(join(directory, 'web.json'), JSON.stringify({ pressure: [value], later: [value] }));
  const layers = new Layers(directory, silent);
  t.deepEqual(layers.of('web', 'pressure'), [value]);
  t.deepEqual(layers.over('web', []), [value]);
  t.deepEqual(readdirSync(directory), ['web.json']);
});

test('of a workload that is not there nothing is kept, and of those that have gone nothing stays', async (t) => {
  const directory = temporaryDirectory('layers');
  const layers = new Layers(directory, silent);
  layers.attach({ ...kernel(false).world, has: (id) => id === 'web' });
  await layers.set('gone', 'pressure', [{ file: 'cpu.weight', value: '1' }]);
  await layers.set('web', 'pressure', [{ file: 'cpu.weight', value: '1' }]);
  t.deepEqual(readdirSync(directory), ['web.json']);
  layers.retain(new Set(['box']));
  t.deepEqual(readdirSync(directory), []);
});

test('a new run keeps its place and nothing else', async (t) => {
  const layers = new Layers(temporaryDirectory('layers'), silent);
  layers.attach(kernel(false).world);
  await layers.set('web', 'placement', [{ file: 'cpuset.cpus', value: '2' }]);
  await layers.set('web', 'pressure', [{ file: 'cpu.weight', value: '1' }]);
  await layers.set('web', 'freeze', [{ file: 'cgroup.freeze', value: '1' }]);
  layers.restart('web');
  t.deepEqual(layers.over('web', []), [{ file: 'cpuset.cpus', value: '2' }]);
});

test('a workload is let go although nothing can be written down any more', async (t) => {
  const directory = temporaryDirectory('layers');
  const { files, world } = kernel();
  const layers = new Layers(directory, silent);
  layers.attach(world);
  await layers.set('web', 'placement', [{ file: 'cpu.weight', value: '5' }]);
  await layers.set('web', 'freeze', [{ file: 'cgroup.freeze', value: '1' }]);
  t.is(files.get('cgroup.freeze'), '1');
  // Nothing can be written where a directory is.
  mkdirSync(join(directory, 'web.json.new'));
  await layers.set('web', 'freeze', []);
  t.is(files.get('cgroup.freeze'), '0');
  t.deepEqual(layers.of('web', 'freeze'), []);
  await t.throwsAsync(layers.set('web', 'freeze', [{ file: 'cgroup.freeze', value: '1' }]), { code: 'EISDIR' });
  t.is(files.get('cgroup.freeze'), '0');
});
