import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { findBinaries, parseVersion } from '../../../agent/host/binaries.js';
import { countCpus, parseOpenFiles, probeHost } from '../../../agent/host/facts.js';
import { readInventory } from '../../../agent/host/inventory.js';

const PROC = fileURLToPath(new URL('../../../../test/agent/host/fixtures/proc', import.meta.url));

test('reads a host from its proc', async (t) => {
  const facts = await probeHost({ proc: PROC, path: '/nowhere' });
  t.like(facts, {
    bootId: '5d3c1f0e-7a40-4d0c-9d0a-0c2f3a1b9e55',
    capabilities: { netAdmin: true, sysAdmin: false, kill: true },
    psi: true,
    memoryBytes: 4028212 * 1024,
    swapBytes: 999420 * 1024,
    limits: { ipForward: 1, neighThresh: 1024, pidMax: 4194304, inotifyWatches: 8192, openFiles: 1024 },
    binaries: {},
  });
  t.false('cgroup' in facts);
  t.false('keysMax' in facts.limits);
});

test('reads this host', async (t) => {
  const facts = await probeHost();
  t.true(facts.cpusOnline >= 1);
  t.true(facts.memoryBytes > 0);
  t.regex(facts.glibc ?? '2.0', /^\d+\.\d+/);
});

test('programs are found in the order of the path, with their version', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-host-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'crun'), '#!/bin/sh\necho "crun version 1.21"\n');
  writeFileSync(join(dir, 'runc'), '#!/bin/sh\nexit 3\n');
  writeFileSync(join(dir, 'nft'), 'not executable');
  for (const name of ['crun', 'runc']) chmodSync(join(dir, name), 0o755);
  const found = await findBinaries(`/nowhere:${dir}`);
  t.deepEqual(
    Object.entries(found).map(([name, { path, version }]) => [name, path, version]),
    [
      ['crun', join(dir, 'crun'), '1.21'],
      ['runc', join(dir, 'runc'), undefined],
    ],
  );
});

test('a program that was asked for its version is not run again until it changes', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-host-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const program = join(dir, 'crun');
  writeFileSync(program, `#!/bin/sh\necho run >> ${dir}/runs\necho "crun version 1.21"\n`, { mode: 0o755 });
  const first = await findBinaries(dir);
  t.deepEqual(await findBinaries(dir, first), first);
  t.is(readFileSync(join(dir, 'runs'), 'utf8'), 'run\n');
  writeFileSync(program, '#!/bin/sh\necho "crun version 1.22.1"\n');
  t.is((await findBinaries(dir, first)).crun?.version, '1.22.1');
});

test('versions as programs print them', (t) => {
  t.is(parseVersion('QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright'), '10.0.2');
  t.is(parseVersion('nftables v1.1.3 (Commodore Bullmoose #4)'), '1.1.3');
  t.is(parseVersion('Firecracker v1.12.0\n'), '1.12.0');
  t.is(parseVersion('runc version 1.3.0-rc1+ds1'), '1.3.0-rc1+ds1');
  t.is(parseVersion('no idea'), undefined);
});

test('cpu lists and file limits', (t) => {
  t.is(countCpus('0'), 1);
  t.is(countCpus('0-3,8,10-11'), 7);
  t.is(
    parseOpenFiles('Max open files            unlimited            unlimited            files\n'),
    Number.POSITIVE_INFINITY,
  );
  t.is(parseOpenFiles(''), undefined);
});

test('the inventory describes this machine', async (t) => {
  const inventory = await readInventory();
  t.true((inventory?.threads ?? 0) >= 1);
  t.true((inventory?.memoryBytes ?? 0) > 0);
  await t.throwsAsync(readInventory({ signal: AbortSignal.abort(new Error('stop')) }));
});
