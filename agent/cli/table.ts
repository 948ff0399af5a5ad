// Tables as `ls -l` would print them: aligned columns, two spaces between, no frames, so that awk can read them too.
import { cutMiddle, fitted, type GivesWay } from './fit.js';
import type { Colour, Style } from './style.js';
import { clean } from './style.js';

export interface Cell {
  readonly text: string;
  readonly colour?: Colour | undefined;
}

export interface Column<Row> extends GivesWay {
  readonly title: string;
  readonly right?: boolean;
  cell(row: Row): string | Cell;
}

/**
 * Ends with a line break. An empty cell becomes `-`, so that every row has the same number of words. In a terminal columns give way, and
 * a line says which are left out; a pipe gets all of it.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: Style): string {
  const { lines, left } = tableLines(columns, rows, style);
  const note = `Left out, the terminal is too narrow: ${left.join(', ')}`;
  return [...lines, ...(left.length === 0 ? [] : [style.paint('dim', note)])].map((line) => `${line}\n`).join('');
}

/** The titles first; `left`: titles of columns that are left out. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: Style,
): { readonly lines: readonly string[]; readonly left: readonly string[] } {
  const cells = rows.map((row) =>
    columns.map((column) => {
      const cell = column.cell(row);
      const { text, colour } = typeof cell === 'string' ? { text: cell, colour: undefined } : cell;
      return { text: text === '' ? '-' : clean(text), colour };
    }),
  );
  const head = columns.map((column) => ({ text: column.title, colour: 'bold' as const }));
  const natural = columns.map((_, i) => Math.max(...[head, ...cells].map((line) => lengthOf(line[i]?.text ?? ''))));
  const widths = fitted(columns, natural, style.columns);
  const shown = [...columns.keys()].filter((i) => (widths[i] ?? 0) > 0);
  const lines = [head, ...cells].map((line) =>
    shown
      .map((i) => {
        const { text: whole = '', colour } = line[i] ?? {};
        const width = widths[i] ?? 0;
        const text = cutMiddle(whole, width);
        const gap = ' '.repeat(width - lengthOf(text));
        const painted = style.paint(colour, text);
        if (columns[i]?.right === true) return gap + painted;
        return i === shown.at(-1) ? painted : painted + gap;
      })
      .join('  '),
  );
  return { lines, left: columns.flatMap(({ title }, i) => (widths[i] === 0 ? [title] : [])) };
}

/** In characters: half of one that takes two places of UTF-16 must not stay. */
function lengthOf(text: string): number {
  return [...text].length;
}

/** `Name   value` lines; those without a value are left out. Values may have several lines. */
export function facts(rows: readonly (readonly [string, string | Cell | undefined])[], style: Style): string {
  const shown = rows.flatMap(([name, value]) => {
    const cell = typeof value === 'string' ? { text: value, colour: undefined } : value;
    return cell === undefined || cell.text === '' ? [] : [{ name, text: clean(cell.text, true), colour: cell.colour }];
  });
  const width = Math.max(0, ...shown.map(({ name }) => name.length));
  return shown
    .map(({ name, text, colour }) => {
      const body = text.split('\n').map((line) => style.paint(colour, line));
      return `${style.paint('bold', name)}${' '.repeat(width - name.length)}  ${body.join(`\n${' '.repeat(width + 2)}`)}\n`;
    })
    .join('');
}

/** A heading and indented lines; nothing without lines. */
export function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
