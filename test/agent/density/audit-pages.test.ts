// Pages of the licence audit while it grows, waits for the disk, is turned over and is opened anew.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { Audit, type AuditEntry } from '../../../agent/density/audit.js';
import { fc } from '../../runner/property.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const parent = temporaryDirectory('audit-pages');

const entry = (at: number): AuditEntry => ({ at, type: 'grant', licence: 'db', count: 1, workload: `w${at}` });

/** About `maxBytes / 70` entries are in a file; a refused write leaves half of its bytes. */
function open(directory: string, maxBytes: number) {
  const state = { full: false };
  const write = async (file: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
    await file.write(bytes, 0, state.full ? bytes.length >> 1 : bytes.length, position);
    if (state.full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  };
  return Object.assign(state, {
    audit: new Audit(directory, { onError: () => undefined, retryMs: 1, write, maxBytes }),
  });
}

async function written(audit: Audit): Promise<void> {
  const alive = setInterval(() => undefined, 1000);
  await audit.written();
  clearInterval(alive);
}

test('an entry that is kept all the while is on one page, whatever is appended, refused or turned over between pages', (t) =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ full: fc.boolean(), count: fc.nat(4), anew: fc.boolean() }), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 250, max: 1200 }),
      async (turns, most, maxBytes) => {
        const directory = mkdtempSync(join(parent, 'audit-'));
        let host = open(directory, maxBytes);
        let at = 0;
        let after: number | undefined;
        const told: number[] = [];
        const page = async (): Promise<number> => {
          const found = await host.audit.find({ ...(after === undefined ? {} : { after }), most });
          t.true(found.length <= most);
          told.push(...found.map((one) => one.entry.at));
          after = found.at(-1)?.end ?? after;
          return found.length;
        };
        for (const { full, count, anew } of turns) {
          host.full = full;
          for (let n = 0; n < count; n++) host.audit.append(entry(at++));
          await host.audit.settled();
          await page();
          if (anew) {
            host.full = false;
            await written(host.audit);
            host = open(directory, maxBytes);
          }
        }
        while ((await page()) > 0);
        const kept = (await host.audit.read()).map((one) => one.at);
        t.deepEqual(
          [...told].sort((a, b) => a - b),
          told,
          'in order',
        );
        t.is(new Set(told).size, told.length, 'each once');
        for (const one of kept) t.true(told.includes(one), `${one} of ${kept} in ${told}`);
        t.deepEqual(
          kept,
          [...kept.keys()].map((n) => n + at - kept.length),
          'what a refused write has left is no entry',
        );
      },
    ),
    { numRuns: 30 },
  ));

test('files of a version that wrote no head are read in pages, and a page goes on when they are turned over', async (t) => {
  const directory = mkdtempSync(join(parent, 'audit-'));
  const path = join(directory, 'licences.audit.jsonl');
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => `${JSON.stringify(entry(from + at))}\n`).join('');
  writeFileSync(`${path}.1`, lines(0, 5));
  writeFileSync(path, lines(5, 8));
  const { audit } = open(directory, readFileSync(path).length + 10);
  const first = await audit.find({ most: 6 });
  t.deepEqual(
    first.map((one) => one.entry.at),
    [0, 1, 2, 3, 4, 5],
  );
  audit.append(entry(8));
  await written(audit);
  t.regex(readFileSync(path, 'utf8'), /^\{"position":\d+\}\n\{"at":8/);
  const second = await audit.find({ after: first.at(-1)?.end ?? 0 });
  t.deepEqual(
    second.map((one) => one.entry.at),
    [6, 7, 8],
  );
});

test('by time and by who may see it, counted after both', async (t) => {
  const { audit } = open(mkdtempSync(join(parent, 'audit-')), 1 << 20);
  for (let at = 0; at < 10; at++) audit.append(entry(at));
  const found = await audit.find({ since: 3, sees: ({ at }) => at % 2 === 0, most: 2 });
  t.deepEqual(
    found.map((one) => one.entry.at),
    [4, 6],
  );
});
