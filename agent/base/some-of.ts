/** The first of a list, and how many more there are: `a; b; and 3 more`. */
export function someOf(words: readonly string[], most: number, between = '; '): string {
  const more = words.length - most;
  const told = words.slice(0, most).join(between);
  if (more <= 0) return told;
  return `${told}${between.trimEnd() === ',' ? '' : between.trimEnd()} and ${more} more`;
}
