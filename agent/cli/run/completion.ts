import type { Answer, Context } from '../command.js';
import { completionScript } from '../completion.js';

export async function run(context: Context): Promise<Answer> {
  const shell = context.args[0] ?? '';
  const text = completionScript(shell as 'bash' | 'zsh' | 'fish', context.commands);
  return { document: { shell, script: text }, text };
}
