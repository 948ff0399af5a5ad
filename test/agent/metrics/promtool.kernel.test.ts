import { spawnSync } from 'node:child_process';
import test from 'ava';
import { fullPage } from './full-page.js';

test('promtool finds nothing wrong with the page', async (t) => {
  const input = await fullPage({ process: true });
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  t.is(`${stdout}${stderr}`, '');
  t.is(status, 0);
});

test('promtool takes blanks and zeros before a value and none after it', (t) => {
  const check = (value: string): number | null =>
    spawnSync('promtool', ['check', 'metrics'], {
      input: `# HELP berth_x_total X.\n# TYPE berth_x_total counter\n#   \nberth_x_total{a="b"} ${value}\n`,
    }).status;
  t.is(check('        12'), 0);
  t.is(check('0000000012'), 0);
  t.is(check('12        '), 1);
});
