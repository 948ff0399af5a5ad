import test from 'ava';
import type { Group, Part } from './group.js';
import { GROUPS, select } from './groups.js';
import { order } from './interleave.js';

function group(name: string, parts: readonly string[]): Group {
  const part = (partName: string): Part => ({ name: partName, what: partName, run: async () => [] });
  return { name, what: name, wrapper: [], parts: parts.map(part), missing: () => undefined, leftovers: () => [] };
}

const TWO = [group('network', ['create', 'remove', 'tap']), group('cgroups', ['sweep'])];

function chosen(names: readonly string[]): string[] {
  return select(TWO, names).flatMap(({ group: { name }, parts }) => parts.map((part) => `${name}/${part.name}`));
}

test('groups and parts are chosen by name, in the order of the table', (t) => {
  t.deepEqual(chosen([]), ['network/create', 'network/remove', 'network/tap', 'cgroups/sweep']);
  t.deepEqual(chosen(['cgroups']), ['cgroups/sweep']);
  t.deepEqual(chosen(['network/tap', 'network/create']), ['network/create', 'network/tap']);
  t.deepEqual(chosen(['network/tap', 'network']), ['network/create', 'network/remove', 'network/tap']);
});

test('an unknown name is refused with those that there are', (t) => {
  t.throws(() => select(TWO, ['disks']), { instanceOf: RangeError, message: /"disks".*network, cgroups/ });
  t.throws(() => select(TWO, ['network/x']), { instanceOf: RangeError, message: /"network\/x".*create, remove, tap/ });
});

test('no two groups, and no two parts of one, have the same name', (t) => {
  for (const names of [GROUPS, ...GROUPS.map(({ parts }) => parts)].map((all) => all.map(({ name }) => name)))
    t.is(new Set(names).size, names.length);
});

for (const count of [2, 4, 6]) {
  test(`${count} ways in ${count} rounds: each comes once at each place and once behind each other`, (t) => {
    const ways = Array.from({ length: count }, (_, at) => at);
    const rounds = ways.map((round) => order(ways, round));
    for (const place of ways) t.is(new Set(rounds.map((round) => round[place])).size, count);
    const neighbours = rounds.flatMap((round) => round.slice(1).map((way, at) => `${round[at]} ${way}`));
    t.is(new Set(neighbours).size, count * (count - 1));
  });
}

test('an odd number of ways: each comes once at each place', (t) => {
  for (const place of [0, 1, 2]) t.is(new Set([0, 1, 2].map((round) => order(['a', 'b', 'c'], round)[place])).size, 3);
  t.deepEqual(order([], 3), []);
});
