import test from 'ava';
import {
  adopt,
  type Located,
  matches,
  type Own,
  type TenantRule,
} from '../../../../agent/discovery/engines/adoption.js';
import { ENGINE_NAMES, type EngineName, MOST_ADOPTED } from '../../../../agent/model/adopted.js';

const RULE: TenantRule = { tenantLabel: '', tenantNames: [], tenant: 'others' };
const OWN: Own = {
  root: 'berth.slice/berth-workloads.service',
  rules: Object.fromEntries(ENGINE_NAMES.map((name) => [name, RULE])) as Own['rules'],
  isTenant: () => true,
};

function at(cgroup: string | null, name = 'x', engine: EngineName = 'docker'): Located {
  return { engine, cgroup, found: { id: `${name}-id`, name }, limits: { cpu: null, memory: null, pids: null } };
}

const within = (...located: Located[]): (string | null)[] => adopt(located, OWN).map((one) => one.within);

test('what the ledger counts already is not counted again', (t) => {
  t.deepEqual(
    within(
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

test('of two engines that claim one cgroup the first has it', (t) => {
  const both = adopt([at('a.slice/x', 'first'), at('a.slice/x', 'second', 'containerd')], OWN);
  t.deepEqual(
    both.map(({ name }) => name),
    ['first'],
  );
});

test('names are alike only in different engines', (t) => {
  const names = adopt([at('a', 'n'), at('b', 'n'), at('c', 'n'), at('d', 'n', 'lxc')], OWN).map(({ name }) => name);
  t.deepEqual(names, ['n', 'n~n-id', 'n~n-id~1', 'n']);
});

test('the table is bounded', (t) => {
  const many = Array.from({ length: MOST_ADOPTED + 5 }, (_, index) => at(`a/${index}`, `n${index}`));
  t.is(adopt(many, OWN).length, MOST_ADOPTED);
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
