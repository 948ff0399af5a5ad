import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { Audit, type AuditEntry, type AuditOptions } from '../../../agent/density/audit.js';
import { Licences } from '../../../agent/density/licences.js';
import { fc } from '../../runner/property.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const entry = (at: number): AuditEntry => ({ at, type: 'grant', licence: 'db', count: 1, workload: `w${at}` });
const ats = (entries: readonly AuditEntry[]) => entries.map(({ at }) => at);

const parent = temporaryDirectory('audits');

/** Takes half of what is written, and refuses, as long as `full`. */
function disk(directory: string, options: Partial<AuditOptions> = {}) {
  const state = { full: false, errors: 0 };
  const write = async (file: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
    const half = state.full ? bytes.length >> 1 : bytes.length;
    await file.write(bytes, 0, half, position);
    if (state.full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  };
  const onError = () => void state.errors++;
  return Object.assign(state, { audit: new Audit(directory, { onError, retryMs: 1, write, ...options }) });
}

/** The timer of another try does not keep a process alive. */
async function written(audit: Audit): Promise<void> {
  const alive = setInterval(() => undefined, 1000);
  await audit.written();
  clearInterval(alive);
}

test('whatever the disk refuses and when, each entry stands in the file once, in order', (t) =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ full: fc.boolean(), count: fc.nat(8) }), { maxLength: 10 }),
      async (turns) => {
        const directory = mkdtempSync(join(parent, 'audit-'));
        const host = disk(directory);
        let at = 0;
        for (const { full, count } of turns) {
          host.full = full;
          for (let n = 0; n < count; n++) host.audit.append(entry(at++));
          await host.audit.settled();
          t.deepEqual(ats(await host.audit.read()), [...Array(at).keys()], 'what waits is read as well');
        }
        host.full = false;
        await written(host.audit);
        t.deepEqual(host.audit.conditions(), []);
        t.deepEqual(ats(await disk(directory).audit.read()), [...Array(at).keys()]);
      },
    ),
    { numRuns: 40 },
  ));

test('a disk that stays full costs memory up to a bound; the file says how many are missing, and the node that it is so', async (t) => {
  const directory = mkdtempSync(join(parent, 'audit-'));
  const host = disk(directory, { maxPending: 20 });
  host.full = true;
  for (let at = 0; at < 50; at++) host.audit.append(entry(at));
  await host.audit.settled();
  t.like(host.audit.conditions(), [{ code: 'licence_audit_unwritable' }]);
  t.regex(host.audit.conditions()[0]?.why ?? '', /no space; 20 entries wait in memory, and 30 were lost/);
  host.full = false;
  await written(host.audit);
  const found = await disk(directory).audit.read();
  t.deepEqual(
    ats(found),
    [...Array(20).keys()].map((at) => at + 30),
  );
  t.is(found[0]?.note, '30 entries before this one were lost: the disk was full');
  t.deepEqual(host.audit.conditions(), []);
});

test('a line torn by a kill is dropped, and none after it', async (t) => {
  const directory = mkdtempSync(join(parent, 'audit-'));
  const before = disk(directory);
  before.audit.append(entry(1));
  await written(before.audit);
  appendFileSync(join(directory, 'licences.audit.jsonl'), '{"at":2,"ty');
  const host = disk(directory);
  host.audit.append(entry(3));
  await written(host.audit);
  t.deepEqual(ats(await host.audit.read()), [1, 3]);
  t.is(readFileSync(join(directory, 'licences.audit.jsonl'), 'utf8').split('\n').length, 3);
});

test('what gives licences back is written where the disk has no room, and a lease is not', async (t) => {
  const directory = temporaryDirectory('licences');
  const relieved: string[] = [];
  const licences = new Licences({
    ...{ directory, bootId: 'boot', clock: { wall: () => 1000, boot: () => 1000 }, onDamaged: () => undefined },
    config: { db: { count: 0 } } as never,
    relief: { replace: async (_path, text) => void relieved.push(text) },
  });
  await licences.load();
  await licences.lease('db', 'central', 3, 60_000);
  t.deepEqual(relieved, []);
  t.is(licences.totals().get('db'), 3);
  await licences.lease('db', 'central', 0, 60_000);
  t.is(relieved.length, 1);
  t.is(licences.totals().get('db'), 0);
});
