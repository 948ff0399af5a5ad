import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Binaries } from '../../../agent/host/binaries.js';
import { type Findings, findings, type Probes } from '../../../agent/host/findings.js';
import type { KvmFacts } from '../../../agent/host/kvm.js';
import { scratch } from '../../cgroups/fixture.js';

const FOUND: Findings = {
  binaries: { crun: { path: '/usr/bin/crun', file: '1,2,3', version: '1.21' }, nft: { path: '/usr/sbin/nft' } },
  kvm: { usable: true, reason: 'a 64-bit test guest ran', device: '5,6,7' },
};

interface Asked {
  readonly probes: Probes;
  readonly known: (Partial<Findings> | undefined)[];
}

function asked(found: Findings): Asked {
  const known: Partial<Findings>[] = [];
  const probes = {
    binaries: async (binaries: Binaries) => {
      known.push({ binaries });
      return found.binaries;
    },
    kvm: async (kvm: KvmFacts | undefined) => {
      known.push(kvm === undefined ? {} : { kvm });
      return found.kvm;
    },
  };
  return { probes, known };
}

const NOTHING = [{ binaries: {} }, {}];
const ALL = [{ binaries: FOUND.binaries }, { kvm: FOUND.kvm }];

async function second(t: ExecutionContext, path: string, expected: unknown): Promise<void> {
  const { probes, known } = asked(FOUND);
  t.deepEqual(await findings(path, probes), FOUND);
  t.deepEqual(known, expected);
}

test('what was found is known to the next start, and written once', async (t) => {
  const path = join(scratch(t), 'findings.json');
  await second(t, path, NOTHING);
  const { ino } = statSync(path);
  await second(t, path, ALL);
  t.is(statSync(path).ino, ino);
});

test('what has changed is written', async (t) => {
  const path = join(scratch(t), 'findings.json');
  const unusable = { ...FOUND, kvm: { usable: false, reason: '/dev/kvm does not exist' } };
  await findings(path, asked(unusable).probes);
  await findings(path, asked(FOUND).probes);
  await second(t, path, ALL);
});

test('a file that cannot be used is as none', async (t) => {
  const path = join(scratch(t), 'findings.json');
  await findings(path, asked(FOUND).probes);
  const good = readFileSync(path, 'utf8');
  for (const bad of ['', '{', good.slice(0, 20), good.replace('"version":1', '"version":2'), '{"version":1}', 'null']) {
    writeFileSync(path, bad);
    await second(t, path, NOTHING);
    t.is(readFileSync(path, 'utf8'), good);
  }
});

test('without a place for it everything is asked each time', async (t) => {
  const path = join(scratch(t), 'not-there', 'findings.json');
  await second(t, path, NOTHING);
  await second(t, path, NOTHING);
});
