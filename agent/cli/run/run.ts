// A new workload as if its program ran here: its output, Ctrl-C, its exit code.
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../../linux/defined.js';
import { BerthError } from '../../../protocol/errors.js';
import { reportOf } from '../../base/errors.js';
import type { WorkloadView } from '../../model/record.js';
import type { Answer, Client, Context } from '../command.js';
import { follow, type Judge, timeoutOf } from '../follow.js';
import { waitOf } from '../format.js';
import { failed, isDown, isGone, isStarted } from '../judge.js';
import { LogReader } from '../log-reader.js';
import { type Progress, startProgress } from '../progress.js';
import { watchPull } from '../pull-progress.js';
import { newId, runSpec } from '../run-spec.js';
import { Stopper } from '../stopper.js';
import { toYaml } from '../yaml-specs.js';

/** Between two looks at the output; the end is told by an event. */
const POLL_MS = 250;
const INTERRUPTED = 130;

export async function run(context: Context): Promise<Answer> {
  const { host, json } = context;
  const { spec, word } = runSpec(context);
  const [name, detach, rm] = [context.option('name'), context.flag('detach'), context.flag('rm')];
  if (rm && detach) throw new BerthError('usage', '--rm needs a command that waits for the end: leave --detach out');
  if (context.flag('dry-run')) {
    const whole = { id: name ?? newId(word), ...spec };
    return { document: whole, text: toYaml(whole) };
  }
  const timeoutMs = timeoutOf(context);
  const client = await context.client();
  if (json && !detach) throw new BerthError('usage', 'run writes what the workload writes: --json goes with --detach');
  const session = await host.openSession();
  const stopper = new Stopper(client, detach);
  try {
    session.onSignal(() => stopper.signal());
    const id = await freeId(client, name, word);
    await client.call('workload.create', { spec: { ...spec, id } });
    stopper.created(id);
    if (detach) return await started(context, client, id, { timeoutMs, signal: stopper.gone });
    if (name === undefined && host.errIsTerminal) await host.err(`${id}: Ctrl-C stops it\n`);
    try {
      return { document: undefined, text: '', exit: codeOf(await attached(context, client, id, stopper.gone)) };
    } finally {
      if (rm) await remove(client, id, stopper.gone);
    }
  } catch (error) {
    if (stopper.left) return { document: undefined, text: '', exit: INTERRUPTED };
    throw error;
  } finally {
    session.close();
  }
}

/** Throws `conflict`: to run again what is there already is another command. */
async function freeId(client: Client, name: string | undefined, word: string): Promise<string> {
  for (;;) {
    const id = name ?? newId(word);
    if (!(await isThere(client, id))) return id;
    if (name !== undefined)
      throw new BerthError('conflict', `there is a workload "${id}" already`, {
        hint: `Choose another --name, start it with \`berth workload start ${id}\`, or delete it first.`,
        data: { id },
      });
  }
}

async function isThere(client: Client, id: string): Promise<boolean> {
  try {
    await client.call('workload.get', { id });
    return true;
  } catch (error) {
    if (reportOf(error).code === 'not_found') return false;
    throw error;
  }
}

interface Patience {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

async function started(context: Context, client: Client, id: string, patience: Patience): Promise<Answer> {
  const progress = startProgress(context.host, context.json);
  const watched = watching(context, client, id, progress);
  try {
    const view = await follow(client, id, isStarted(), { ...patience, onLook: watched.look });
    return { document: { workload: view }, text: `${id}\n` };
  } finally {
    watched.stop();
    await progress.stop();
  }
}

/** Prints what it writes until it has ended, and nothing can come any more. Undefined: it was deleted meanwhile. */
async function attached(
  context: Context,
  client: Client,
  id: string,
  signal: AbortSignal,
): Promise<WorkloadView | undefined> {
  const { host } = context;
  const progress = startProgress(host, false);
  const watched = watching(context, client, id, progress);
  const reader = new LogReader(client, id);
  const over: Judge = (view) => view === undefined || isDown(view);
  const end = follow(client, id, over, { timeoutMs: undefined, signal, onLook: watched.look });
  end.catch(() => undefined);
  try {
    for (let open = true; open; ) {
      open = await Promise.race([end.then(() => false), sleep(POLL_MS, true, { ref: false })]);
      for await (const { bytes, missing } of reader.pieces(true)) {
        await progress.stop();
        if (missing > 0) await host.err(`berth: ${missing} bytes of output are missing here\n`);
        await host.out(bytes);
      }
    }
    return await end;
  } finally {
    watched.stop();
    await progress.stop();
  }
}

/** What it waits for, on the line of the progress. */
function watching(context: Context, client: Client, id: string, progress: Progress) {
  let state = 'pending';
  let pull: { stop(): void } | undefined;
  return {
    look: (view: WorkloadView | undefined): void => {
      if (view?.state === 'running') progress.stop().catch(() => undefined);
      state = view?.state ?? 'gone';
      const wait = view && waitOf(view);
      progress.say(`${id} ${state}${wait === undefined ? '' : `, waits ${wait}`}`);
      if (view?.spec.image !== undefined)
        pull ??= watchPull(context, client, view.spec.image, (text) => progress.say(`${id} ${state}: ${text}`));
    },
    stop: (): void => pull?.stop(),
  };
}

/** That of the program. Throws why there was none. */
function codeOf(view: WorkloadView | undefined): number {
  if (view === undefined) throw new BerthError('not_found', 'the workload was deleted meanwhile');
  const { end, error } = view;
  if (end?.code != null) return end.code;
  if (end?.signal != null) return 128 + (SIGNALS[end.signal] ?? 0);
  if (error !== null)
    throw new BerthError(error.code, error.message, { hint: error.hint, ...defined({ data: error.data }) });
  if (view.state === 'failed') throw failed(view);
  return INTERRUPTED;
}

const SIGNALS: Readonly<Record<string, number>> = constants.signals;

/** When nobody waits any more it is only asked for. */
async function remove(client: Client, id: string, signal: AbortSignal): Promise<void> {
  try {
    await client.call('workload.delete', { id, now: signal.aborted });
    if (!signal.aborted) await follow(client, id, isGone, { timeoutMs: undefined, signal });
  } catch (error) {
    if (reportOf(error).code !== 'not_found') throw error;
  }
}
