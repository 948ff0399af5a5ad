import test from 'ava';
import { type Answers, berth, fakeAgent, moving, view } from './fake.js';

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

/** An output in pieces of three bytes. */
function pieces(all: Buffer): NonNullable<Answers['workload.logs']> {
  return ({ offset = 0, encoding }) => {
    const next = Math.min(all.length, offset + 3);
    const piece = all.subarray(offset, next);
    const end = next === all.length;
    if (encoding === 'base64') return { next, text: '', base64: piece.toString('base64'), end };
    return { next, text: piece.toString('latin1'), end };
  };
}
