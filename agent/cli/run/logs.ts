// Bytes as they came, of one workload; of several, or with their times, line by line. With --json text where it is UTF-8, base64 where not.
import { isUtf8 } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError, type ErrorReport } from '../../../protocol/errors.js';
import { reportOf } from '../../base/errors.js';
import type { Answer, Context } from '../command.js';
import { exitOf, failureText } from '../failure.js';
import { type Came, idPrefix, LogLines } from '../log-lines.js';
import { LogReader, type Piece } from '../log-reader.js';
import { choose, noneMatch } from '../selection.js';
import { sinceOf } from '../since.js';

const POLL_MS = 250;
/** As the protocol has it. */
const MOST_TAIL = 1_000_000;

export async function run(context: Context): Promise<Answer> {
  const timed = context.flag('timestamps');
  const asked = { tail: tailOf(context.option('tail')), since: sinceOf(context), timed };
  const chosen = choose(context);
  const client = await context.client();
  const { ids, picked } = await chosen(client);
  if (ids.length === 0) return noneMatch(context);
  const several = picked || ids.length > 1;
  const width = Math.max(...ids.map((id) => id.length));
  const outputs = ids.map((id) => {
    const lines = { prefix: several ? idPrefix(id, width) : '', timed };
    return new Output(
      context,
      new LogReader(client, id, asked),
      several || timed ? new LogLines(lines) : undefined,
      several,
    );
  });
  const failures = new Map<string, ErrorReport>();
  const follow = context.flag('follow');
  for (let open = outputs; open.length > 0; ) {
    const still: Output[] = [];
    for (const output of open) {
      try {
        if (!(await output.go(follow))) still.push(output);
      } catch (error) {
        const report = reportOf(error);
        if (!several || context.signal.aborted || report.code === 'cannot_connect') throw error;
        failures.set(output.id, report);
        if (!context.json) await context.host.err(failureText(report, context.errStyle, output.id));
      }
    }
    open = still;
    if (open.length > 0) await sleep(POLL_MS, undefined, { signal: context.signal });
  }
  const [first] = failures.values();
  const exit = first === undefined ? {} : { exit: exitOf(first) };
  if (follow) return { document: undefined, text: '', ...exit };
  const results = outputs.map((output) => {
    const error = failures.get(output.id);
    return error === undefined ? output.whole() : { id: output.id, error };
  });
  return { document: several ? { results } : results[0], text: '', ...exit };
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= MOST_TAIL) return count;
  throw new BerthError('usage', `--tail is a number of lines from 0 to ${MOST_TAIL}; it is ${JSON.stringify(text)}`);
}

/** Where the output of one workload goes. */
class Output {
  readonly #context: Context;
  readonly #reader: LogReader;
  readonly #lines: LogLines | undefined;
  readonly #several: boolean;
  readonly #kept: Buffer[] = [];
  readonly #times: Came[] = [];

  /** `lines`: undefined for bytes as they came. */
  constructor(context: Context, reader: LogReader, lines: LogLines | undefined, several: boolean) {
    this.#context = context;
    this.#reader = reader;
    this.#lines = lines;
    this.#several = several;
  }

  get id(): string {
    return this.#reader.id;
  }

  /** Prints what there is; true: no more will come. */
  async go(follow: boolean): Promise<boolean> {
    // Before the output, so that an end seen here means that nothing can come after what is read next.
    const ended = follow ? await this.#reader.hasEnded() : true;
    for await (const piece of this.#reader.pieces(follow)) await this.#print(piece, follow);
    if (ended && this.#lines !== undefined && !this.#context.json) await this.#out(this.#lines.flush());
    return ended;
  }

  whole(): object {
    const times = this.#context.flag('timestamps') ? { times: this.#times } : {};
    return { id: this.id, ...contentOf(Buffer.concat(this.#kept)), next: this.#reader.position, ...times };
  }

  async #print({ bytes, missing, next, times }: Piece, follow: boolean): Promise<void> {
    const { json } = this.#context;
    if (json && !follow) {
      this.#kept.push(bytes);
      this.#times.push(...times);
      return;
    }
    if (json) {
      const of = this.#several ? { id: this.id } : {};
      const came = this.#context.flag('timestamps') ? { times } : {};
      const line = { ...of, ...contentOf(bytes), next, ...(missing > 0 ? { missing } : {}), ...came };
      await this.#out(`${JSON.stringify(line)}\n`);
      return;
    }
    const gap = `berth: ${missing} bytes of output are missing here: they were rotated away before they were read\n`;
    if (missing > 0) {
      const rest = this.#lines?.flush() ?? '\n';
      await this.#out(rest);
      await this.#out(this.#lines?.take(Buffer.from(gap)) ?? gap);
    }
    await this.#out(this.#lines?.take(bytes, times, next - bytes.length) ?? bytes);
  }

  async #out(text: string | Uint8Array): Promise<void> {
    if (text.length > 0) await this.#context.host.out(text);
  }
}

function contentOf(bytes: Buffer): object {
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { text: '', base64: bytes.toString('base64') };
}
