import { fstatSync } from 'node:fs';
import test from 'ava';
import { createLog } from '../../../agent/base/log.js';
import { journalFields, parseEntry, textLine } from '../../../agent/base/log-lines.js';
import { BerthError } from '../../../protocol/errors.js';
import type { JournalFields } from '../../../systemd/journal.js';
import { fc, holds } from '../../runner/property.js';

const AT = new Date('2026-11-21T07:00:00Z');
const of = (msg: string, data: object = {}) => ({ level: 40, msg, data: data as Record<string, unknown> });

/** As if standard output were the journal's. */
function underSystemd(): NodeJS.ProcessEnv {
  const { dev, ino } = fstatSync(1, { bigint: true });
  return { JOURNAL_STREAM: `${dev}:${ino}` };
}

function outputs(
  options: {
    readonly format?: 'auto' | 'json' | 'text';
    readonly tty?: boolean;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
) {
  const lines: string[] = [];
  const entries: JournalFields[] = [];
  const taking = { journal: true };
  const out = {
    write: (text: string) => lines.push(text) > 0,
    isTTY: options.tty === true,
  } as unknown as NodeJS.WriteStream;
  const journal = () => ({
    send: (fields: JournalFields) => {
      if (taking.journal) entries.push(fields);
      return taking.journal;
    },
    close: () => undefined,
  });
  const { format = 'auto', env = {} } = options;
  return { log: createLog({ level: 'info', format, env, out, journal }), lines, entries, taking };
}

test('auto: JSON for a program, sentences for a terminal, fields for the journal', (t) => {
  const program = outputs();
  program.log.warn({ workload: 'web-1' }, 'a word');
  program.log.debug({}, 'not at this level');
  t.deepEqual(
    program.lines.map((line) => JSON.parse(line)),
    [{ level: 40, workload: 'web-1', msg: 'a word' }],
  );
  const terminal = outputs({ tty: true });
  terminal.log.error({ workload: 'web-1' }, 'a word');
  t.regex(terminal.lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:]{8}Z ERROR a word {2}workload=web-1\n$/);
  const journal = outputs({ env: underSystemd() });
  journal.log.warn({ workload: 'web-1', tenant: 'acme', count: 3, list: [1] }, 'a word');
  t.deepEqual(journal.lines, []);
  t.deepEqual(Object.fromEntries(journal.entries[0] ?? []), {
    MESSAGE: 'a word  workload=web-1 tenant=acme count=3 list=[1]',
    PRIORITY: '4',
    SYSLOG_IDENTIFIER: 'berth',
    BERTH_WORKLOAD: 'web-1',
    BERTH_TENANT: 'acme',
    BERTH_COUNT: '3',
  });
});

test('what the journal does not take is written with its priority in front', (t) => {
  const { log, lines, taking } = outputs({ env: underSystemd() });
  taking.journal = false;
  log.error({ workload: 'web-1' }, 'a word');
  t.is(lines[0], '<3>{"level":50,"workload":"web-1","msg":"a word"}\n');
});

test('json and text are what is asked for, under systemd too', (t) => {
  const json = outputs({ format: 'json', tty: true });
  json.log.info({}, 'a word');
  t.is(json.lines[0], '{"level":30,"msg":"a word"}\n');
  const text = outputs({ format: 'text', env: underSystemd() });
  text.log.info({}, 'a word');
  t.regex(text.lines[0] ?? '', /^<6>\S+Z INFO {2}a word\n$/);
  t.deepEqual(text.entries, []);
});

test('an error is its code and sentence; of a defect the journal has the stack', (t) => {
  const { log, lines } = outputs({ format: 'text' });
  log.warn({ err: new BerthError('not_found', 'there is no workload "x"') }, 'it failed');
  log.warn({ err: Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }) }, 'it failed');
  t.regex(lines[0] ?? '', /it failed {2}err="not_found: there is no workload \\"x\\""\n$/);
  t.regex(lines[1] ?? '', /it failed {2}err="EIO: i\/o error"\n$/);
  const stack = journalFields(
    parseEntry('{"level":50,"err":{"message":"m","stack":"Error: m\\n at x"},"msg":"it"}'),
    'berth',
  );
  t.is(stack.get('BERTH_ERR'), 'Error: m\n at x');
});

test('whatever is logged is one line without control characters, and bounded fields', (t) => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.constant('x'.repeat(1 << 16)));
  holds(
    t,
    fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), value), (msg, data) => {
      const line = textLine(of(msg, data), AT);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
      t.notRegex(line.slice(0, -1), /[\u0000-\u001f\u007f]/);
      const fields = journalFields(of(msg, data), 'berth');
      t.true(fields.size <= 32);
      t.true([...fields].every(([name, text]) => name === 'MESSAGE' || text.length <= 4096));
    }),
  );
});
