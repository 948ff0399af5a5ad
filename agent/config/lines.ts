// On which line of a TOML text a key stands. The parser keeps positions for syntax errors only, and a message that
// says "line 14" is worth this small scanner. It runs on texts that have already been parsed, so it need not check.

/** Path of a key, joined with NUL so that quoted keys with dots stay apart. Array tables count from 0. */
export type LineIndex = ReadonlyMap<string, number>;

const KEY =
  /^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/;
const HEADER = /^\s*(\[\[?)\s*(.*?)\s*\]\]?\s*(?:#.*)?$/;
const PART = /"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g;

const join = (path: readonly (string | number)[]): string => path.map(String).join('\0');
const split = (key: string): string[] => [...key.matchAll(PART)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');

/** Lines count from 1. Keys inside inline tables have no entry of their own: see lineOf. */
export function indexLines(toml: string): LineIndex {
  const index = new Map<string, number>();
  const counts = new Map<string, number>();
  let table: (string | number)[] = [];
  let open = 0;
  let quote = '';
  toml.split('\n').forEach((text, at) => {
    let value = text;
    if (open === 0 && quote === '') {
      const header = HEADER.exec(text);
      const key = KEY.exec(text);
      if (key === null && header !== null) {
        table = resolve(split(header[2] ?? ''), counts);
        if (header[1] === '[[') {
          const n = counts.get(join(table)) ?? 0;
          counts.set(join(table), n + 1);
          // The list itself starts where its first item does.
          if (n === 0) index.set(join(table), at + 1);
          table = [...table, n];
        }
        index.set(join(table), at + 1);
        return;
      }
      if (key === null) return;
      const path = [...table, ...split(key[1] ?? '')];
      for (let n = table.length + 1; n <= path.length; n++) {
        const name = join(path.slice(0, n));
        if (!index.has(name)) index.set(name, at + 1);
      }
      value = text.slice(key[0].length);
    }
    [open, quote] = scan(value, open, quote);
  });
  return index;
}

/** `[a.b]` below `[[a]]` means the newest item of a. */
function resolve(parts: readonly string[], counts: ReadonlyMap<string, number>): (string | number)[] {
  const path: (string | number)[] = [];
  parts.forEach((part, i) => {
    path.push(part);
    const n = counts.get(join(path));
    if (n !== undefined && i < parts.length - 1) path.push(n - 1);
  });
  return path;
}

/** Follows brackets and multi-line strings to the end of a line: depth and open quote. */
function scan(text: string, depth: number, quote: string): [number, string] {
  let open = depth;
  let inside = quote;
  for (let i = 0; i < text.length; i++) {
    if (inside !== '') {
      if (text[i] === '\\' && inside[0] === '"') i++;
      else if (text.startsWith(inside, i)) {
        i += inside.length - 1;
        inside = '';
      }
      continue;
    }
    const char = text[i] ?? '';
    if (char === '#') break;
    if (char === '"' || char === "'") {
      inside = text.startsWith(char.repeat(3), i) ? char.repeat(3) : char;
      i += inside.length - 1;
    } else if (char === '[' || char === '{') open++;
    else if (char === ']' || char === '}') open--;
  }
  return [open, inside.length === 3 ? inside : ''];
}

/** Line of the key, or of the nearest thing around it that has one; undefined when not even its table has. */
export function lineOf(index: LineIndex, path: readonly (string | number)[]): number | undefined {
  for (let n = path.length; n > 0; n--) {
    const line = index.get(join(path.slice(0, n)));
    if (line !== undefined) return line;
  }
  return undefined;
}
