import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { startTar } from '../../../agent/cli/tar.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const directory = temporaryDirectory('tar');

test('tar is written to for as long as it likes, and nothing of a wait stays behind', async (t) => {
  const content = Buffer.alloc(8 * 1024 * 1024, 'berth');
  writeFileSync(join(directory, 'big'), content);
  const packer = startTar(['-C', directory, '-cf', '-', 'big']);
  packer.end();
  const archive = Buffer.concat(
    await (packer.output as AsyncIterable<Buffer> & { toArray(): Promise<Buffer[]> }).toArray(),
  );
  t.is(await packer.ended, 0);

  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  mkdirSync(join(directory, 'out'));
  const tar = startTar(['-C', join(directory, 'out'), '-xf', '-']);
  // Each is more than a pipe holds.
  for (let at = 0; at < archive.length; at += 256 * 1024) await tar.write(archive.subarray(at, at + 256 * 1024));
  tar.end();
  t.is(await tar.ended, 0);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  t.true(readFileSync(join(directory, 'out/big')).equals(content));
  // Tests of other files share the process.
  t.deepEqual(
    warnings.map(String).filter((text) => text.includes('[Socket]')),
    [],
  );
});
