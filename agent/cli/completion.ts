// Completion scripts from the command table. They hold everything but the ids of workloads, for which they ask berth.
import type { Command, OptionDef } from './command.js';
import { otherNames } from './short-names.js';
import { GLOBAL } from './table/options.js';

export type Shell = 'bash' | 'zsh' | 'fish';

export function completionScript(shell: Shell, listed: readonly Command[]): string {
  const commands = [...listed, ...otherNames(listed)];
  if (shell === 'fish') return fish(commands);
  return shell === 'zsh' ? zsh(commands) : bash(commands);
}

/** What may follow the words typed so far: for each path and each beginning of one, the next words. */
function nextWords(commands: readonly Command[]): Map<string, Map<string, string>> {
  const next = new Map<string, Map<string, string>>();
  for (const { path, summary } of commands) {
    path.forEach((word, i) => {
      const before = path.slice(0, i).join(' ');
      const words = next.get(before) ?? new Map<string, string>();
      const last = i === path.length - 1;
      if (!words.has(word)) words.set(word, last ? summary : `Commands about the ${word}`);
      next.set(before, words);
    });
  }
  return next;
}

const flags = (o: OptionDef): string[] => [`--${o.name}`, ...(o.short === undefined ? [] : [`-${o.short}`])];
const isFile = (o: OptionDef): boolean => o.value === 'FILE';
const takesIds = (command: Command): boolean => command.args.some((a) => a.name === 'ID');
const choicesOf = (command: Command): readonly string[] => command.args.flatMap((a) => a.choices ?? []);

const IDS = "berth workload list 2>/dev/null | awk 'NR > 1 { print $1 }'";

function bash(commands: readonly Command[]): string {
  const groups = [...nextWords(commands)].map(
    ([path, words]) => `    '${path}') words='${[...words.keys()].join(' ')} --help' ;;`,
  );
  const leafs = commands.map((command) => {
    const options = [...command.options, ...GLOBAL].flatMap((o) => [`--${o.name}`]).join(' ');
    const ids = takesIds(command) ? `; [[ $cur == -* ]] || words=$(${IDS})` : '';
    const choices = choicesOf(command);
    return `    '${command.path.join(' ')}') words='${[...choices, options].join(' ')}'${ids} ;;`;
  });
  const values = commands.flatMap((command) =>
    [...command.options, ...GLOBAL].flatMap((o) => {
      if (o.choices === undefined) return [];
      const pattern = flags(o).map((flag) => `'${command.path.join(' ')} ${flag}'`);
      return [`    ${pattern.join('|')}) COMPREPLY=($(compgen -W '${o.choices.join(' ')}' -- "$cur")); return ;;`];
    }),
  );
  const files = [...new Set(commands.flatMap((c) => c.options.filter(isFile).flatMap(flags)))];
  // `workload logs -f` is a switch, so the short form depends on the command.
  const switches = commands.flatMap((c) =>
    c.options
      .filter((o) => o.value === undefined && o.short !== undefined)
      .map((o) => `'${c.path.join(' ')} -${o.short}'`),
  );
  return `# bash completion for berth
_berth() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    case "\${path:+$path }$word" in
    ${[...new Set([...nextWords(commands).keys(), ...commands.map((c) => c.path.join(' '))])]
      .filter((path) => path !== '')
      .map((path) => `'${path}'`)
      .join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $prev" in
${values.join('\n')}
    ${switches.join('|')}) ;;
    ${files.map((flag) => `*' ${flag}'`).join('|')}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case "$path" in
${[...groups, ...leafs].join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o filenames -F _berth berth
`;
}

const quoteZsh = (text: string): string => text.replaceAll("'", `'\\''`);
const bracketZsh = (text: string): string => quoteZsh(text).replaceAll(/[[\]:\\]/g, (c) => `\\${c}`);

function zsh(commands: readonly Command[]): string {
  const groups = [...nextWords(commands)].map(([path, words]) => {
    const lines = [...words].map(([word, about]) => `      '${word}:${quoteZsh(about)}'`);
    return `    '${path}') local -a next=(\n${lines.join('\n')}\n      ); _describe -t commands 'berth command' next ;;`;
  });
  const leafs = commands.map((command) => {
    const options = [...command.options, ...GLOBAL].map((o) => {
      const names = flags(o);
      const value = o.value === undefined ? '' : `:${o.value}:${zshValue(o)}`;
      const spec = names.map((name) => `${name}[${bracketZsh(o.about)}]${value}`);
      return spec.map((text) => `'${text}'`).join(' ');
    });
    const args = command.args.map((a) => {
      const action = a.choices ? `(${a.choices.join(' ')})` : a.name === 'ID' ? '_berth_ids' : ' ';
      return `'${a.many === true ? '*' : ''}:${a.name}:${action}'`.replace(/'\*:/, "'*:");
    });
    return `    '${command.path.join(' ')}') _arguments -s ${[...options, ...args].join(' \\\n      ')} ;;`;
  });
  return `#compdef berth
_berth_ids() {
  local -a ids
  ids=(\${(f)"$(${IDS})"})
  _describe -t workloads 'workload' ids
}
_berth() {
  local at='' word
  local -i n=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    [[ $word == -* ]] && continue
    case "\${at:+$at }$word" in
    ${[...new Set([...nextWords(commands).keys(), ...commands.map((c) => c.path.join(' '))])]
      .filter((path) => path !== '')
      .map((path) => `'${path}'`)
      .join('|')}) at="\${at:+$at }$word"; n=i ;;
    esac
  done
  # _arguments counts from the command's own word.
  if ((n > 1)); then
    words=("\${words[n]}" "\${(@)words[n+1,-1]}")
    ((CURRENT -= n - 1))
  fi
  case "$at" in
${[...groups, ...leafs].join('\n')}
  esac
}
_berth "$@"
`;
}

function zshValue(o: OptionDef): string {
  if (o.choices !== undefined) return `(${o.choices.join(' ')})`;
  return isFile(o) ? '_files' : ' ';
}

const quoteFish = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");

function fish(commands: readonly Command[]): string {
  const lines = [
    '# fish completion for berth',
    'function __berth_at',
    '  set -l words (commandline -opc | string match -v -- "-*")',
    '  test "$words[2..]" = "$argv"',
    'end',
    'function __berth_in',
    '  set -l words (commandline -opc | string match -v -- "-*")',
    '  set -l last (math (count $argv) + 1)',
    '  test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"',
    'end',
    'complete -c berth -f',
  ];
  for (const [path, words] of nextWords(commands))
    for (const [word, about] of words)
      lines.push(`complete -c berth -n '__berth_at ${path}' -a ${word} -d '${quoteFish(about)}'`);
  for (const o of GLOBAL) lines.push(`complete -c berth ${fishOption(o)}`);
  for (const command of commands) {
    const at = `complete -c berth -n '__berth_in ${command.path.join(' ')}'`;
    for (const o of command.options) lines.push(`${at} ${fishOption(o)}`);
    if (takesIds(command)) lines.push(`${at} -a '(${quoteFish(IDS)})'`);
    const choices = choicesOf(command);
    if (choices.length > 0) lines.push(`${at} -a '${choices.join(' ')}'`);
  }
  return `${lines.join('\n')}\n`;
}

function fishOption(o: OptionDef): string {
  const short = o.short === undefined ? '' : `-s ${o.short} `;
  const value = o.value === undefined ? '' : isFile(o) ? '-r -F ' : '-x ';
  const choices = o.choices === undefined ? '' : `-a '${o.choices.join(' ')}' `;
  return `${short}-l ${o.name} ${value}${choices}-d '${quoteFish(o.about)}'`;
}
