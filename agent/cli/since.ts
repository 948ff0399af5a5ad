// A moment as people type it.
import { BerthError } from '../../protocol/errors.js';
import { parseDuration } from '../base/units.js';
import type { Context } from './command.js';

/** Unix ms: a duration back from now, or a time as Date knows it. Throws `usage`. */
export function sinceOf({ host, option }: Pick<Context, 'host' | 'option'>): number | undefined {
  const text = option('since');
  if (text === undefined) return undefined;
  const back = parseDuration(text);
  const at = back === undefined ? Date.parse(text) : host.now() - back;
  if (Number.isNaN(at))
    throw new BerthError('usage', `--since: ${JSON.stringify(text)} is neither a time nor a duration`, {
      hint: 'A duration is 30s, 10m or 2h; a time is 2026-01-31T14:05:00Z.',
    });
  return Math.max(0, Math.round(at));
}
