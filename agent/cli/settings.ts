// Settings of a tenant from the command line: `memory=4Gi guaranteed.cpu=2 licences.db=3 limits.pids=500`, and from a
// file of the same shape as the protocol's. What they may be is the agent's to judge.
import { BerthError } from '../../protocol/errors.js';
import type { Context } from './command.js';
import { readSpecs } from './specs.js';

const SECTIONS = ['quota', 'guaranteed', 'licences', 'limits'];

type Settings = Record<string, Record<string, unknown>>;

/** The command line over the file. Throws `usage`. */
export async function readSettings(context: Context, words: readonly string[]): Promise<Settings> {
  const settings: Settings = {};
  for (const { spec } of await readSpecs(context))
    for (const [section, values] of Object.entries(spec))
      settings[section] = { ...settings[section], ...(values as object) };
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new BerthError('usage', `${JSON.stringify(word)} is not a setting such as memory=4Gi`);
    const path = word.slice(0, at).split('.');
    const [section = '', key = ''] = path.length === 1 ? ['quota', path[0]] : [path[0], path.slice(1).join('.')];
    if (!SECTIONS.includes(section))
      throw new BerthError(
        'usage',
        `${JSON.stringify(word)}: there is no ${section}; settings are KEY, guaranteed.KEY, licences.NAME, limits.KEY`,
      );
    settings[section] = { ...settings[section], [key]: settingOf(word.slice(at + 1)) };
  }
  return settings;
}

/** A number, a size, a JSON value, or nothing, which takes the setting back. */
function settingOf(text: string): unknown {
  if (text === '' || text === 'none') return null;
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new BerthError('usage', `${text} is not JSON`);
  }
}
