import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { berth } from './fake.js';

test('config: default, check, dump, schema', async (t) => {
  t.true((await berth('config default')).out.includes('\n#max_workloads = 1000\n'));
  const env = { BERTH_LOG_LEVEL: 'warn' };
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'x.toml');
  writeFileSync(file, '');
  t.is((await berth(['config', 'check', '--config', file], { env })).out, `the configuration is valid (${file})\n`);
  t.true(
    (await berth(['config', 'dump', '--config', file], { env })).out.includes('level = "warn"  # BERTH_LOG_LEVEL'),
  );
  const dump = JSON.parse((await berth(['config', 'dump', '--config', file, '--json'], { env })).out);
  t.is(dump.config.log.level, 'warn');
  t.deepEqual(dump.origins, { 'log.level': 'BERTH_LOG_LEVEL' });
  writeFileSync(file, 'x = 1\n[log]\nlevel = 1\n');
  const bad = await berth(['config', 'check', '--config', file, '--json']);
  t.is(bad.exit, 2);
  t.is(JSON.parse(bad.out).error.data.problems.length, 2);
  t.is(JSON.parse((await berth('config schema')).out).title, 'berth.toml');
});
