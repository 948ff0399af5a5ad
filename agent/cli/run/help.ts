import type { Answer, Context } from '../command.js';
import { commandHelp, groupHelp, overview } from '../help.js';
import { find, isGroup, unknown } from '../parse.js';

export async function run(context: Context): Promise<Answer> {
  const text = await textFor(context);
  return { document: { text }, text };
}

async function textFor({ args, commands }: Context): Promise<string> {
  if (args.length === 0) return overview(commands);
  if (args[0] === 'spec') {
    const { fieldHelp, specHelp } = await import('../spec-help.js');
    return args.length === 1 ? specHelp() : fieldHelp(args.slice(1).join('.'));
  }
  const command = find(commands, args);
  if (command !== undefined && command.path.length === args.length) return commandHelp(command);
  if (isGroup(commands, args)) return groupHelp(commands, args);
  throw unknown(commands, args);
}
