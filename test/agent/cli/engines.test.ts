// `berth engine`: what a person sees of workloads of other engines.
import test from 'ava';
import type { EngineView } from '../../../agent/model/adopted.js';
import { adoptedOf } from '../control/fake-engines.js';
import { berth, fakeAgent } from './fake.js';

const DOCKER: EngineView = {
  ...{ name: 'docker', authority: 'observe', state: 'unreachable', why: 'no answer\u001b[2J' },
  ...{ socket: '/run/docker.sock', workloads: 2, dropped: 0 },
};
const LXC: EngineView = { ...DOCKER, name: 'lxc', state: 'names', why: null, socket: null, workloads: 1 };

const words = (out: string): string[][] => out.split('\n').map((line) => line.split(/ {2,}/));

test('list has a line for each engine', async (t) => {
  const agent = fakeAgent({ 'engine.list': () => ({ engines: [DOCKER, LXC] }) });
  const { exit, out } = await berth('engine list', { agent });
  t.is(exit, 0);
  t.deepEqual(words(out), [
    ['ENGINE', 'STATE', 'AUTHORITY', 'WORKLOADS', 'SOCKET', 'PROBLEM'],
    ['docker', 'unreachable', 'observe', '2', '/run/docker.sock', 'no answer\\x1b[2J'],
    ['lxc', 'names', 'observe', '1', '-', '-'],
    [''],
  ]);
});

test('show asks page after page, and has a line for each workload', async (t) => {
  const use = { cpu: null, memory: null, pids: 4 };
  const web = adoptedOf('web', { limits: { cpu: null, memory: null, pids: 9 }, use });
  const inner = adoptedOf('inner', { within: 'docker web', image: null });
  const agent = fakeAgent({
    'engine.get': ({ cursor }) =>
      cursor === undefined
        ? { engine: DOCKER, workloads: [inner], next: 'inner' }
        : { engine: DOCKER, workloads: [web] },
  });
  const { out } = await berth('engine show docker', { agent });
  t.deepEqual(words(out).slice(-4), [
    ['NAME', 'ID', 'TENANT', 'CPU', 'MEMORY', 'PIDS', 'COUNTED', 'IMAGE'],
    ['inner', 'inner0000000', 'docker', '0.25/0.5', '32Mi/64Mi', '3/none', 'in docker web', '-'],
    ['web', 'web000000000', 'docker', '-/none', '-/none', '4/9', 'yes', 'debian:13'],
    [''],
  ]);
  t.deepEqual(
    agent.calls.map(({ params }) => params),
    [
      { engine: 'docker', limit: 1000 },
      { engine: 'docker', limit: 1000, cursor: 'inner' },
    ],
  );
});

test('list --engine has what one engine runs, or what all that run something do', async (t) => {
  const agent = fakeAgent({
    'engine.list': () => ({ engines: [DOCKER, LXC, { ...LXC, name: 'podman', workloads: 0 }] }),
    'engine.get': ({ engine }) => ({ engine: DOCKER, workloads: [adoptedOf(`of-${engine}`, { engine })] }),
  });
  const rows = async (line: string) => words((await berth(line, { agent })).out).map((row) => row.slice(0, 2));
  t.deepEqual(await rows('list --engine lxc'), [['ENGINE', 'NAME'], ['lxc', 'of-lxc'], ['']]);
  t.deepEqual(await rows('list --engine all'), [['ENGINE', 'NAME'], ['docker', 'of-docker'], ['lxc', 'of-lxc'], ['']]);
  for (const more of ['--tenant acme', '--sort memory', '-o wide'])
    t.is((await berth(`list --engine docker ${more}`, { agent })).exit, 2, more);
});

test('an engine that berth does not know is named with those that it does', async (t) => {
  const { exit, err } = await berth('engine show rkt', { agent: fakeAgent({}) });
  t.is(exit, 2);
  t.regex(err, /no engine "rkt"; it knows docker, podman/);
});
