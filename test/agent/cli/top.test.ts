import { EventEmitter } from 'node:events';
import test from 'ava';
import type { Terminal } from '../../../agent/cli/command.js';
import { styleFor } from '../../../agent/cli/style.js';
import { cut, screenful } from '../../../agent/cli/top/frame.js';
import { openTerminal } from '../../../agent/cli/top/terminal.js';
import { inOrder, press, SORTS, type View } from '../../../agent/cli/top/view.js';
import type { TopDocument, TopRow } from '../../../agent/metrics/top.js';
import { BerthError } from '../../../protocol/errors.js';
import { NO_STARTS } from '../calm.js';
import { berth, fakeAgent, NOW } from './fake.js';

const STILL = { cpu: 0, memory: 0, io: 0 };

function row(id: string, over: Partial<TopRow> = {}): TopRow {
  return {
    ...{ id, tenant: 'acme', driver: 'exec', class: 'burstable', state: 'running', since: NOW, restarts: 0 },
    ...{ waiting: null, cpu: 0.25, cpuLimit: 2, memoryBytes: 64 << 20, memoryLimitBytes: 256 << 20, pids: 3 },
    pressure: STILL,
    ...over,
  };
}

const NOTHING = { cpu: null, memoryBytes: null, pids: null, pressure: { cpu: null, memory: null, io: null } } as const;
const waits = (ahead: number) => ({ reason: 'start_queue', ahead, expectedMs: 1900, waitedMs: 400 }) as const;

const VIEW: View = { sort: 'cpu', first: 0 };
const PLAIN = styleFor(false, {}, true);

const TOP: TopDocument = {
  ...{ at: NOW, sampleAgeMs: 1900, node: { name: 'host-7', ready: true, cordoned: true } },
  host: {
    ...{ cpus: 16, cpu: 3.2, memoryBytes: 2 ** 36, memoryUsedBytes: 2 ** 34 },
    pressure: { cpu: 0.12, memory: 0, io: 0.014 },
  },
  starts: { ...NO_STARTS, queued: 2, settling: 8, oldestWaitMs: 900 },
  workloads: [
    row('web-1'),
    row('new-2', { ...NOTHING, state: 'pending', waiting: waits(1) }),
    row('new-1', { ...NOTHING, state: 'pending', waiting: waits(0) }),
    row('old', { ...NOTHING, state: 'exited', cpuLimit: null, memoryLimitBytes: null }),
    row('hog', {
      ...{ tenant: 'globex', cpu: 1.9, memoryBytes: 255 << 20, restarts: 4 },
      pressure: { cpu: 0.5, memory: 0.2, io: 0 },
    }),
  ],
};

test('the pages of a dense host are one table, with the host of the last page', async (t) => {
  const [first, ...others] = TOP.workloads;
  const agent = fakeAgent({
    'node.top': ({ cursor }) =>
      cursor === undefined
        ? { ...TOP, workloads: first === undefined ? [] : [first], next: 'web-1', sampleAgeMs: 0 }
        : { ...TOP, workloads: others },
  });
  t.deepEqual(JSON.parse((await berth('top --once --json', { agent })).out), TOP);
  t.deepEqual(
    agent.calls.map(({ params }) => params),
    [{ limit: 1000 }, { limit: 1000, cursor: 'web-1' }],
  );
});

test('one frame where there is no terminal: the most cpu first, then what waits, by its place', async (t) => {
  const agent = fakeAgent({ 'node.top': () => TOP });
  t.is(
    (await berth('top', { agent })).out,
    `Node       host-7, ready, cordoned, 2026-11-21T12:00:00Z, sampled 1s ago
CPU        3.20 of 16.00 cores (20%), pressure 12%
Memory     16Gi of 64Gi (25%), pressure 0%
Disk       pressure 1%
Starts     8 of 128 settling, 2 of at most 8000 wait, the oldest for 1s
Workloads  2 running, 2 pending, 1 exited

ID     TENANT  CLASS      STATE                CPU       MEMORY  PIDS  P-CPU  P-MEM  P-IO  RESTARTS
hog    globex  burstable  running           1.90/2  255Mi/256Mi     3    50%    20%    0%         4
web-1  acme    burstable  running           0.25/2   64Mi/256Mi     3     0%     0%    0%         0
new-1  acme    burstable  pending(1st,~2s)       -            -     -      -      -     -         0
new-2  acme    burstable  pending(2nd,~2s)       -            -     -      -      -     -         0
old    acme    burstable  exited                 -            -     -      -      -     -         0
`,
  );
  t.deepEqual(JSON.parse((await berth('top --json', { agent })).out), TOP);
});

test('every order has its key, and the most, or the first, is on top', (t) => {
  const first = (sort: View['sort']) => inOrder(TOP.workloads, sort)[0]?.id;
  t.deepEqual(Object.fromEntries(SORTS.map((sort) => [sort, first(sort)])), {
    ...{ cpu: 'hog', memory: 'hog', pressure: 'hog', restarts: 'hog', tenant: 'new-1', id: 'hog' },
  });
  t.is(
    inOrder(TOP.workloads, 'id')
      .map(({ id }) => id)
      .join(),
    'hog,new-1,new-2,old,web-1',
  );
  const view: View = { sort: 'id', first: 3 };
  for (const sort of SORTS) t.deepEqual(press(view, sort.charAt(0), 99, 5), { sort, first: 0 });
  t.is(press(view, 'q', 99, 5), 'quit');
  t.is(press(view, '\x03', 99, 5), 'interrupt');
  t.deepEqual(press(view, 'x', 99, 5), view);
});

test('scrolling stays within the rows', (t) => {
  const at = (first: number, key: string, rows = 20) => {
    const next = press({ sort: 'cpu', first }, key, rows, 8);
    return typeof next === 'string' ? next : next.first;
  };
  t.is(at(0, '\x1b[A'), 0);
  t.is(at(0, '\x1b[B'), 1);
  t.is(at(5, '\x1b[6~'), 12, 'the last page is full');
  t.is(at(5, '\x1b[5~'), 0);
  t.is(at(0, 'G'), 12);
  t.is(at(12, 'g'), 0);
  t.is(at(3, '\x1b[B', 4), 0, 'all fit');
});

test('a screenful has as many lines as the screen, none wider, whatever its size', (t) => {
  const style = styleFor(true, {}, false);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  const bare = (line: string) => line.replaceAll(/\x1b\[[\d;]*m/g, '');
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 200, rows: 60 },
    { columns: 20, rows: 12 },
    { columns: 1, rows: 1 },
  ]) {
    const { lines, page } = screenful(TOP, { sort: 'cpu', first: 0 }, size, style);
    t.is(lines.length, size.rows);
    t.true(page >= 1);
    for (const line of lines) t.true([...bare(line)].length <= size.columns, JSON.stringify(line));
  }
  const { lines } = screenful(TOP, { sort: 'id', first: 3 }, { columns: 120, rows: 11 }, styleFor(true, {}, true));
  t.regex(lines[8] ?? '', /^old /);
  t.regex(lines.at(-1) ?? '', /^by id, 4-5 of 5 /);
  t.is(cut('\x1b[31mabcdef\x1b[39m', 3), '\x1b[31mabc\x1b[0m');
  t.is(cut('abc', 3), 'abc');
  t.is(cut('CPU        3.20 of 16.00 cores', 20), 'CPU        3.20 of');
  t.is(cut('CPU        3.20 of 16.00 cores', 18), 'CPU        3.20 of');
  t.is(cut('CPU        3.20 of', 13), 'CPU');
  t.is(cut('\x1b[1mCPU\x1b[22m  3.20', 6), '\x1b[1mCPU\x1b[22m\x1b[0m');
});

test('at 80 columns and less names are cut in the middle, and every figure on the screen is whole', (t) => {
  const long = 'payments-of-the-western-region-worker-0000000000000000000000017';
  const hostile: TopDocument = {
    ...TOP,
    node: { ...TOP.node, name: `host-${'x'.repeat(50)}-17` },
    workloads: [...TOP.workloads, row(long, { tenant: `acme-${'y'.repeat(50)}-3`, cpu: 1.23, pids: 123_456 })],
  };
  const whole = new Set(
    screenful(hostile, VIEW, { columns: 999, rows: 40 }, PLAIN)
      .lines.join('\n')
      .split(/[\s,()]+/),
  );
  for (let columns = 1; columns <= 130; columns++) {
    const { lines } = screenful(hostile, VIEW, { columns, rows: 40 }, PLAIN);
    const screen = lines.join('\n');
    for (const line of lines) t.true(line.length <= columns, `${columns}: ${line}`);
    const figures = screen.split(/[\s,()]+/).filter((word) => /^\d[\d.]*(?:%|[KMG]i|\/[\d.]+(?:[KMG]i)?)?$/.test(word));
    for (const figure of figures) t.true(whole.has(figure), `${columns}: ${figure}`);
    if (columns >= 40) t.regex(screen, /^paym\S*~\S*0017 /m, String(columns));
    if (columns >= 60) t.regex(screen, /1\.23\/2 +64Mi\/256Mi/, String(columns));
  }
  const { lines } = screenful(hostile, VIEW, { columns: 80, rows: 40 }, PLAIN);
  t.regex(lines[0] ?? '', /^Node {7}host-\S*~\S*17, ready, cordoned, /);
  t.regex(lines.find((line) => line.startsWith('ID')) ?? '', /^ID +TENANT +STATE +CPU +MEMORY /);
});

/** A terminal that keeps what is drawn. */
function fakeTerminal(rows = 24) {
  const drawn: string[] = [];
  let [key, resize] = [(_: string): void => {}, (): void => {}];
  let onDraw = (): void => {};
  const state = { closed: 0, size: { columns: 120, rows } };
  const terminal: Terminal = {
    size: () => state.size,
    listen: (onKey, onResize) => {
      [key, resize] = [onKey, onResize];
    },
    draw: async (lines) => {
      drawn.push(lines.join('\n'));
      onDraw();
    },
    close: () => {
      state.closed += 1;
    },
  };
  return {
    ...{ terminal, drawn, state },
    press: (text: string) => key(text),
    resize: () => resize(),
    /** Called after each frame, with their number. */
    eachFrame: (run: (frame: number) => void) => {
      onDraw = () => setImmediate(run, drawn.length);
    },
  };
}

test('live: keys, a new size and new figures draw anew; q gives the terminal back', async (t) => {
  const agent = fakeAgent({ 'node.top': () => ({ ...TOP, at: NOW + agent.calls.length * 1000 }) });
  const screen = fakeTerminal();
  screen.eachFrame((frame) => {
    if (frame === 1) screen.press('i');
    if (frame === 2) {
      screen.state.size = { columns: 60, rows: 10 };
      screen.resize();
    }
    if (frame === 4) screen.press('q');
  });
  const options = { agent, outIsTerminal: true, openTerminal: async () => screen.terminal };
  const { exit, out, err } = await berth('top --interval 500ms', options);
  t.deepEqual([exit, out, err], [0, '', '']);
  t.is(screen.state.closed, 1);
  t.is(agent.closed, 1);
  t.is(screen.drawn.length, 4);
  t.regex(screen.drawn[0] ?? '', /12:00:01Z/);
  t.true(screen.drawn[0]?.includes('\x1b[31m'), 'colours');
  t.regex(screen.drawn[1] ?? '', /by id/);
  t.is(screen.drawn[2]?.split('\n').length, 10);
  t.regex(screen.drawn[3] ?? '', /12:00:02Z/);
});

test('live: NO_COLOR', async (t) => {
  const screen = fakeTerminal();
  screen.eachFrame(() => screen.press('q'));
  const openTerminal = async () => screen.terminal;
  const agent = fakeAgent({ 'node.top': () => TOP });
  await berth('top', { agent, outIsTerminal: true, env: { NO_COLOR: '1' }, openTerminal });
  t.false(screen.drawn[0]?.includes('\x1b'));
});

test('live: a lost connection and an interruption give the terminal back, too', async (t) => {
  let calls = 0;
  const dying = fakeAgent({
    'node.top': () => {
      calls += 1;
      if (calls > 1) throw new BerthError('cannot_connect', 'the agent closed the connection');
      return TOP;
    },
  });
  const lost = fakeTerminal();
  const run = { outIsTerminal: true, agent: dying, openTerminal: async () => lost.terminal };
  const { exit, err } = await berth('top --interval 500ms', run);
  t.is(exit, 5);
  t.regex(err, /^berth: the agent closed the connection/);
  t.is(lost.state.closed, 1);

  for (const how of ['signal', 'key'] as const) {
    const stopped = fakeTerminal();
    const controller = new AbortController();
    stopped.eachFrame(() => (how === 'signal' ? controller.abort() : stopped.press('\x03')));
    const outcome = await berth('top', {
      ...{
        outIsTerminal: true,
        agent: fakeAgent({ 'node.top': () => TOP }),
        openTerminal: async () => stopped.terminal,
      },
      interruption: () => controller.signal,
    });
    t.deepEqual(outcome, { exit: 130, out: '', err: '' }, how);
    t.is(stopped.state.closed, 1);
  }
});

test('an agent that does not answer is told before the screen is taken; an interval is checked', async (t) => {
  const openTerminal = async () => {
    t.fail('the screen was taken');
    return undefined;
  };
  t.is((await berth('top', { outIsTerminal: true, openTerminal })).exit, 5);
  const agent = fakeAgent({ 'node.top': () => TOP });
  for (const interval of ['soon', '10ms', '0s'])
    t.is((await berth(`top --interval ${interval}`, { agent, openTerminal })).exit, 2, interval);
  t.is((await berth('top --sort colour', { agent })).exit, 2);
  t.is((await berth('top --once', { agent, outIsTerminal: true, openTerminal })).exit, 0);
});

class FakeInput extends EventEmitter {
  isTTY = true;
  readonly modes: boolean[] = [];
  paused = 0;
  setRawMode(on: boolean) {
    this.modes.push(on);
    return this;
  }
  setEncoding() {
    return this;
  }
  pause() {
    this.paused += 1;
    return this;
  }
}

class FakeOutput extends EventEmitter {
  isTTY = true;
  columns = 80;
  rows = 24;
  /** /dev/null would be written to; nothing is there. */
  readonly fd = -1;
  text = '';
  write(text: string, done?: () => void) {
    this.text += text;
    done?.();
    return true;
  }
}

test('the terminal: raw mode and its own screen, and nobody listens afterwards', async (t) => {
  const [input, output] = [new FakeInput(), new FakeOutput()];
  const open = (): Terminal | undefined => openTerminal(input as never, output as never);
  const terminal = open();
  const keys: string[] = [];
  let resizes = 0;
  terminal?.listen(
    (key) => keys.push(key),
    () => {
      resizes += 1;
    },
  );
  input.emit('data', 'q\x1b[A\x1b[6~\x1bOB\x1b');
  output.emit('resize');
  t.deepEqual(keys, ['q', '\x1b[A', '\x1b[6~', '\x1bOB', '\x1b']);
  t.is(resizes, 1);
  await terminal?.draw(['one', 'two']);
  t.true(output.text.startsWith('\x1b[?1049h\x1b[?25l'));
  t.true(output.text.endsWith('\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J'));
  const before = process.listenerCount('exit');
  terminal?.close();
  terminal?.close();
  t.deepEqual(input.modes, [true, false]);
  t.is(input.paused, 1);
  t.is(process.listenerCount('exit'), before - 1);
  t.is(input.listenerCount('data') + output.listenerCount('resize'), 0);
  const length = output.text.length;
  await terminal?.draw(['late']);
  t.is(output.text.length, length);
  output.isTTY = false;
  t.is(open(), undefined);
});
