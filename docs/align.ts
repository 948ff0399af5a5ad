// Tables as the formatter of the checkout would write them, so that the two do not undo each other's work.

/** Pads the cells of every table outside code blocks. */
export function alignTables(markdown: string): string {
  const out: string[] = [];
  let rows: string[][] = [];
  let code = false;
  for (const line of `${markdown}\n`.split('\n')) {
    if (line.startsWith('```')) code = !code;
    if (!code && line.startsWith('|')) {
      rows.push(cells(line));
      continue;
    }
    out.push(...padded(rows), line);
    rows = [];
  }
  return out.join('\n').slice(0, -1);
}

function cells(line: string): string[] {
  return line
    .replace(/^\||\|\s*$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

function padded(rows: readonly (readonly string[])[]): string[] {
  const [head = []] = rows;
  const widths = head.map((_, i) => Math.max(3, ...rows.map((row, n) => (n === 1 ? 0 : (row[i]?.length ?? 0)))));
  return rows.map((row, n) => {
    const filled = widths.map((width, i) => (n === 1 ? '-'.repeat(width) : (row[i] ?? '').padEnd(width)));
    return `| ${filled.join(' | ')} |`;
  });
}
