// JSON from a person or a peer. JSON.parse keeps the last of two members with one name: the first would be lost in silence.

export interface Duplicate {
  readonly key: string;
  /** Offset of the second one. */
  readonly at: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;

/** The first name that an object of a valid JSON text has twice. One pass, for messages on the main loop. */
export function duplicateKey(text: string): Duplicate | undefined {
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
          if (names.has(key)) return { key, at };
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
