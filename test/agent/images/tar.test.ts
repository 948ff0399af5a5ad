// What a tar archive says, also one that came in pieces of any size.
import test from 'ava';
import { ByteSource } from '../../../agent/images/byte-source.js';
import { readTar, TarError } from '../../../agent/images/tar.js';
import { fc, holdsAsync } from '../../runner/property.js';
import { type Entry, file, tarOf } from './tar-writer.js';

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(bytes: Buffer, sizes: readonly number[] = [4096]): Promise<{ path: string; content: string }[]> {
  const found: { path: string; content: string }[] = [];
  for await (const [{ path }, content] of readTar(new ByteSource(inPieces(bytes, sizes)))) {
    const parts: Buffer[] = [];
    for await (const piece of content) parts.push(piece);
    found.push({ path: Buffer.from(path, 'latin1').toString(), content: Buffer.concat(parts).toString('latin1') });
  }
  return found;
}

const name = fc.stringMatching(/^[a-z]{1,40}$/);
const path = fc.array(name, { minLength: 1, maxLength: 8 }).map((names) => names.join('/'));
const entry = fc.record({ path, content: fc.string({ unit: 'binary-ascii', maxLength: 2000 }) });

test('every archive is read as it was written, however its bytes arrive', async (t) => {
  const entries = fc.array(entry, { maxLength: 8 });
  const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 });
  await holdsAsync(
    t,
    fc.asyncProperty(entries, sizes, fc.boolean(), async (written, pieces, end) => {
      const bytes = tarOf(
        written.map((one) => file(one.path, one.content)),
        end,
      );
      t.deepEqual(await read(bytes, pieces), written);
    }),
  );
});

test('an archive with any byte changed, or cut anywhere, is read or refused, and nothing else', async (t) => {
  const base: Entry[] = [file('first', 'x'.repeat(600)), file('long'.repeat(40), 'y', { pax: { mtime: '1.5' } })];
  const bytes = tarOf(base);
  const position = fc.integer({ min: 0, max: bytes.length - 1 });
  await holdsAsync(
    t,
    fc.asyncProperty(position, fc.integer({ min: 0, max: 255 }), fc.boolean(), async (at, value, cut) => {
      const changed = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
      if (!cut) changed[at] = value;
      await read(changed).catch((error: unknown) => {
        if (!(error instanceof TarError)) throw error;
      });
    }),
    { numRuns: 500 },
  );
});

test('extensions that follow each other are bounded together, also those that count for all entries', async (t) => {
  const half = 'x'.repeat(600 << 10);
  const record = (type: string, key: string): Entry => {
    const rest = ` ${key}=${half}\n`;
    const length = rest.length + String(rest.length + 6).length;
    return { path: 'pax', type, content: `${length}${rest}` };
  };
  await t.notThrowsAsync(read(tarOf([record('x', 'comment'), file('a', '1'), record('x', 'comment'), file('b', '2')])));
  await t.notThrowsAsync(read(tarOf([record('g', 'comment'), file('a', '1'), file('b', '2')])));
  for (const types of ['xx', 'gg', 'xg', 'LL', 'KL'])
    await t.throwsAsync(
      read(tarOf([...[...types].map((type, at) => record(type, `comment${at}`)), file('a', '1')])),
      { instanceOf: TarError, message: /extensions of \d+ bytes for one entry/ },
      types,
    );
  // What counts everywhere counts at the next entry, too.
  await t.throwsAsync(read(tarOf([record('g', 'a'), file('a', '1'), record('g', 'b'), file('b', '2')])), {
    instanceOf: TarError,
  });
});
