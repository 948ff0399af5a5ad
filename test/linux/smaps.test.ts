import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { parseSmaps, readSmaps } from '../../linux/smaps.js';
import { fc } from '../runner/property.js';

const mapping = ({ size, pss, swap, mode }: { size: number; pss: number; swap: number; mode: string }, at: number) =>
  `${(0x7f0000000000 + at * 2 ** 32).toString(16)}-7f0fffffffff ${mode} 00000000 00:00 0                  [heap]
Size:           ${String(size).padStart(8)} kB
KernelPageSize:        4 kB
Rss:                9999 kB
Pss:            ${String(pss).padStart(8)} kB
Pss_Dirty:          7777 kB
Swap:               8888 kB
SwapPss:        ${String(swap).padStart(8)} kB
THPeligible:           0
VmFlags: rd wr mr mw me ac
`;

test('each mapping comes back in bytes, whatever else the kernel says of it', (t) => {
  const kib = fc.nat({ max: 2 ** 40 });
  const one = fc.record({ size: kib, pss: kib, swap: kib, mode: fc.constantFrom('rw-p', 'r-xp', '---p', 'rw-s') });
  fc.assert(
    fc.property(fc.array(one), (mappings) => {
      t.deepEqual(
        parseSmaps(mappings.map(mapping).join('')),
        mappings.map(({ size, pss, swap, mode }) => ({
          ...{ size: size * 1024, mode },
          ...{ pss: pss * 1024, swapPss: swap * 1024 },
        })),
      );
    }),
  );
});

test('before Linux 4.3 nothing is known of shares in swap, and no text makes it throw', (t) => {
  t.deepEqual(parseSmaps('00400000-00452000 r-xp 00000000 08:02 173521  /bin/x y\nSize: 328 kB\nPss: 40 kB\n'), [
    { size: 328 * 1024, mode: 'r-xp', pss: 40 * 1024, swapPss: 0 },
  ]);
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseSmaps(text))));
});

test('of this process, and of none', async (t) => {
  const own = (await readSmaps(process.pid)) ?? [];
  t.true(own.reduce((sum, { pss }) => sum + pss, 0) > 2 ** 20);
  t.true(own.every(({ size, pss }) => size > 0 && pss <= size));
  const child = spawn('true');
  await once(child, 'exit');
  t.is(await readSmaps(child.pid ?? 0), undefined);
});
