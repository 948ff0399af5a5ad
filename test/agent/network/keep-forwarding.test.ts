import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { RepairBudget } from '../../../agent/base/repair-budget.js';
import { keepForwarding } from '../../../agent/network/keep-forwarding.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function host(mode: 'enable' | 'leave') {
  const root = temporaryDirectory('forwarding');
  mkdirSync(join(root, 'ipv4'), { recursive: true });
  mkdirSync(join(root, 'ipv6/conf/all'), { recursive: true });
  const set = (four: string, six: string): void => {
    writeFileSync(join(root, 'ipv4/ip_forward'), four);
    writeFileSync(join(root, 'ipv6/conf/all/forwarding'), six);
  };
  const get = (): string[] =>
    ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'].map((name) => readFileSync(join(root, name), 'utf8'));
  const told: unknown[] = [];
  const events = { append: (event: unknown) => void told.push(event) } as never;
  const budget = new RepairBudget({ repairs: 2, windowMs: 1000, now: () => 0 });
  return { set, get, told, look: keepForwarding({ mode, ipv6: true, events, log: quiet, budget, root }) };
}

test('what network.forwarding promises is kept, told, and given up after so many times', (t) => {
  const { set, get, told, look } = host('enable');
  set('1', '1');
  look();
  t.deepEqual(told, []);
  set('0', '1');
  look();
  t.deepEqual(get(), ['1', '1']);
  t.like(told[0], { type: 'network.repaired' });
  set('1', '0');
  look();
  t.deepEqual(get(), ['1', '1']);
  set('0', '0');
  look();
  t.deepEqual(get(), ['0', '0'], 'somebody means it');
  t.is(told.length, 2);
});

test('with "leave" nothing is set', (t) => {
  const { set, get, told, look } = host('leave');
  set('0', '0');
  look();
  t.deepEqual(get(), ['0', '0']);
  t.deepEqual(told, []);
});
