import { loadConfig } from '../../config/load.js';
import type { Answer, Context } from '../command.js';
import { VERSION } from '../version.js';

export async function run(context: Context): Promise<Answer> {
  const load = async () => {
    const { env } = context.host;
    return (await loadConfig({ file: context.option('config'), env, flags: context.configFlags })).config;
  };
  const exit = await context.host.runAgent(await load(), { version: VERSION, load });
  return { document: undefined, text: '', exit };
}
