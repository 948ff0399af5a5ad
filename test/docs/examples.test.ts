import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseYaml } from '../../agent/cli/yaml-specs.js';
import { DRIVER_NAMES, parseSpec } from '../../agent/model/spec.js';

const directory = fileURLToPath(new URL('../../../docs/examples', import.meta.url));
const files = readdirSync(directory);

for (const file of files)
  test(`${file} is accepted, and its first lines say what it is for and how it is used`, (t) => {
    const text = readFileSync(join(directory, file), 'utf8');
    const specs = parseYaml(text).map(parseSpec);
    t.true(specs.length > 0);
    t.true(specs.every(({ driver }) => DRIVER_NAMES.includes(driver)));
    const [what = '', use = ''] = text.split('\n');
    t.regex(what, /^# [A-Z].*\.$/);
    t.is(use, `#   berth workload create -f ${file}`);
  });

test('no two examples make a workload of the same id', (t) => {
  const ids = files.flatMap((file) =>
    parseYaml(readFileSync(join(directory, file), 'utf8')).map((spec) => parseSpec(spec).id),
  );
  t.is(new Set(ids).size, ids.length);
});
