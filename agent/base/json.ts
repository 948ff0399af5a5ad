// JSON from a person or a peer. JSON.parse keeps the last of two members with one name: the first would be lost in silence, as would be
// what has a name that no schema sees (lost-name.ts).
import { jsonErrorOffset } from './json-position.js';
import { LOST_NAME } from './lost-name.js';

/** `position`: LINE:COLUMN, both from 1. */
export class JsonError extends Error {
  readonly position: string;

  constructor(text: string, offset: number, problem: string) {
    super(problem);
    const before = text.slice(0, offset);
    this.position = `${before.split('\n').length}:${before.length - before.lastIndexOf('\n')}`;
  }
}

/** Of a file or of standard input. Throws JsonError where JSON.parse would, and for a member that would be lost. */
export function parseJson(input: string): unknown {
  const text = input.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const offset = jsonErrorOffset(text);
    // One character: what follows may be a password that lacks its quotes.
    const rest = text.slice(offset, offset + 1).trim();
    const what =
      text.trim() === '' ? 'it is empty' : rest === '' ? 'it ends too early' : `unexpected ${JSON.stringify(rest)}`;
    throw new JsonError(text, offset, `not valid JSON: ${what}`);
  }
  const wrong = wrongKey(text);
  if (wrong === undefined) return value;
  const problem =
    wrong.key === LOST_NAME
      ? `${JSON.stringify(LOST_NAME)} cannot be a name`
      : `duplicate key ${JSON.stringify(wrong.key)}: the same object has it already`;
  throw new JsonError(text, wrong.at, problem);
}

export interface WrongKey {
  readonly key: string;
  /** Offset of it, of two of the second one. */
  readonly at: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;

/** The first name that an object of a valid JSON text has twice, or that is lost. One pass, for messages on the main loop. */
export function wrongKey(text: string): WrongKey | undefined {
  // One entry for each open object or list; undefined: a list, which has no names.
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
        open.push(names);
        names = new Set();
        isName = true;
        break;
      case OPEN_LIST:
        open.push(names);
        names = undefined;
        isName = false;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        names = open.pop();
        isName = false;
        break;
      case COMMA:
        isName = names !== undefined;
        break;
      case QUOTE: {
        const end = endOfText(text, at);
        if (isName && names !== undefined) {
          const key = nameOf(text, at, end);
          if (names.has(key) || key === LOST_NAME) return { key, at };
          names.add(key);
          isName = false;
        }
        at = end;
        break;
      }
    }
  }
  return undefined;
}

/** Offset of the quote that ends the text which begins at `from`. */
function endOfText(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === BACKSLASH) at++;
    else if (char === QUOTE) return at;
  }
  return text.length;
}

/** Two spellings of a name are one name: `"id"` and `"\u0069d"`. */
function nameOf(text: string, from: number, end: number): string {
  const raw = text.slice(from + 1, end);
  return raw.includes('\\') ? String(JSON.parse(text.slice(from, end + 1))) : raw;
}
