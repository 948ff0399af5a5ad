// spec, diff and edit: the specification on paper, against the one that is stored.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseYaml } from '../../../agent/cli/yaml-specs.js';
import { BerthError } from '../../../protocol/errors.js';
import { type Answers, berth, fakeAgent, view } from './fake.js';

const stored = view('web-1', { generation: 3 });
const { spec } = stored;

test('spec: as it could be given to create, JSON or YAML', async (t) => {
  const agent = fakeAgent({ 'workload.get': () => stored });
  const json = await berth('workload spec web-1', { agent });
  t.deepEqual(JSON.parse(json.out), spec);
  t.is((await berth('workload spec web-1 --json', { agent })).out, json.out);
  const yaml = await berth('workload spec web-1 -o yaml', { agent });
  t.deepEqual(parseYaml(yaml.out), [spec]);
  t.is((await berth('workload spec web-1 -o xml', { agent })).exit, 2);
});

test('diff: 0 without a difference, 1 with one, and the refusal beside it', async (t) => {
  const changes = [{ field: 'resources.pids', from: 5, to: 7 }];
  const answer = (more: object) => fakeAgent({ 'workload.update': () => ({ ...stored, changes: [], ...more }) });
  const input = JSON.stringify(spec);
  const same = await berth('workload diff web-1 -f -', { agent: answer({}), input });
  t.deepEqual([same.exit, same.out], [0, 'web-1 does not differ\n']);
  const agent = answer({ changes });
  const other = await berth('workload diff web-1 -f -', { agent, input });
  t.deepEqual([other.exit, other.out], [1, 'web-1 differs\n  resources.pids  5 -> 7\n']);
  t.like(agent.calls[0]?.params, { id: 'web-1', dryRun: true });
  const refused = { code: 'immutable_field', message: 'exec cannot be changed', hint: 'Delete it.' };
  const not = await berth('workload diff web-1 -f -', { agent: answer({ changes, refused }), input });
  t.is(not.exit, 1);
  t.regex(not.err, /exec cannot be changed/);
  const json = await berth('workload diff web-1 -f - --json', { agent: answer({ changes, refused }), input });
  t.deepEqual(JSON.parse(json.out), { id: 'web-1', generation: 3, changes, refused });
  t.is((await berth('workload diff other -f -', { agent: answer({}), input })).exit, 2);
});

/** A person who makes one change after the other, and sees the file each time. What is kept for them goes with the test. */
function person(t: ExecutionContext, ...turns: readonly ((text: string) => string | number)[]) {
  const seen: string[] = [];
  const modes: number[] = [];
  let path = '';
  t.teardown(() => {
    if (path !== '') rmSync(dirname(path), { recursive: true, force: true });
  });
  return {
    seen,
    modes,
    path: () => path,
    edit: async (file: string): Promise<number> => {
      path = file;
      const text = readFileSync(file, 'utf8');
      seen.push(text);
      modes.push(statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777);
      const turn = turns[seen.length - 1] ?? ((same: string) => same);
      const after = turn(text);
      if (typeof after === 'number') return after;
      writeFileSync(file, after);
      return 0;
    },
  };
}

const agentWith = (update: NonNullable<Answers['workload.update']>) =>
  fakeAgent({ 'workload.get': () => stored, 'workload.update': update });
const changed = { ...stored, generation: 4, changes: [{ field: 'priority', from: 100, to: 7 }] };
const priority = (text: string): string => text.replace('priority: 100', 'priority: 7');

test('edit: what is saved is asked for, with the generation that was read, and the change is shown', async (t) => {
  const agent = agentWith(() => changed);
  const one = person(t, priority);
  const { exit, out } = await berth('workload edit web-1', { agent, edit: one.edit });
  t.is(exit, 0);
  t.is(out, 'web-1 updated, generation 4\n  priority  100 -> 7\n');
  t.deepEqual(agent.calls.at(-1), {
    method: 'workload.update',
    params: { id: 'web-1', spec: { ...spec, priority: 7 }, ifGeneration: 3 },
  });
  t.regex(one.seen[0] ?? '', /^#: Workload web-1, generation 3\. Save to change it/);
  t.deepEqual(one.modes, [0o600, 0o700]);
  t.false(existsSync(dirname(one.path())), 'nothing is left of it');
});

test('edit: unchanged, nothing is asked', async (t) => {
  const agent = agentWith(() => changed);
  const one = person(t);
  const { exit, out } = await berth('workload edit web-1', { agent, edit: one.edit });
  t.deepEqual([exit, out], [0, 'web-1 unchanged\n']);
  t.deepEqual(
    agent.calls.map(({ method }) => method),
    ['workload.get'],
  );
  t.false(existsSync(dirname(one.path())));
});

test('edit: what is wrong stands on top, once, with what was written below, until it is right', async (t) => {
  let asked = 0;
  const agent = agentWith(() => {
    asked++;
    if (asked === 1) throw new BerthError('invalid_spec', 'priority: must be at most 1000', { hint: 'Correct it.' });
    return changed;
  });
  const one = person(
    t,
    (text) => text.replace('priority: 100', 'priority: 9000'),
    (text) => `${text}oops: [\n`,
    (text) => text.replace('oops: [\n', '').replace('9000', '7'),
  );
  const { exit } = await berth('workload edit web-1', { agent, edit: one.edit });
  t.is(exit, 0);
  t.regex(one.seen[1] ?? '', /^#: priority: must be at most 1000\n#: Correct it\.\n#:\n#: Workload web-1/);
  t.regex(one.seen[1] ?? '', /^priority: 9000$/m);
  t.regex(one.seen[2] ?? '', /^#: .*web-1\.yaml:\d+:\d+: not valid YAML/);
  t.false((one.seen[2] ?? '').includes('must be at most 1000'));
  t.like(agent.calls.at(-1)?.params, { spec: { ...spec, priority: 7 } });
});

test('edit: who gives up gets the error, and what was written is kept', async (t) => {
  const agent = agentWith(() => {
    throw new BerthError('immutable_field', 'exec cannot be changed', { hint: 'Delete it.' });
  });
  const one = person(t, (text) => text.replace('/bin/sleep', '/bin/cat'));
  const { exit, err } = await berth('workload edit web-1', { agent, edit: one.edit });
  t.is(exit, 2);
  t.regex(err, /exec cannot be changed\n.*What you wrote is in /);
  t.true(err.includes(one.path()));
  t.regex(readFileSync(one.path(), 'utf8'), /\/bin\/cat/);
  t.is(one.seen.length, 2);
});

test('edit: changed meanwhile, the fields are named, and saving again replaces them', async (t) => {
  const generations: unknown[] = [];
  const agent = agentWith(({ ifGeneration }) => {
    generations.push(ifGeneration);
    if (ifGeneration === 3)
      throw new BerthError('conflict', 'workload "web-1" is of generation 8, not 3', { data: { generation: 8 } });
    return changed;
  });
  const one = person(t, priority, (text) => text.replace('priority: 7', 'priority: 8'));
  t.is((await berth('workload edit web-1', { agent, edit: one.edit })).exit, 0);
  t.deepEqual(generations, [3, 8]);
  t.regex(one.seen[1] ?? '', /generation 8, not 3/);
});

test('edit: an editor that fails changes nothing', async (t) => {
  const agent = agentWith(() => changed);
  const { exit, err } = await berth('workload edit web-1', { agent, edit: person(t, () => 127).edit });
  t.is(exit, 2);
  t.regex(err, /the editor has ended with code 127; nothing has changed\n.*Set \$VISUAL or \$EDITOR to an editor/);
  t.deepEqual(
    agent.calls.map(({ method }) => method),
    ['workload.get'],
  );
});

test('edit: another id in the file is refused', async (t) => {
  const agent = agentWith(() => changed);
  const one = person(t, (text) => text.replace('id: web-1', 'id: web-2'));
  const { exit, err } = await berth('workload edit web-1', { agent, edit: one.edit });
  t.is(exit, 2);
  t.regex(err, /the specification is of "web-2", not of "web-1"/);
});
