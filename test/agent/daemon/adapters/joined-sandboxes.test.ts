// Which containers run in the network namespace of a sandbox. Files stand for namespaces: both are known by their inodes.
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { joinedSandboxes, type Sandboxed } from '../../../../agent/daemon/adapters/joined-sandboxes.js';
import { holdOf } from '../../../../agent/density/adopted.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { adoptedOf } from '../../control/fake-engines.js';

const sandboxOf = (id: string, over: Partial<Sandboxed> = {}): Sandboxed => ({
  ...{ id, state: 'running', spec: { driver: 'external' }, sandbox: { netns: `berth-${id}` } },
  ...over,
});

const PIDS: Readonly<Record<string, number>> = { inside: 1, beside: 2, elsewhere: 3, gone: 4 };

function host() {
  const directory = temporaryDirectory('joined');
  const named = join(directory, 'netns');
  const proc = join(directory, 'proc');
  mkdirSync(named);
  for (const name of ['berth-a', 'berth-b', 'other']) writeFileSync(join(named, name), '');
  for (const [pid, name] of [
    [1, 'berth-a'],
    [2, 'berth-a'],
    [3, 'other'],
  ] as const) {
    mkdirSync(join(proc, String(pid), 'ns'), { recursive: true });
    linkSync(join(named, name), join(proc, String(pid), 'ns', 'net'));
  }
  return { named, proc, pid: ({ name }: { readonly name: string }) => PIDS[name] };
}

const WORKLOADS = [...Object.keys(PIDS), 'untold'].map((name) => adoptedOf(name));
const hold = (name: string): string => holdOf(adoptedOf(name));

test('a container is in the sandbox whose namespace its process has', async (t) => {
  const records = (): Sandboxed[] => [sandboxOf('a'), sandboxOf('b'), sandboxOf('lost')];
  t.deepEqual(
    [...(await joinedSandboxes(WORKLOADS, { ...host(), records }))],
    [
      [hold('inside'), 'a'],
      [hold('beside'), 'a'],
    ],
  );
});

test('what is no sandbox of others, has no namespace, or has ended holds nothing for them', async (t) => {
  const records = (): Sandboxed[] => [
    sandboxOf('a', { spec: { driver: 'oci' } }),
    sandboxOf('a', { state: 'exited' }),
    sandboxOf('a', { sandbox: { netns: null } }),
  ];
  t.is((await joinedSandboxes(WORKLOADS, { ...host(), records })).size, 0);
});
