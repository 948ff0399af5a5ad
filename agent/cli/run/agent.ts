import { loadConfig } from '../../config/load.js';
import type { Answer, Context } from '../command.js';
import { VERSION } from '../version.js';

export async function run(context: Context): Promise<Answer> {
  const { config } = await loadConfig({
    file: context.option('config'),
    env: context.host.env,
    flags: context.configFlags,
  });
  const exit = await context.host.runAgent(config, { version: VERSION });
  return { document: undefined, text: '', exit };
}
