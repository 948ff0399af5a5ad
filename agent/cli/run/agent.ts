import type { Answer, Context } from '../command.js';

export async function run({ configFlags, host, option }: Context): Promise<Answer> {
  const exit = await host.runAgent({ file: option('config'), flags: configFlags });
  return { document: undefined, text: '', exit };
}
