// Every writer of a durable file on a disk that refuses each file call in turn: what is answered, what the agent says, and what the
// next agent finds are the same, the old value or the new one.
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as z from 'zod';
import { STATE_FILES } from '../../agent/base/state-files.js';
import { installationId } from '../../agent/daemon/assembly/installation.js';
import { Audit, type AuditEntry } from '../../agent/density/audit.js';
import { CheckpointFile } from '../../agent/density/checkpoint.js';
import { type Errno, type Fault, fileFaults } from '../runner/file-faults.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { type Opened, WRITERS, type Writer } from './file-writers.js';

const root = temporaryDirectory('writers');
const fresh = (): string => mkdtempSync(join(root, 'state-'));
const ERRNOS: readonly Errno[] = ['ENOSPC', 'EIO'];

async function prepared(writer: Writer, what: string, directory: string): Promise<Opened> {
  const opened = await writer.open(directory);
  for (const earlier of writer.changes[what] ?? []) await opened.change(earlier);
  return opened;
}

/** One try with one fault. False: the change makes fewer calls than that. */
async function tryWith(t: ExecutionContext, writer: Writer, what: string, fault: Fault): Promise<boolean> {
  const directory = fresh();
  const opened = await prepared(writer, what, directory);
  const before = opened.view();
  const faults = fileFaults(directory);
  faults.arm(fault);
  const failure = await opened.change(what).then(
    () => undefined,
    (error: unknown) => error ?? 'nothing',
  );
  const call = faults.calls[fault.at];
  const after = opened.view();
  faults.restore();
  if (call === undefined) return false;
  // What no agent can do anything about: a disk on which nothing can be opened or renamed any more.
  if (fault.lasting && !call.endsWith('sync')) return true;
  const at = `${fault.errno} at ${call} ${fault.at}${fault.lasting ? ' and later' : ''}`;
  if (failure === undefined) t.notDeepEqual(after, before, `${at}: answered as done`);
  else t.deepEqual(after, before, `${at}: answered as failed`);
  const next = await opened.next();
  t.deepEqual(next.view(), after, `${at}: the next agent`);
  if (failure !== undefined) await next.change(what);
  t.notDeepEqual(next.view(), before, `${at}: done when the disk is well`);
  t.deepEqual((await next.next()).view(), next.view(), `${at}: done when the disk is well, and durable`);
  return true;
}

for (const [name, writer] of Object.entries(WRITERS))
  for (const what of Object.keys(writer.changes))
    test.serial(`${name}: ${what}`, async (t) => {
      let tried = 0;
      for (const errno of ERRNOS)
        for (const lasting of [false, true])
          for (let at = 0; await tryWith(t, writer, what, { at, errno, lasting }); at++) tried++;
      t.true(tried >= 3 * ERRNOS.length);
    });

/** Tries `work` with one fault after the other, each in a directory of its own. */
async function withEach(
  prepare: (directory: string) => Promise<void>,
  work: (directory: string) => Promise<void>,
  check: (directory: string, at: string) => Promise<void>,
): Promise<number> {
  for (let at = 0; ; at++)
    for (const errno of ERRNOS) {
      const directory = fresh();
      await prepare(directory);
      const faults = fileFaults(directory);
      faults.arm({ at, errno });
      await work(directory).finally(() => faults.restore());
      const call = faults.calls[at];
      if (call === undefined) return at;
      await check(directory, `${errno} at ${call} ${at}`);
    }
}

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

test.serial(
  'the id of the installation: the agent starts with one, which the next agent has where it could be written',
  async (t) => {
    const ids = new Map<string, string>();
    const open = (directory: string): Promise<string> => installationId(directory, directory, LOG, directory);
    const tried = await withEach(
      async () => undefined,
      async (directory) => void ids.set(directory, await open(directory)),
      async (directory, at) => {
        const written = existsSync(join(directory, 'installation.json'));
        const next = await open(directory);
        if (written) t.is<string | undefined, string | undefined>(next, ids.get(directory), at);
        t.is(await open(directory), next, at);
      },
    );
    t.true(tried >= 4);
  },
);

test.serial('what was learned is as it was or as it is, and never torn', async (t) => {
  const schema = z.object({ learned: z.number() });
  const file = (directory: string) => new CheckpointFile(directory, 'overhead.json', 1, schema, { learned: 0 });
  const tried = await withEach(
    (directory) => file(directory).save({ learned: 1 }),
    (directory) =>
      file(directory)
        .save({ learned: 2 })
        .catch(() => undefined),
    async (directory, at) => {
      const { record, damaged } = await file(directory).load();
      t.is(damaged, undefined, at);
      t.true(record.learned === 1 || record.learned === 2, at);
    },
  );
  t.true(tried >= 4);
});

test.serial('the licence audit has each entry once, whichever call has failed', async (t) => {
  const entry = (at: number): AuditEntry => ({ at, type: 'grant', licence: 'db', count: 1, workload: `w-${at}` });
  const open = (directory: string) => new Audit(directory, { onError: () => undefined, maxBytes: 300, retryMs: 1 });
  // The agent's timers keep no process alive.
  const alive = setInterval(() => undefined, 60_000);
  t.teardown(() => clearInterval(alive));
  const audits = new Map<string, Audit>();
  const last = async (audit: Audit | undefined) => (await audit?.read())?.map(({ at }) => at) ?? [];
  const tried = await withEach(
    async (directory) => {
      const audit = open(directory);
      for (const at of [1, 2, 3]) audit.append(entry(at));
      await audit.written();
    },
    async (directory) => {
      const audit = open(directory);
      audits.set(directory, audit);
      audit.append(entry(4));
      await audit.written();
      // Larger than what is left: the file becomes the older one.
      audit.append(entry(5));
      await audit.written();
    },
    async (directory, at) => {
      const next = await last(open(directory));
      t.deepEqual(next.slice(-2), [4, 5], at);
      t.deepEqual(await last(audits.get(directory)), next, at);
    },
  );
  t.true(tried >= 5);
});

/** Kept elsewhere: with faults of their own in tests of their own, or nothing that would be missed. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  damaged: 'what was set aside',
  logs: 'output of workloads, which the supervisor writes: systemd/outputs.test.ts',
  relief: 'room without content',
  volumes: 'named volumes, whose content is that of workloads: drivers/volumes.test.ts',
  snapshots: 'states of virtual machines: workload/saving.test.ts',
  'volumes/.passing': 'volumes on their way in or out: drivers/volumes.test.ts',
  'events.jsonl': 'control/event-writer.test.ts',
  'events.jsonl.1': 'control/event-writer.test.ts',
  'events-lasting.jsonl': 'control/event-writer.test.ts',
  'events-lasting.jsonl.1': 'control/event-writer.test.ts',
  probe: 'state-disk.test.ts',
  // The file of each image: ImageStore.
  ...Object.fromEntries(
    ['by-digest', 'layers', 'disks', 'blobs', 'blobs/sha256', 'pulls', 'written'].map((name) => [
      `images/${name}`,
      'images/images.kernel.test.ts',
    ]),
  ),
};
const BELOW = [
  'installation.json',
  'overhead.json',
  'prediction.json',
  'licences.audit.jsonl',
  'licences.audit.jsonl.1',
];

test('every file of the state has a writer here, or a reason', (t) => {
  const known = [...Object.values(WRITERS).flatMap(({ files }) => files), ...Object.keys(ELSEWHERE), ...BELOW];
  const names = STATE_FILES.filter((one) => one.in === 'state').map(({ name }) => name);
  t.deepEqual(
    names.filter((name) => !known.includes(name)),
    [],
  );
  t.deepEqual(
    known.filter((name) => !names.includes(name)),
    [],
  );
});
