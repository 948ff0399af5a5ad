// Where a JSON text stops being JSON. JSON.parse tells its reason but, depending on the version of Node and the length
// of the text, not the place; a person with a specification of a hundred lines needs the line.

const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them inside strings
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const OTHER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null/y;

/** Offset of the first character that cannot be there; the length of the text when it only ends too early or is valid. */
export function jsonErrorOffset(text: string): number {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at += match[0].length;
    return match !== null;
  };
  const take = (char: string): boolean => {
    skip(SPACE);
    const there = text[at] === char;
    if (there) at++;
    skip(SPACE);
    return there;
  };
  const list = (close: string, item: () => boolean): boolean => {
    if (take(close)) return true;
    do if (!item()) return false;
    while (take(','));
    return take(close);
  };
  const value = (): boolean => {
    if (take('{')) return list('}', () => skip(TEXT) && take(':') && value());
    if (take('[')) return list(']', value);
    return skip(TEXT) || skip(OTHER);
  };
  value();
  return at;
}
