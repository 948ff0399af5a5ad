/** One word of a POSIX shell, whatever is in it: nothing has a meaning within single quotes. NUL cannot be. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
