// A program inside a workload, as if it ran here: its streams, its terminal, its exit code.
import { constants } from 'node:os';
import { defined } from '../../../linux/defined.js';
import { BerthError } from '../../base/errors.js';
import { attach } from '../attached.js';
import type { Answer, Context } from '../command.js';

export async function run(context: Context): Promise<Answer> {
  const { host, args, json } = context;
  const [id = '', ...command] = args;
  const env = Object.fromEntries(context.values('env').flatMap((text) => variableOf(text, host.env)));
  const session = await host.openSession();
  try {
    const terminal = context.flag('tty');
    if (terminal && !session.isTerminal)
      throw new BerthError('usage', 'standard input is no terminal: leave -t out', {
        hint: 'With -i alone the program reads what is piped to it.',
      });
    const input = context.flag('interactive');
    const client = await context.client();
    if (json) throw new BerthError('usage', 'exec writes what the program writes: it has no --json');
    const stream = await client.open('workload.exec', {
      ...{ id, command, env, stdin: input },
      ...defined({ user: context.option('user'), cwd: context.option('workdir') }),
      ...(terminal ? { tty: session.size() } : {}),
    });
    const code = await attach(host, session, stream, { signals: constants.signals, input, terminal });
    return { document: undefined, text: '', exit: code ?? 0 };
  } finally {
    session.close();
  }
}

/** `NAME=VALUE`, or `NAME` for the value it has here; nothing where it has none. */
function variableOf(text: string, own: NodeJS.ProcessEnv): [string, string][] {
  const at = text.indexOf('=');
  if (at > 0) return [[text.slice(0, at), text.slice(at + 1)]];
  if (at === 0 || text === '')
    throw new BerthError('usage', `--env is NAME=VALUE or NAME; it is ${JSON.stringify(text)}`);
  const value = own[text];
  return value === undefined ? [] : [[text, value]];
}
