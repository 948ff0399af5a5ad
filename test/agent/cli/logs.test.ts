import test from 'ava';
import { idPrefix, LogLines } from '../../../agent/cli/log-lines.js';
import { BerthError } from '../../../protocol/errors.js';
import { fc, holds } from '../../runner/property.js';
import { type Answers, berth, fakeAgent, moving, NOW, view } from './fake.js';

test('logs: raw, in pieces; --json; -f until the end', async (t) => {
  const text = 'a\x1b[31mb\nc';
  const logs = pieces(Buffer.from(text));
  const agent = fakeAgent({ 'workload.logs': logs });
  t.is((await berth('workload logs w', { agent })).out, text);
  t.deepEqual(JSON.parse((await berth('workload logs w --json', { agent })).out), { id: 'w', text, next: text.length });
  const following = moving([view('w'), view('w', { state: 'exited' })], { 'workload.logs': logs });
  t.is((await berth('workload logs w -f', { agent: following })).out, text);
});

test('logs: every byte value comes back as it was written', async (t) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  const agent = fakeAgent({ 'workload.logs': pieces(all) });
  const written: Uint8Array[] = [];
  const out = async (piece: string | Uint8Array): Promise<void> => {
    written.push(Buffer.from(piece as Uint8Array));
  };
  t.is((await berth('workload logs w', { agent, out })).exit, 0);
  t.deepEqual(Buffer.concat(written), all);
});

test('logs: what was rotated away while it was followed is told in one line, what was before it is not', async (t) => {
  const chunk = (text: string, next: number, missing: number, end: boolean) => ({
    ...{ next, end, missing, text },
    base64: Buffer.from(text).toString('base64'),
  });
  const logs: Answers['workload.logs'] = ({ offset }) =>
    offset === 0 ? chunk('one\n', 104, 100, false) : chunk('two\n', 4108, 4000, true);
  const told = 'berth: 4000 bytes of output are missing here: they were rotated away before they were read';
  const ended = () => moving([view('w', { state: 'exited' })], { 'workload.logs': logs });
  t.is((await berth('workload logs w -f', { agent: ended() })).out, `one\n\n${told}\ntwo\n`);
  const lines = (await berth('workload logs w -f --json', { agent: ended() })).out.trim().split('\n');
  t.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      { text: 'one\n', next: 104 },
      { text: 'two\n', next: 4108, missing: 4000 },
    ],
  );
});

/** Outputs by id, in pieces of three bytes; `tail` counts as the agent does. */
function outputs(all: Readonly<Record<string, string>>): NonNullable<Answers['workload.logs']> {
  return ({ id, offset, tail, encoding }) => {
    const text = all[id];
    if (text === undefined) throw new BerthError('not_found', `there is no workload "${id}"`);
    const lines = text.split(/(?<=\n)/);
    const from = tail === undefined ? (offset ?? 0) : lines.slice(0, Math.max(0, lines.length - tail)).join('').length;
    return pieces(Buffer.from(text, 'latin1'))({ id, offset: from, encoding });
  };
}

test('logs: several, each line whole behind its id, an end without a line break as well', async (t) => {
  const agent = fakeAgent({ 'workload.logs': outputs({ a: 'one\ntwo', 'web-2': 'x\n\ny\n' }) });
  const { exit, out } = await berth('workload logs a web-2', { agent });
  t.is(exit, 0);
  t.is(out, 'a     | one\na     | two\nweb-2 | x\nweb-2 | \nweb-2 | y\n');
  const json = JSON.parse((await berth('workload logs a web-2 --json', { agent })).out);
  t.deepEqual(json, {
    results: [
      { id: 'a', text: 'one\ntwo', next: 7 },
      { id: 'web-2', text: 'x\n\ny\n', next: 5 },
    ],
  });
});

test('logs: a selection has prefixes however many it matches; one that matches nothing says so', async (t) => {
  const found = (ids: readonly string[]) =>
    fakeAgent({
      'workload.list': () => ({ workloads: ids.map((id) => view(id)) }),
      'workload.logs': outputs({ a: 'one\n' }),
    });
  t.is((await berth('workload logs -l app=web', { agent: found(['a']) })).out, 'a | one\n');
  const none = await berth('workload logs -l app=web', { agent: found([]) });
  t.deepEqual([none.exit, none.out, none.err], [0, '', 'No workloads match.\n']);
});

test('logs: --tail of one and of several, and what is wrong with it', async (t) => {
  const agent = fakeAgent({ 'workload.logs': outputs({ a: 'one\ntwo\nthree\n', b: '1\n2\n' }) });
  t.is((await berth('workload logs a --tail 2', { agent })).out, 'two\nthree\n');
  t.is((await berth('workload logs a -n 0', { agent })).out, '');
  t.is((await berth('workload logs a b --tail 1', { agent })).out, 'a | three\nb | 2\n');
  t.deepEqual(agent.calls[0]?.params, { id: 'a', encoding: 'base64', tail: 2 });
  t.deepEqual(agent.calls[1]?.params, { id: 'a', encoding: 'base64', offset: 7 });
  for (const tail of ['', '-1', 'all', '1.5', '1000001', '1e3']) {
    const { exit, err } = await berth(['workload', 'logs', 'a', `--tail=${tail}`], { agent: fakeAgent({}) });
    t.is(exit, 2, tail);
    t.regex(err, /--tail is a number of lines from 0 to 1000000; it is "/);
  }
});

test('logs --timestamps: the time of the first byte of each line; - where none is known', async (t) => {
  const times = [
    { offset: 4, at: NOW },
    { offset: 6, at: NOW + 1500 },
    { offset: 10, at: NOW + 2000 },
  ];
  const logs = withTimes(Buffer.from('old\na\nb\nccc\nlast'), times);
  const agent = fakeAgent({ 'workload.logs': logs });
  const { out } = await berth('workload logs w --timestamps', { agent });
  t.is(
    out,
    [
      '-                        old\n',
      '2026-11-21T12:00:00.000Z a\n',
      '2026-11-21T12:00:01.500Z b\n',
      '2026-11-21T12:00:01.500Z ccc\n',
      '2026-11-21T12:00:02.000Z last\n',
    ].join(''),
  );
  const several = await berth('workload logs w w2 -t', { agent });
  t.true(several.out.startsWith('w  | -                        old\nw  | 2026-11-21T12:00:00.000Z a\n'));
  const json = JSON.parse((await berth('workload logs w -t --json', { agent })).out);
  t.is(json.text, 'old\na\nb\nccc\nlast');
  t.deepEqual([json.times.at(0), json.times.at(-1).at], [times[0], NOW + 2000]);
});

test('logs --since: a duration or a time, with --tail, asked once; and what is wrong with it', async (t) => {
  const agent = fakeAgent({ 'workload.logs': outputs({ a: 'one\n' }) });
  t.is((await berth('workload logs a --since 10m --tail 5', { agent })).exit, 0);
  t.deepEqual(agent.calls[0]?.params, { id: 'a', encoding: 'base64', tail: 5, since: NOW - 600_000 });
  t.deepEqual(agent.calls[1]?.params, { id: 'a', encoding: 'base64', offset: 3 });
  const at = fakeAgent({ 'workload.logs': outputs({ a: 'one\n' }) });
  t.is((await berth('workload logs a --since 2026-11-21T11:00:00Z', { agent: at })).exit, 0);
  t.deepEqual(at.calls[0]?.params, { id: 'a', encoding: 'base64', offset: 0, since: NOW - 3_600_000 });
  const { exit, err } = await berth('workload logs a --since yesterday', { agent: fakeAgent({}) });
  t.is(exit, 2);
  t.regex(err, /--since: "yesterday" is neither a time nor a duration/);
});

test('logs: one that is not there does not keep back the others, and is the exit code', async (t) => {
  const agent = fakeAgent({ 'workload.logs': outputs({ a: 'one\n' }) });
  const { exit, out, err } = await berth('workload logs nobody a', { agent });
  t.is(exit, 4);
  t.is(out, 'a      | one\n');
  t.regex(err, /there is no workload "nobody"/);
  const json = JSON.parse((await berth('workload logs nobody a --json', { agent })).out);
  t.like(json.results[0], { id: 'nobody', error: { code: 'not_found' } });
  t.is((await berth('workload logs nobody', { agent })).exit, 4);
});

test('logs --json: bytes that are no UTF-8 come as they are', async (t) => {
  const wild = Buffer.from([0x61, 0xff, 0x0a]);
  const agent = fakeAgent({ 'workload.logs': pieces(wild) });
  const { base64, text } = JSON.parse((await berth('workload logs w --json', { agent })).out);
  t.deepEqual([Buffer.from(base64, 'base64'), text], [wild, '']);
});

test('lines of several outputs: every byte, in its order, behind its prefix, however it comes', (t) => {
  const bytes = fc
    .uint8Array({ maxLength: 40 })
    .map((all) => Buffer.from(all.map((byte) => (byte % 4 === 0 ? 10 : byte))));
  const property = fc.property(bytes, fc.array(fc.nat(7), { maxLength: 40 }), (all, sizes) => {
    const lines = new LogLines({ prefix: idPrefix('w', 3), timed: false });
    const out: Buffer[] = [];
    let at = 0;
    for (const size of [...sizes, all.length]) {
      out.push(lines.take(all.subarray(at, at + size)));
      at = Math.min(all.length, at + size);
    }
    out.push(lines.flush());
    const expected = all
      .toString('latin1')
      .replace(/[^\n]+$/, '$&\n')
      .replace(/[^\n]*\n/g, 'w   | $&');
    t.is(Buffer.concat(out).toString('latin1'), expected);
  });
  holds(t, property, { numRuns: 200 });
  const endless = new LogLines({ prefix: idPrefix('w', 1), timed: false });
  t.is(endless.take(Buffer.alloc(70_000, 'x')).length, 70_000 + 'w | \n'.length);
});

/** In pieces of three bytes, each with the mark that it lies behind and those in it. */
function withTimes(
  all: Buffer,
  times: readonly { readonly offset: number; readonly at: number }[],
): NonNullable<Answers['workload.logs']> {
  return async (params) => {
    const chunk = await pieces(all)(params);
    const from = params.offset ?? 0;
    const behind = times.filter(({ offset }) => offset <= from).slice(-1);
    const within = times.filter(({ offset }) => offset > from && offset < chunk.next);
    return { ...chunk, times: [...behind.map(({ at }) => ({ offset: from, at })), ...within] };
  };
}

/** An output in pieces of three bytes. */
function pieces(all: Buffer): NonNullable<Answers['workload.logs']> {
  return ({
    offset = 0,
    encoding,
  }: {
    readonly offset?: number | undefined;
    readonly encoding?: string | undefined;
  }) => {
    const next = Math.min(all.length, offset + 3);
    const piece = all.subarray(offset, next);
    const end = next === all.length;
    if (encoding === 'base64') return { next, text: '', base64: piece.toString('base64'), end };
    return { next, text: piece.toString('latin1'), end };
  };
}
