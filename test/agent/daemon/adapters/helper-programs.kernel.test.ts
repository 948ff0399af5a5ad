// Programs of the agent by a real supervisor, in real cgroups.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { HelperPrograms } from '../../../../agent/daemon/adapters/helper-programs.js';
import { HELPER_GROUP } from '../../../../agent/model/helper-program.js';
import { openTree } from '../../../../cgroups/tree.js';
import { SysError } from '../../../../linux/errors.js';
import { startBench, until } from '../../../systemd/fixture.js';

const SHELL = ['/bin/sh', '-c'];
/** With one that is in a session of its own. */
const HANGS = [...SHELL, 'setsid sleep 1000 & exec sleep 1000'];
const A_MINUTE = { deadlineMs: 60_000 };

async function openHelpers(t: ExecutionContext) {
  const bench = await startBench(t);
  const cgroups = await openTree(bench.cgroup, { controllers: [] });
  t.teardown(() => cgroups.remove(HELPER_GROUP));
  const open = async () => {
    const supervisor = await bench.connect();
    const helpers = new HelperPrograms({
      ...{ supervisor, cgroups, files: new Set<string>(), runtime: bench.runtime, log: pino({ level: 'silent' }) },
    });
    supervisor.onExit((held) => helpers.ended(held));
    await helpers.open();
    return { helpers, supervisor };
  };
  const left = async () => ({
    held: (await (await bench.connect()).list()).map(({ id }) => id),
    groups: (await cgroups.list()).filter(({ tenant }) => tenant === HELPER_GROUP).map(({ name }) => name),
    files: await readdir(join(bench.runtime, 'helpers')),
    group: existsSync(cgroups.path(HELPER_GROUP)),
  });
  const running = () =>
    until(async () => {
      const [group] = (await left()).groups;
      return group !== undefined && cgroups.processes(group).length === 2 ? group : undefined;
    });
  return { open, left, running };
}

const NOTHING = { held: [], groups: [], files: [], group: false };

test('gives what it said and how it ended, and leaves nothing', async (t) => {
  const { open, left } = await openHelpers(t);
  const { helpers } = await open();
  const script = 'echo said; echo to stderr >&2; echo $(env | grep -vc "^PWD\\|^_\\|^SHLVL"); exit 3';
  t.deepEqual(await helpers.run([...SHELL, script], A_MINUTE), { code: 3, output: 'said\nto stderr\n0\n' });
  const many = await Promise.all(
    Array.from({ length: 10 }, (_, at) => helpers.run([...SHELL, `echo ${at}`], A_MINUTE)),
  );
  t.deepEqual(
    many.map(({ output }) => Number(output)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  t.deepEqual(await left(), NOTHING);
});

test('one that is not wanted any more, or takes too long, ends with all that it has started', async (t) => {
  const { open, left, running } = await openHelpers(t);
  const { helpers } = await open();
  const end = new AbortController();
  const asked = helpers.run(HANGS, { ...A_MINUTE, signal: end.signal });
  await running();
  end.abort(new Error('not wanted'));
  await t.throwsAsync(asked, { message: 'not wanted' });
  t.deepEqual(await left(), NOTHING);
  await t.throwsAsync(helpers.run(HANGS, { deadlineMs: 200 }), {
    instanceOf: SysError,
    message: /ETIMEDOUT/,
  });
  t.deepEqual(await left(), NOTHING);
  await t.throwsAsync(helpers.run(HANGS, { ...A_MINUTE, signal: end.signal }), { message: 'not wanted' });
  t.deepEqual(await left(), NOTHING);
});

test('a program that cannot be started is refused with its reason', async (t) => {
  const { open, left } = await openHelpers(t);
  const { helpers } = await open();
  await t.throwsAsync(helpers.run(['/no/such/program'], A_MINUTE), {
    instanceOf: SysError,
    message: /ENOENT/,
  });
  t.deepEqual(await left(), NOTHING);
});

test('what an agent before has left is ended by the next', async (t) => {
  const { open, left, running } = await openHelpers(t);
  const first = await open();
  const gone = new AbortController();
  const lost = first.helpers.run(HANGS, { ...A_MINUTE, signal: gone.signal });
  const group = await running();
  first.supervisor.close();
  const second = await open();
  await until(async () => ((await left()).held.length === 1 ? true : undefined));
  await second.helpers.sweep();
  await until(async () => {
    await second.helpers.sweep();
    return (await left()).held.length === 0 ? true : undefined;
  });
  t.deepEqual(await left(), NOTHING);
  t.false(existsSync(group));
  gone.abort(new Error('gone'));
  // With its connection, or where the spawn was answered before, with its signal.
  await t.throwsAsync(lost, { message: /^(gone|supervisor connection closed)$/ });
});
