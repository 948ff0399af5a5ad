// The daemon and the command are two programs of one name: each is started without the code of the other.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { bundle } from '../../systemd/deb/bundle.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What a file of the package must not contain, as paths of the checkout. */
const APART: Readonly<Record<string, RegExp>> = {
  berth: /^(?!agent\/main\.ts$)/,
  'main-agent':
    /^agent\/(cli\/(run\/(?!agent)|top|pages|man|completion|reference|spec-help|table\/(?!agent|options))|main-command)/,
  'main-command':
    /^agent\/(daemon|workload\/(manager|actor)|metrics\/page|main-agent)|node_modules\/(pino|prom-client)\//,
  worker: /^agent\/|node_modules\//,
  'epoll-thread': /^agent\/|node_modules\//,
  supervisor: /^agent\/|node_modules\//,
};

test('no program of the package has the code of another', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-programs-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const parts = await bundle(root, directory, '0.0.0');
  for (const [name, forbidden] of Object.entries(APART)) {
    const inputs = Object.keys(parts[name]?.inputs ?? {});
    t.true(inputs.length > 0, name);
    t.deepEqual(
      inputs.filter((path) => forbidden.test(path)),
      [],
      name,
    );
  }
});
