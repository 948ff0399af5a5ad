// Variables of an environment as options give them.
import { BerthError } from '../../protocol/errors.js';

/** Each `NAME=VALUE`, or `NAME` for the value it has in `own`; nothing where it has none. Throws `usage`. */
export function variablesOf(texts: readonly string[], own: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(texts.flatMap((text) => variableOf(text, own)));
}

function variableOf(text: string, own: NodeJS.ProcessEnv): [string, string][] {
  const at = text.indexOf('=');
  if (at > 0) return [[text.slice(0, at), text.slice(at + 1)]];
  if (at === 0 || text === '')
    throw new BerthError('usage', `--env is NAME=VALUE or NAME; it is ${JSON.stringify(text)}`);
  const value = own[text];
  return value === undefined ? [] : [[text, value]];
}
