// The daemon and the command are two programs of one name: each is started without the code of the other.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

/** Of the checkout only; the package has supervisor.js (systemd/supervisor/launch.ts). */
const UNBUNDLED = './main.js';

test('what a program of the package loads or starts as a file is in the package', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-programs-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const parts = await bundle(root, directory, '0.0.0');
  const named = new Set<string>();
  for (const name of Object.keys(parts)) {
    const path = [`code/${name}.js`, `${name}.js`].find((each) => existsSync(join(directory, each))) ?? '';
    // A string that is longer than its line goes on in the next.
    const text = readFileSync(join(directory, path), 'utf8').replaceAll('\\\n', '');
    const found = text.matchAll(/new URL\("([^"]+)",\s*berthUrl\)|require\("(\.[^"]*)"\)/g);
    for (const [, url, required] of found) named.add(url ?? required ?? '');
  }
  named.delete(UNBUNDLED);
  t.true(named.has('./worker.js') && named.has('./main-agent.js'), 'the search finds both ways');
  t.deepEqual(
    [...named].filter((path) => !existsSync(join(directory, path))),
    [],
  );
});

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
