import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseKsmStat, readGeneralProfit, sumKsm } from '../../linux/ksm.js';
import { temporaryDirectory } from '../runner/temporary.js';

const text = (pages: number, profit: number) =>
  `ksm_rmap_items 12\nksm_zero_pages 0\nksm_merging_pages ${pages}\nksm_process_profit ${profit}\nksm_merge_any: yes\nksm_mergeable: yes\n`;

function proc(files: Readonly<Record<number, string>>): string {
  const root = temporaryDirectory('ksm');
  for (const [pid, content] of Object.entries(files)) {
    mkdirSync(join(root, pid));
    writeFileSync(join(root, pid, 'ksm_stat'), content);
  }
  return root;
}

test('pages and profit are read; a profit may be negative, and a kernel that has none says nothing', (t) => {
  t.deepEqual(parseKsmStat(text(3, 12_000)), { mergingPages: 3, profit: 12_000 });
  t.deepEqual(parseKsmStat(text(0, -768)), { mergingPages: 0, profit: -768 });
  t.is(parseKsmStat('ksm_rmap_items 0\n'), undefined, 'Linux 6.1');
});

test('processes are summed up; those that are gone count nothing', async (t) => {
  const root = proc({ 7: text(3, 12_000), 9: text(0, -768), 11: 'ksm_rmap_items 0\n' });
  t.deepEqual(await sumKsm([7, 8, 9], root), { mergingPages: 3, profit: 11_232 });
  t.is(await sumKsm([8], root), undefined);
  t.is(await sumKsm([], root), undefined);
  t.is(await sumKsm([11], root), undefined, 'a kernel that does not tell saves not zero');
});

test('what cannot be read is an error with its path', async (t) => {
  const root = proc({});
  mkdirSync(join(root, '7', 'ksm_stat'), { recursive: true });
  await t.throwsAsync(sumKsm([7], root), { message: /7\/ksm_stat: EISDIR$/ });
});

test('the saving of the host; without KSM in the kernel nothing', async (t) => {
  const sys = temporaryDirectory('ksm');
  t.is(await readGeneralProfit(sys), undefined);
  mkdirSync(join(sys, 'kernel/mm/ksm'), { recursive: true });
  writeFileSync(join(sys, 'kernel/mm/ksm/general_profit'), '-4160\n');
  t.is(await readGeneralProfit(sys), -4160);
});
