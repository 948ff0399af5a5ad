// A program inside a workload, as if it ran here: its streams, its terminal, its exit code.
import { constants } from 'node:os';
import { defined } from '../../../linux/defined.js';
import { BerthError } from '../../../protocol/errors.js';
import { attach } from '../attached.js';
import type { Answer, Context } from '../command.js';
import { variablesOf } from '../variables.js';

export async function run(context: Context): Promise<Answer> {
  const { host, args, json } = context;
  const [id = '', ...command] = args;
  const env = variablesOf(context.values('env'), host.env);
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
