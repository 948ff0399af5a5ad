import test from 'ava';
import { adopt, type Located, matches, saidOf } from '../../../../agent/discovery/engines/adoption.js';
import { type EngineName, MOST_ADOPTED } from '../../../../agent/model/adopted.js';

const RULE = { tenantLabel: '', tenantNames: [], tenant: 'others' };
const ROOT = 'berth.slice/berth-workloads.service';

function at(cgroup: string | null, name = 'x', engine: EngineName = 'docker'): Located {
  const said = saidOf({ id: `${name}-id`, name }, RULE, () => true);
  return { ...said, engine, cgroup, limits: { cpu: null, memory: null, pids: null } };
}

const within = async (...located: Located[]): Promise<(string | null)[]> =>
  (await adopt(located, ROOT)).map((one) => one.within);

test('what the ledger counts already is not counted again', async (t) => {
  t.deepEqual(
    await within(
      at('system.slice/docker-a.scope', 'outer'),
      at('system.slice/docker-a.scope/docker/b', 'inner'),
      at('system.slice/docker-aa.scope', 'beside'),
      at('berth.slice/berth-workloads.service/acme/web/docker/c', 'prepared'),
      at('berth.slice', 'above'),
      at(null, 'unknown'),
    ),
    [null, 'docker outer', null, 'workload web', 'berth itself', null],
  );
});

test('of two engines that claim one cgroup the first has it', async (t) => {
  const both = await adopt([at('a.slice/x', 'first'), at('a.slice/x', 'second', 'containerd')], ROOT);
  t.deepEqual(
    both.map(({ name }) => name),
    ['first'],
  );
});

test('names are alike only in different engines', async (t) => {
  const all = await adopt([at('a', 'n'), at('b', 'n'), at('c', 'n'), at('d', 'n', 'lxc')], ROOT);
  const names = all.map(({ name }) => name);
  t.deepEqual(names, ['n', 'n~n-id', 'n~n-id~1', 'n']);
});

test('the table is bounded', async (t) => {
  const many = Array.from({ length: MOST_ADOPTED + 5 }, (_, index) => at(`a/${index}`, `n${index}`));
  t.is((await adopt(many, ROOT)).length, MOST_ADOPTED);
});

test('the loop has its turn between thousands of workloads', async (t) => {
  const many = Array.from({ length: 1000 }, (_, index) => at(`a/${index}`, `n${index}`));
  let turns = 0;
  let going = true;
  const turn = (): void => {
    turns++;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  await adopt(many, ROOT);
  going = false;
  t.true(turns >= 10);
});

test('a label of a stranger that is no text is no tenant', (t) => {
  const rule = { ...RULE, tenantLabel: 'tenant' };
  const tenantOf = (labels: object): string =>
    saidOf({ id: 'x', name: 'x', labels: labels as Record<string, string> }, rule, () => true).tenant;
  t.is(tenantOf({ tenant: ['acme'] }), 'others');
  t.is(tenantOf(Object.create({ tenant: 'acme' })), 'others');
  t.is(tenantOf({ tenant: 'acme' }), 'acme');
});

test('a pattern stands for a whole name', (t) => {
  for (const [text, pattern, is] of [
    ['ci-7', 'ci-*', true],
    ['xci-7', 'ci-*', false],
    ['ci', 'ci', true],
    ['cix', 'ci', false],
    ['a-b-c', 'a*b*c', true],
    ['a-c', 'a*b*c', false],
    ['ab', 'ab*b', false],
    ['abb', 'ab*b', true],
    ['', '*', true],
  ] as const)
    t.is(matches(text, pattern), is, `${text} ${pattern}`);
});
