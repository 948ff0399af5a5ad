// The shape of a message before it is parsed: how deep it nests and how many values it has. JSON.parse makes an object of
// each value, and a schema looks at each: a megabyte of them holds the main loop for a second. This scan takes a few
// milliseconds for a megabyte and makes nothing. It does not check the JSON: what is damaged fails in JSON.parse.
import { fieldOf } from '../base/wrong-fields.js';

export interface ShapeLimits {
  readonly depth: number;
  /** Of one list or object. */
  readonly entries: number;
  /** Of the whole message. */
  readonly values: number;
}

/** Well above the largest message that a schema takes: two egress lists of 1,000, 1,024 arguments and variables. */
export const SHAPE: ShapeLimits = { depth: 32, entries: 2048, values: 16_384 };

export interface ShapeProblem {
  /** `params.scopes`; empty: the message. */
  readonly field: string;
  readonly problem: string;
  /** The id of the request, for the answer; null where it could not be found. */
  readonly id: string | number | null;
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
/** Characters of one key in the path of a problem. */
const MOST_KEY = 64;

const MOST_ID = 300;

interface Level {
  readonly list: boolean;
  entries: number;
  keyFrom: number;
  keyTo: number;
}

/** The first thing that is beyond `limits`; undefined: nothing is. */
export function shapeProblem(text: string, limits: ShapeLimits = SHAPE): ShapeProblem | undefined {
  const levels: Level[] = [];
  let found: Omit<ShapeProblem, 'id'> | undefined;
  let idAt: number | undefined;
  let values = 1;
  let stringFrom = 0;
  let stringTo = 0;
  const count = (): void => {
    const level = levels.at(-1);
    if (level === undefined) return;
    level.entries++;
    values++;
    if (level.entries > limits.entries)
      found ??= { field: pathOf(text, levels.slice(0, -1)), problem: `must have at most ${limits.entries} entries` };
    else if (values > limits.values)
      found ??= { field: '', problem: `the message must have at most ${limits.values} values` };
  };
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        stringFrom = at + 1;
        stringTo = endOfString(text, stringFrom);
        at = stringTo;
        break;
      case COLON: {
        const level = levels.at(-1);
        if (level === undefined) break;
        level.keyFrom = stringFrom;
        level.keyTo = stringTo;
        if (levels.length === 1 && text.startsWith('"id"', stringFrom - 1)) idAt = at + 1;
        break;
      }
      case COMMA:
        count();
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        levels.push({ list: text.charCodeAt(at) === OPEN_LIST, entries: 0, keyFrom: 0, keyTo: 0 });
        if (levels.length > limits.depth) {
          const field = pathOf(text, levels.slice(0, -1).slice(0, 8));
          return { field, problem: `must not nest deeper than ${limits.depth} levels`, id: idOf(text, idAt) };
        }
        count();
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        levels.pop();
        break;
    }
    // The rest is looked through for the id only.
    if (found !== undefined && idAt !== undefined) break;
  }
  return found === undefined ? undefined : { ...found, id: idOf(text, idAt) };
}

/** A short string or a number; whatever else stands there is no id. */
function idOf(text: string, at: number | undefined): string | number | null {
  if (at === undefined) return null;
  const [, literal = 'null'] = /^\s{0,16}("[^"\\]*"|-?\d+)\s{0,16}[,}]/.exec(text.slice(at, at + MOST_ID)) ?? [];
  try {
    return JSON.parse(literal) as string | number | null;
  } catch {
    return null;
  }
}

/** The position of the quote that ends it; the length of the text when none does. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (before >= from && text.charCodeAt(before) === BACKSLASH) before--;
    if ((at - before) % 2 === 1) return at;
  }
  return text.length;
}

function pathOf(text: string, levels: readonly Level[]): string {
  return fieldOf(
    levels.map(({ list, entries, keyFrom, keyTo }) =>
      list ? entries - 1 : text.slice(keyFrom, Math.min(keyTo, keyFrom + MOST_KEY)),
    ),
  );
}
