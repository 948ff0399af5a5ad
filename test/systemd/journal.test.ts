import { spawn } from 'node:child_process';
import { fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { encodeEntry, fieldName, openJournal, writesToJournal } from '../../systemd/journal.js';
import { fc, holds } from '../runner/property.js';
import { temporaryDirectory } from '../runner/temporary.js';

/** As journald reads it (journal_importer of systemd): the other side of encodeEntry. */
function decode(entry: Buffer): [string, string][] {
  const fields: [string, string][] = [];
  for (let at = 0; at < entry.length; ) {
    const end = entry.indexOf('\n', at);
    const line = entry.subarray(at, end).toString();
    const equals = line.indexOf('=');
    if (equals >= 0) {
      fields.push([line.slice(0, equals), line.slice(equals + 1)]);
      at = end + 1;
      continue;
    }
    const length = Number(entry.readBigUInt64LE(end + 1));
    fields.push([line, entry.subarray(end + 9, end + 9 + length).toString()]);
    at = end + 10 + length;
  }
  return fields;
}

test('journald reads what was meant, whatever the values hold', (t) => {
  const name = fc
    .string()
    .map(fieldName)
    .filter((text) => text !== '');
  const fields = fc.uniqueArray(
    fc.tuple(name, fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('a\nPRIORITY=0\n'))),
    {
      selector: ([key]) => key,
    },
  );
  holds(
    t,
    fc.property(fields, (all) => {
      t.deepEqual(decode(encodeEntry(new Map(all))), all);
    }),
  );
});

test('a name of a field is one that journald takes, or empty', (t) => {
  for (const [text, name] of [
    ['workload', 'WORKLOAD'],
    ['toSlots-2', 'TOSLOTS_2'],
    ['_PID', 'PID'],
    ['9lives', 'LIVES'],
    ['ä', ''],
    ['x'.repeat(99), 'X'.repeat(64)],
  ] as const)
    t.is(fieldName(text), name);
});

test('an entry arrives as one datagram, and one that cannot be sent is said to be', async (t) => {
  const socket = join(temporaryDirectory('journal'), 's');
  const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True: print(s.recv(1 << 20).hex(), flush=True)
`;
  const child = spawn('python3', ['-c', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  const journal = openJournal(socket);
  const fields = new Map([
    ['MESSAGE', 'two\nlines'],
    ['PRIORITY', '6'],
  ]);
  t.true(journal.send(fields));
  t.deepEqual(decode(Buffer.from(String((await lines.next()).value), 'hex')), [...fields]);
  t.false(journal.send(new Map([['MESSAGE', 'x'.repeat(64 << 20)]])), 'larger than the kernel takes');
  journal.close();
  t.false(openJournal(join(temporaryDirectory('journal'), 'nobody')).send(fields));
});

test('standard output goes to the journal where systemd says that it is this file', (t) => {
  const descriptor = openSync('/dev/null', 'r');
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  t.true(writesToJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, descriptor));
  t.false(writesToJournal({ JOURNAL_STREAM: `${dev}:${ino + 1n}` }, descriptor));
  t.false(writesToJournal({}, descriptor));
});
