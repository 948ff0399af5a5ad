import { pause } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import { MOST_ON_PAGE } from '../../base/pages.js';
import { parseDuration } from '../../base/units.js';
import type { TopDocument, TopRow } from '../../metrics/top.js';
import type { Answer, Client, Context, Terminal } from '../command.js';
import { pages } from '../pages.js';
import { type Selection, selectionOf } from '../selection.js';
import { screenful, wholeFrame } from '../top/frame.js';
import { press, SORTS, type View } from '../top/view.js';

/** More often than that there is nothing new. */
const LEAST_MS = 500;
/** 128 + SIGINT. */
const INTERRUPTED = 130;

export async function run(context: Context): Promise<Answer> {
  const intervalMs = intervalOf(context.option('interval') ?? '');
  const asked = selectionOf(context);
  const view: View = { sort: SORTS.find((sort) => sort === context.option('sort')) ?? 'cpu', first: 0 };
  const client = await context.client();
  // Before the screen is taken: an agent that does not answer is told where the command was typed.
  const top = await wholeTop(client, asked);
  const terminal = context.json || context.flag('once') ? undefined : await context.host.openTerminal();
  if (terminal === undefined) return { document: top, text: wholeFrame(top, view, context.style) };
  try {
    return await live(terminal, client, { asked, top, view, intervalMs }, context);
  } finally {
    terminal.close();
  }
}

/** Of the host as the last page has it. */
async function wholeTop(client: Client, asked: Selection): Promise<TopDocument> {
  const rows: TopRow[] = [];
  let whole: TopDocument | undefined;
  for await (const { next: _next, ...top } of pages(client, 'node.top', asked, MOST_ON_PAGE)) {
    rows.push(...top.workloads);
    whole = top;
  }
  return { ...(whole as TopDocument), workloads: rows };
}

interface Start {
  readonly asked: Selection;
  readonly top: TopDocument;
  readonly view: View;
  readonly intervalMs: number;
}

/** Until somebody quits. Throws when the connection is lost or the command is interrupted. */
async function live(terminal: Terminal, client: Client, start: Start, { style, signal }: Context): Promise<Answer> {
  let { top, view } = start;
  let page = 1;
  const over = new AbortController();
  let quit: (exit: number) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const ended = new Promise<number>((resolve, reject) => {
    [quit, fail] = [resolve, reject];
  });
  const draw = (): void => {
    const { lines, page: fits } = screenful(top, view, terminal.size(), style);
    page = fits;
    if (!over.signal.aborted) terminal.draw(lines).catch(fail);
  };
  const refresh = async (): Promise<void> => {
    for (;;) {
      await pause(start.intervalMs, { signal: over.signal });
      top = await wholeTop(client, start.asked);
      draw();
    }
  };
  terminal.listen((key) => {
    const next = press(view, key, top.workloads.length, page);
    if (next === 'quit') return quit(0);
    if (next === 'interrupt') return quit(INTERRUPTED);
    view = next;
    draw();
  }, draw);
  const stop = (): void => fail(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    draw();
    refresh().catch(fail);
    return { document: undefined, text: '', exit: await ended };
  } finally {
    over.abort();
    signal.removeEventListener('abort', stop);
  }
}

function intervalOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < LEAST_MS)
    throw new BerthError('usage', `--interval is a duration of 500ms or more; it is ${JSON.stringify(text)}`);
  return ms;
}
