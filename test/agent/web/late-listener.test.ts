// A listener that cannot start: one condition whatever the cause, and it listens as soon as the cause is gone.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { LateListener } from '../../../agent/web/late-listener.js';
import type { BerthError } from '../../../protocol/errors.js';
import { temporaryDirectory } from '../control/harness.js';
import { certificate } from './certificate.js';
import { openFor } from './open.js';

const TLS = 'tls_server_config:\n  cert_file: node.crt\n  key_file: node.key\n';

interface Cause {
  readonly says: RegExp;
  make(directory: string): void;
  mend(directory: string): void;
}

const over = (name: string, text: string) => (directory: string) => writeFileSync(join(directory, name), text);
const without = (name: string) => (directory: string) => rmSync(join(directory, name), { recursive: true });
const renewed = (directory: string): void => certificate(directory, 'node');

const CAUSES: Readonly<Record<string, Cause>> = {
  'no file': { says: /web\.yml: web\.config_file .*ENOENT/, make: without('web.yml'), mend: over('web.yml', TLS) },
  'a directory in its place': {
    says: /not a regular file/,
    make: (directory) => {
      rmSync(join(directory, 'web.yml'));
      mkdirSync(join(directory, 'web.yml'));
    },
    mend: (directory) => {
      without('web.yml')(directory);
      over('web.yml', TLS)(directory);
    },
  },
  'not YAML': { says: /web\.yml:4: /, make: over('web.yml', `${TLS}a: [`), mend: over('web.yml', TLS) },
  'a wrong key': {
    says: /web\.yml:4: .*colour/,
    make: over('web.yml', `${TLS}colour: red\n`),
    mend: over('web.yml', ''),
  },
  'no certificate': { says: /web\.yml:2: .*node\.crt cannot be read/, make: without('node.crt'), mend: renewed },
  'no key': { says: /web\.yml:3: .*node\.key cannot be read/, make: without('node.key'), mend: renewed },
  'a wrong certificate': {
    says: /web\.yml:2: .*node\.crt holds no certificate/,
    make: over('node.crt', 'x'),
    mend: renewed,
  },
  'a wrong key of it': {
    says: /web\.yml:3: .*node\.key holds no private key/,
    make: over('node.key', ''),
    mend: renewed,
  },
};

function lateAt(directory: string, port: number): LateListener {
  const web = { listen: `127.0.0.1:${port}`, config_file: join(directory, 'web.yml') };
  return new LateListener(() => openFor(web));
}

for (const [what, { says, make, mend }] of Object.entries(CAUSES))
  test(`${what}: told with file and line, and the listener comes when it is mended`, async (t) => {
    const directory = temporaryDirectory(t);
    renewed(directory);
    over('web.yml', TLS)(directory);
    make(directory);
    const web = lateAt(directory, 0);
    t.teardown(() => web.close());
    const error = await t.throwsAsync<BerthError>(web.open(), { message: says });
    t.is(error?.code, 'config_invalid');
    await web.retry();
    const [condition, ...more] = web.conditions();
    t.deepEqual(more, []);
    t.is(condition?.code, 'web_unavailable');
    t.is(condition?.why, error?.message);
    await t.throwsAsync(web.reload(), { message: says });
    mend(directory);
    await web.retry();
    t.deepEqual(web.conditions(), []);
    await t.notThrowsAsync(web.reload());
  });

test('an address that is free again is taken', async (t) => {
  const directory = temporaryDirectory(t);
  over('web.yml', '')(directory);
  const other = await new Promise<Server>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
  });
  const address = other.address();
  const web = lateAt(directory, typeof address === 'object' && address !== null ? address.port : 0);
  t.teardown(() => web.close());
  await t.throwsAsync(web.open(), { code: 'socket_in_use' });
  t.is(web.conditions()[0]?.code, 'web_unavailable');
  await new Promise((resolve) => other.close(resolve));
  await web.retry();
  t.deepEqual(web.conditions(), []);
});
