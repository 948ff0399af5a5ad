// Help from the command table.
import type { Command, OptionDef } from './command.js';
import { shortNamesLine } from './short-names.js';
import { GLOBAL } from './table/options.js';

export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [0, 'done'],
  [1, 'failed'],
  [2, 'usage or invalid input'],
  [3, 'refused by admission'],
  [4, 'not found'],
  [5, 'cannot connect'],
  [6, 'not permitted'],
];

/** `berth workload delete [ID...] [--now] ...`; options stand first where they must. */
export function synopsis(command: Command): string {
  const args = command.args.map((a) => {
    const word = `${a.choices?.join('|') ?? a.name}${a.many === true ? '...' : ''}`;
    return a.optional === true ? `[${word}]` : word;
  });
  const options = command.options.map((o) => (o.needed === true ? `${optionWord(o)}` : `[${optionWord(o)}]`));
  const config = command.configFlags === true ? ['[--SECTION.KEY VALUE ...]'] : [];
  const words = command.optionsFirst === true ? [...options, ...args] : [...args, ...options];
  return ['berth', ...command.path, ...words, ...config].join(' ');
}

function optionWord(o: OptionDef): string {
  return `${o.short === undefined ? `--${o.name}` : `-${o.short}`}${o.value === undefined ? '' : ` ${o.value}`}`;
}

/** `-f, --file FILE` */
export function optionName(o: OptionDef): string {
  const short = o.short === undefined ? '' : `-${o.short}, `;
  return `${short}--${o.name}${o.value === undefined ? '' : ` ${o.value}`}`;
}

export function optionAbout(o: OptionDef): string {
  const choices = o.choices === undefined ? '' : `: ${o.choices.join(', ')}`;
  return `${o.about}${choices}${o.fallback === undefined ? '' : ` (default: ${o.fallback})`}`;
}

export function overview(commands: readonly Command[]): string {
  const lines = ['berth: the node agent of a dense Linux host', '', 'Usage: berth COMMAND [OPTIONS]', ''];
  for (const group of new Set(commands.map((c) => c.group))) {
    const rows = commands.filter((c) => c.group === group).map((c) => [c.path.join(' '), c.summary] as const);
    lines.push(`${group}:`, ...columns(rows, 20), '');
    if (group === 'Workloads') lines.push(...wrap(shortNamesLine(), 100), '');
  }
  lines.push('Options of every command:', ...optionLines(GLOBAL), '');
  lines.push(`Exit codes: ${EXIT_CODES.map(([code, meaning]) => `${code} ${meaning}`).join(', ')}.`);
  lines.push('More: `berth help COMMAND`, `berth help spec`.');
  return `${lines.join('\n')}\n`;
}

export function groupHelp(commands: readonly Command[], words: readonly string[]): string {
  const inside = commands.filter((c) => words.every((word, i) => c.path[i] === word));
  const rows = inside.map((c) => [c.path.join(' '), c.summary] as const);
  const name = words.join(' ');
  return [
    `Usage: berth ${name} COMMAND [OPTIONS]`,
    '',
    ...columns(rows, 20),
    '',
    `More: \`berth help ${name} COMMAND\`.`,
    '',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const lines = [`${command.summary}.`, '', `Usage: ${synopsis(command)}`];
  for (const text of command.details) lines.push('', ...wrap(text, 100));
  if (command.options.length > 0) lines.push('', 'Options:', ...optionLines(command.options));
  lines.push('', 'Options of every command:', ...optionLines(GLOBAL));
  lines.push('', 'Examples:', ...command.examples.map((example) => `  ${example}`));
  return `${lines.join('\n')}\n`;
}

function optionLines(options: readonly OptionDef[]): string[] {
  const rows = options.map((o) => [optionName(o), optionAbout(o)] as const);
  return columns(rows, 20);
}

function columns(rows: readonly (readonly [string, string])[], least: number): string[] {
  const width = Math.max(least, ...rows.map(([left]) => left.length));
  return rows.flatMap(([left, right]) => {
    const [first, ...more] = wrap(right, 96 - width);
    return [`  ${left.padEnd(width)}  ${first}`, ...more.map((line) => `${' '.repeat(width + 4)}${line}`)];
  });
}

export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
