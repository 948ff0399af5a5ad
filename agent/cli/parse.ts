// argv -> command, arguments, options. node:util parses the dashes; here is what makes the messages good.

import { parseArgs } from 'node:util';
import { defined } from '../../linux/defined.js';
import { BerthError } from '../../protocol/errors.js';
import type { ConfigFlag } from '../config/sources.js';
import { nearest } from '../config/tree.js';
import type { Command, OptionDef } from './command.js';
import { otherNames } from './short-names.js';
import { GLOBAL } from './table/options.js';

export interface Invocation {
  readonly command: Command;
  readonly args: readonly string[];
  /** Every value of an option in the order given; a switch has `''`. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly configFlags: readonly ConfigFlag[];
}

export type Parsed =
  | ({ readonly kind: 'run' } & Invocation)
  /** `--help` somewhere, or the words name no command but several begin with them. `asked` is false for the latter. */
  | { readonly kind: 'help'; readonly words: readonly string[]; readonly asked: boolean }
  | { readonly kind: 'version' };

/** Throws `unknown_command` and `usage`. */
export function parse(commands: readonly Command[], argv: readonly string[]): Parsed {
  const end = argv.indexOf('--');
  const before = end < 0 ? argv : argv.slice(0, end);
  const { words, at } = commandWords(before);
  const command = find(commands, words);
  // Global options may stand before the command; its own words are taken out, the rest is parsed in one go.
  const own = new Set(at.slice(0, command?.path.length ?? 0));
  const rest = argv.filter((_, i) => !own.has(i));
  const isAsked = (arg: string): boolean => arg === '--help' || arg === '-h';
  if (command?.optionsFirst === true ? split(command, rest).options.some(isHelp) : before.some(isAsked)) {
    const path = command?.path ?? words;
    if (command === undefined && !isGroup(commands, words)) throw unknown(commands, words);
    return { kind: 'help', words: path, asked: true };
  }
  if (command === undefined) {
    if (words.length === 0 && before.includes('--version')) return { kind: 'version' };
    if (isGroup(commands, words)) {
      const odd = before.find((arg) => arg.startsWith('-') && !isGlobal(arg));
      if (odd !== undefined) throw unknownOption(odd, GLOBAL, ['berth', ...words]);
      return { kind: 'help', words, asked: words.length === 0 };
    }
    throw unknown(commands, words);
  }
  return { kind: 'run', ...invocation(command, rest) };
}

const isGlobal = (arg: string): boolean => GLOBAL.some((o) => arg === `--${o.name}` || arg.startsWith(`--${o.name}=`));

/** Words that are no options and no values of global options, with their places. */
function commandWords(argv: readonly string[]): { words: string[]; at: number[] } {
  const words: string[] = [];
  const at: number[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    if (GLOBAL.some((o) => o.value !== undefined && arg === `--${o.name}`)) i++;
    else if (!arg.startsWith('-')) {
      words.push(arg);
      at.push(i);
    }
  }
  return { words, at };
}

const startsWith = (words: readonly string[], path: readonly string[]): boolean =>
  path.length <= words.length && path.every((word, i) => words[i] === word);

export function find(commands: readonly Command[], words: readonly string[]): Command | undefined {
  return [...commands, ...otherNames(commands)].find((command) => startsWith(words, command.path));
}

export function isGroup(commands: readonly Command[], words: readonly string[]): boolean {
  return commands.some((command) => startsWith(command.path, words));
}

export function unknown(commands: readonly Command[], words: readonly string[]): BerthError {
  // As many words as make sense: `workload lits web-1` is about `lits`, `workloda list` about the first word.
  const known = words[0] !== undefined && isGroup(commands, [words[0]]);
  const typed = words.slice(0, known ? 2 : 1).join(' ');
  const names = [...commands, ...otherNames(commands)].map(({ path }) => path.join(' '));
  const firsts = commands.filter(({ path }) => path.length > 1).map(({ path }) => path[0] ?? '');
  const whole = nearest(words.slice(0, 2).join(' '), names) ?? nearest(typed, [...names, ...firsts]);
  const alone = names.find((name) => name.endsWith(` ${typed}`));
  const close = alone ?? whole;
  const hint = close === undefined ? {} : { hint: `Did you mean \`berth ${close}\`?` };
  return new BerthError('unknown_command', `there is no command ${JSON.stringify(typed)}`, hint);
}

function invocation(command: Command, argv: readonly string[]): Invocation {
  const { rest, configFlags } = command.configFlags === true ? takeConfigFlags(argv) : { rest: argv, configFlags: [] };
  const defs = [...command.options, ...GLOBAL];
  const { options: given, args } = split(command, rest);
  const options = new Map<string, string[]>();
  for (const token of given) {
    const def = defs.find((o) => o.name === token.name);
    if (def === undefined) throw unknownOption(token.rawName, defs, ['berth', ...command.path]);
    options.set(def.name, [...(options.get(def.name) ?? []), optionValue(def, token, command)]);
  }
  checkOptions(command, options);
  checkArgs(command, args);
  return { command, args, options, configFlags };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

const isHelp = ({ name }: OptionToken): boolean => name === 'help';

/** Of a command whose options come first, `--` is the first argument where no other stands before it. */
function split(
  command: Command,
  rest: readonly string[],
): { options: readonly OptionToken[]; args: readonly string[] } {
  const { tokens } = parseArgs({
    args: [...rest],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      [...command.options, ...GLOBAL].map((o) => [
        o.name,
        {
          type: o.value === undefined ? ('boolean' as const) : ('string' as const),
          multiple: true,
          ...defined({ short: o.short }),
        },
      ]),
    ),
  });
  const first = command.optionsFirst === true ? tokens.find(({ kind }) => kind !== 'option') : undefined;
  const end = first?.index ?? rest.length;
  return {
    options: tokens.flatMap((token) => (token.kind === 'option' && token.index < end ? [token] : [])),
    args:
      first === undefined
        ? tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
        : rest.slice(first.index),
  };
}

function optionValue(def: OptionDef, token: OptionToken, command: Command): string {
  const { value } = token;
  if (def.value === undefined) {
    if (value !== undefined) throw usage(command, `${token.rawName} takes no value`);
    return '';
  }
  const another = token.inlineValue !== true && value !== undefined && /^-./.test(value);
  if (value === undefined || another) throw usage(command, `${token.rawName} needs a value: ${def.value}`);
  if (def.choices !== undefined && !def.choices.includes(value))
    throw usage(command, `${token.rawName} is one of ${def.choices.join(', ')}; it is ${JSON.stringify(value)}`);
  return value;
}

function takeConfigFlags(argv: readonly string[]): { rest: string[]; configFlags: ConfigFlag[] } {
  const rest: string[] = [];
  const configFlags: ConfigFlag[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    const match = /^--([a-z][\w-]*\.[^=]+)(?:=(.*))?$/s.exec(arg);
    if (match?.[1] === undefined) {
      rest.push(arg);
      continue;
    }
    const value = match[2] ?? argv[++i];
    if (value === undefined) throw new BerthError('usage', `${arg} needs a value`);
    configFlags.push({ name: match[1], value });
  }
  return { rest, configFlags };
}

function checkOptions(command: Command, options: ReadonlyMap<string, readonly string[]>): void {
  for (const def of command.options) {
    if (def.needed === true && !options.has(def.name))
      throw usage(command, `${def.short === undefined ? `--${def.name}` : `-${def.short}`} ${def.value} is missing`);
  }
}

function checkArgs(command: Command, args: readonly string[]): void {
  command.args.forEach((def, i) => {
    const value = args[i];
    if (value === undefined && def.optional !== true) throw usage(command, `${def.name} is missing`);
    if (value !== undefined && def.choices !== undefined && !def.choices.includes(value))
      throw usage(command, `${def.name} is one of ${def.choices.join(', ')}; it is ${JSON.stringify(value)}`);
  });
  const extra = args[command.args.length];
  if (extra !== undefined && command.args.at(-1)?.many !== true)
    throw usage(command, `unexpected argument ${JSON.stringify(extra)}`);
}

export function usage(command: Command, message: string): BerthError {
  return new BerthError('usage', message, { hint: `Run \`berth help ${command.path.join(' ')}\`.` });
}

function unknownOption(raw: string, defs: readonly OptionDef[], path: readonly string[]): BerthError {
  const name = raw.split('=')[0] ?? raw;
  const close = nearest(
    name,
    defs.flatMap((o) => [`--${o.name}`, ...(o.short === undefined ? [] : [`-${o.short}`])]).filter((o) => o.length > 2),
  );
  const hint = close === undefined ? `Run \`berth help ${path.slice(1).join(' ')}\`.` : `Did you mean ${close}?`;
  return new BerthError('usage', `\`${path.join(' ')}\` has no option ${name}`, { hint });
}
