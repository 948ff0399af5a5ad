import { configJsonSchema, defaultToml, dumpToml } from '../../config/document.js';
import { invalid, lineOf, loadConfig } from '../../config/load.js';
import { missingAccounts, missingFiles } from '../../config/references.js';
import type { Config } from '../../config/schema.js';
import { readWebConfig } from '../../web/web-config.js';
import type { Answer, Context } from '../command.js';

/** Against the routes and addresses of the host this runs on; the agent asks the same at its start. */
async function requireFreePools({ network, paths }: Config): Promise<void> {
  const { hostNetworks, requireFreePools: check } = await import('../../network/conflicts.js');
  const { hasRecords } = await import('../../workload/journal.js');
  if (await hasRecords(paths.state)) return;
  check(network, hostNetworks());
}

export function configCommand(verb: 'default' | 'check' | 'dump' | 'schema'): (context: Context) => Promise<Answer> {
  return async (context) => {
    // With --json the two below differ in nothing but the wrapping: a document is always an object.
    if (verb === 'default') return { document: { toml: defaultToml() }, text: defaultToml() };
    if (verb === 'schema') {
      const schema = configJsonSchema();
      return { document: schema, text: `${JSON.stringify(schema, undefined, 2)}\n` };
    }
    const loaded = await loadConfig({
      file: context.option('config'),
      env: context.host.env,
      flags: context.configFlags,
    });
    const { config, files, warnings } = loaded;
    if (verb === 'dump')
      return { document: { config, origins: Object.fromEntries(loaded.origins), files }, text: dumpToml(loaded) };
    const missing = [...(await missingFiles(config)), ...(await missingAccounts(config))];
    if (missing.length > 0)
      throw invalid(missing.map(({ path, problem }) => ({ origin: loaded.where(path), key: path.join('.'), problem })));
    if (config.web.config_file !== '') await readWebConfig(config.web.config_file);
    await requireFreePools(config);
    const read = files.length === 0 ? 'no file, defaults only' : files.join(', ');
    const ignored = warnings.map((warning) => `warning: ${lineOf(warning)}\n`).join('');
    return { document: { valid: true, files, warnings }, text: `${ignored}the configuration is valid (${read})\n` };
  };
}
