// Runs one command line: parse, run, print, exit code. Answers go to standard output. Errors go to standard error as
// sentences, or with --json to standard output as {"error": {code, message, hint, data?}}, so that a program that
// reads standard output gets exactly one document whatever happens.
import { defined } from '../../linux/defined.js';
import { BerthError, ERRORS } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import type { Client, Command, Context, Host } from './command.js';
import { exitOf, failureText } from './failure.js';
import { commandHelp, groupHelp, overview } from './help.js';
import type { Invocation } from './parse.js';
import { find, parse } from './parse.js';
import { styleFor } from './style.js';

export const DEFAULT_SOCKET = '/run/berth/berth.sock';

/** Never throws. Resolves to the exit code. */
export async function runCli(host: Host, argv: readonly string[], commands: readonly Command[]): Promise<number> {
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  let json = flags.includes('--json');
  const noColor = flags.includes('--no-color');
  try {
    const parsed = parse(commands, argv);
    if (parsed.kind === 'run') {
      json = parsed.options.has('json');
      return await runCommand(host, commands, parsed, json, noColor);
    }
    if (parsed.kind === 'version') return await runCli(host, ['version', ...(json ? ['--json'] : [])], commands);
    if (!parsed.asked && json)
      throw new BerthError('usage', `COMMAND is missing after \`berth ${parsed.words.join(' ')}\``);
    const text = helpText(commands, parsed.words);
    await (parsed.asked ? host.out(text) : host.err(text));
    return parsed.asked ? 0 : 2;
  } catch (error) {
    const report = reportOf(error);
    if (json) await host.out(`${JSON.stringify({ error: report }, undefined, 2)}\n`);
    else await host.err(failureText(report, styleFor(host.errIsTerminal, host.env, noColor)));
    return exitOf(report);
  }
}

function helpText(commands: readonly Command[], words: readonly string[]): string {
  const command = find(commands, words);
  if (command !== undefined) return commandHelp(command);
  return words.length === 0 ? overview(commands) : groupHelp(commands, words);
}

async function runCommand(
  host: Host,
  commands: readonly Command[],
  { command, args, options, configFlags }: Invocation,
  json: boolean,
  noColor: boolean,
): Promise<number> {
  const signal = command.ownSignals === true ? new AbortController().signal : host.interruption();
  const address = options.get('connect')?.at(-1) ?? (host.env.BERTH_CONNECT || DEFAULT_SOCKET);
  let client: Promise<Client> | undefined;
  const values = (name: string): readonly string[] => {
    const fallback = command.options.find((o) => o.name === name)?.fallback;
    return options.get(name) ?? (fallback === undefined ? [] : [fallback]);
  };
  const context: Context = {
    host,
    commands,
    args,
    configFlags,
    json,
    signal,
    style: { ...styleFor(host.outIsTerminal, host.env, noColor), ...defined({ columns: host.outColumns }) },
    errStyle: styleFor(host.errIsTerminal, host.env, noColor),
    address,
    option: (name) => values(name).at(-1),
    values,
    flag: (name) => options.has(name),
    client: () => {
      client ??= host.connect(address, { signal });
      return client;
    },
  };
  try {
    const { run } = await command.load();
    const answer = await run(context);
    if (json && answer.document !== undefined) await host.out(`${JSON.stringify(answer.document, undefined, 2)}\n`);
    if (!json && answer.text !== '') await host.out(answer.text);
    return answer.exit ?? 0;
  } catch (error) {
    // 128 + SIGINT, as a shell would report it.
    if (signal.aborted) return 130;
    const { code, message, hint } = reportOf(error);
    if (code !== 'usage' || hint !== ERRORS.usage.hint) throw error;
    throw new BerthError('usage', message, { hint: `Run \`berth help ${command.path.join(' ')}\`.` });
  } finally {
    if (client !== undefined)
      await client.then(
        (open) => open.close(),
        () => {},
      );
  }
}
