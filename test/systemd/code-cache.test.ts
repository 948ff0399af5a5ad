import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { bundle } from '../../systemd/deb/bundle.js';
import { cacheName, readCache, writeCache } from '../../systemd/deb/code-cache.js';
import { scratch } from '../cgroups/fixture.js';
import { fc } from '../runner/property.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const PROGRAM = `import { fileURLToPath } from 'node:url';
const greet = (name: string): string => 'hello ' + name;
console.log(greet(process.argv[2] ?? ''), fileURLToPath(new URL('./beside', import.meta.url)));
`;

interface Installed {
  readonly program: string;
  /** As in the package: /var/cache/berth. */
  readonly cache: string;
  readonly run: () => string;
  readonly kept: () => readonly string[];
}

async function installed(t: ExecutionContext, source = PROGRAM, { withCache = true } = {}): Promise<Installed> {
  const sources = scratch(t);
  const file = join(sources, 'program.ts');
  writeFileSync(file, source);
  const top = scratch(t);
  const library = join(top, 'usr/lib/berth');
  const cache = join(top, 'var/cache/berth');
  mkdirSync(library, { recursive: true });
  if (withCache) mkdirSync(cache, { recursive: true });
  await bundle(root, library, '0.0.0', { program: { source: relative(root, file), cached: true } });
  const program = join(library, 'program.js');
  return {
    ...{ program, cache },
    run: () => execFileSync(process.execPath, [program, 'you'], { encoding: 'utf8', stdio: 'pipe' }),
    kept: () => readdirSync(cache).map((name) => join(cache, name)),
  };
}

const said = ({ program }: Installed): string => `hello you ${join(program, '../beside')}\n`;

test('the first run keeps the compiled code, and the second does with it', async (t) => {
  const one = await installed(t);
  t.is(one.run(), said(one));
  const [file = '', ...others] = one.kept();
  t.deepEqual(others, []);
  t.is(statSync(file).mode & 0o777, 0o644);
  const before = statSync(file);
  t.is(one.run(), said(one));
  t.is(statSync(file).ino, before.ino, 'V8 has taken it: it is not written again');
});

test('the code that is kept is the code that runs', async (t) => {
  const [one, other] = [await installed(t), await installed(t, PROGRAM.replace('hello ', 'howdy '))];
  t.is(one.run(), said(one));
  t.is(other.run(), said(other).replace('hello', 'howdy'));
  const [file = '', stranger = ''] = [...one.kept(), ...other.kept()];
  // V8 compares the length of the source only: the name of the file, which has the digest, keeps builds apart.
  t.not(file.split('/').at(-1), stranger.split('/').at(-1));
});

test('a damaged file is not given to V8, wherever the damage is', async (t) => {
  const one = await installed(t);
  one.run();
  const [file = ''] = one.kept();
  const whole = readFileSync(file);
  t.true((readCache(file)?.length ?? 0) > 0);
  const damages = [
    (at: number) => whole.subarray(0, at),
    (at: number) =>
      Buffer.concat([whole.subarray(0, at), Buffer.from([(whole[at] ?? 0) ^ 0x55]), whole.subarray(at + 1)]),
    // Not the whole once more: that is a code twice, of a length that V8 refuses.
    (at: number) => Buffer.concat([whole, whole.subarray(0, Math.max(1, at))]),
  ];
  const at = fc.nat({ max: whole.length - 1 });
  fc.assert(
    fc.property(at, fc.constantFrom(...damages), (place, damage) => {
      writeFileSync(file, damage(place));
      return readCache(file) === undefined;
    }),
  );
  for (const damage of damages) {
    writeFileSync(file, damage(whole.length >> 2));
    t.is(one.run(), said(one));
    t.true(readCache(file) !== undefined, 'a good one in its place');
  }
});

test('code that V8 refuses is replaced', async (t) => {
  const one = await installed(t);
  one.run();
  const [file = ''] = one.kept();
  writeCache(file, Buffer.from('what no V8 has written'));
  t.is(one.run(), said(one));
  t.false(readCache(file)?.includes('no V8') ?? true);
});

test('code that another user can write is not run', async (t) => {
  const one = await installed(t);
  one.run();
  const [file = ''] = one.kept();
  for (const mode of [0o664, 0o646]) {
    chmodSync(file, mode);
    t.is(readCache(file), undefined, mode.toString(8));
  }
  chmodSync(file, 0o644);
  t.not(readCache(file), undefined);
  const link = `${file}.link`;
  symlinkSync(file, link);
  t.is(readCache(link), undefined);
  t.is(readCache(one.cache), undefined, 'a directory');
});

test('without a place to keep it a program runs as well', async (t) => {
  const one = await installed(t, PROGRAM, { withCache: false });
  t.is(one.run(), said(one));
  t.false(existsSync(one.cache));
});

test('what other versions have left goes, and what other bundles have stays', (t) => {
  const directory = scratch(t);
  const file = join(directory, cacheName('main-agent.js', 'new'));
  const other = cacheName('main-agent.js', 'old');
  for (const name of [other, `${other}.123`, cacheName('main-agents.js', 'old')])
    writeFileSync(join(directory, name), '');
  writeCache(file, Buffer.from('code'));
  t.deepEqual(
    readdirSync(directory).sort(),
    [cacheName('main-agent.js', 'new'), cacheName('main-agents.js', 'old')].sort(),
  );
  t.is(readCache(file)?.toString(), 'code');
});
