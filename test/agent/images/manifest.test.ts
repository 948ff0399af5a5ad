import test from 'ava';
import { readConfig } from '../../../agent/images/manifest.js';

const layers = [{ digest: `sha256:${'a'.repeat(64)}`, size: 1 }];
const manifest = { config: { digest: `sha256:${'b'.repeat(64)}`, size: 1 }, layers };
const platform = { os: 'linux', architecture: 'amd64' } as const;

const documentOf = (config: object): string =>
  JSON.stringify({ ...platform, rootfs: { diff_ids: [`sha256:${'c'.repeat(64)}`] }, config });

test('what is kept of a configuration is bounded, whichever part of it is large', (t) => {
  const fine = readConfig(documentOf({ Env: ['A=1'], Cmd: ['x'] }), 'n', manifest, platform);
  t.deepEqual([fine.image.env, fine.image.command], [['A=1'], ['x']]);
  const large = Array.from({ length: 200 }, (_, at) => `V${at}=${'x'.repeat(1000)}`);
  for (const config of [
    { Env: large },
    { Cmd: large },
    { Entrypoint: large },
    { ExposedPorts: Object.fromEntries(large.map((name) => [name, {}])) },
  ])
    t.throws(() => readConfig(documentOf(config), 'n', manifest, platform), {
      code: 'image_invalid',
      message: /131072 are taken/,
    } as object);
});
