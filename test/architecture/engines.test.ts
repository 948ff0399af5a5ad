// What only one engine knows stands in its file. A file elsewhere that names an engine has to change with it, so there are few.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { ENGINE_NAMES } from '../../agent/model/adopted.js';

const root = fileURLToPath(new URL('../../../agent', import.meta.url));

const TRANSPORT = 'images: a transport has the name of an engine';

const KNOWN: Readonly<Record<string, string>> = {
  'cli/run-spec.ts': TRANSPORT,
  'drivers/oci/index.ts': TRANSPORT,
  'images/pull.ts': TRANSPORT,
  'images/skopeo.ts': TRANSPORT,
  'model/image-reference.ts': TRANSPORT,
  'model/adopted.ts': 'the table of their names',
  'discovery/engines/index.ts': 'the table of their files',
};

const NAMES = new RegExp(`'(?:${ENGINE_NAMES.join('|')})'|/(?:${ENGINE_NAMES.join('|')})\\.js'`);

test('files that know an engine by name are known, each with its reason', (t) => {
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => !ENGINE_NAMES.some((engine) => name === `discovery/engines/${engine}.ts`))
    .filter((name) => NAMES.test(readFileSync(join(root, name), 'utf8')));
  t.deepEqual(found.sort(), Object.keys(KNOWN).sort());
});
