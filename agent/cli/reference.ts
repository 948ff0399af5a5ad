// docs/commands.md and docs/errors.md.
import { ERRORS } from '../../protocol/errors.js';
import type { Command, OptionDef } from './command.js';
import { EXIT_CODES, optionAbout, optionName, synopsis } from './help.js';
import { shortNamesLine } from './short-names.js';
import { fieldRows } from './spec-help.js';
import { GLOBAL } from './table/options.js';

const made = (from: string): string => `<!-- Made by \`npm run generate\` from ${from}. Do not edit. -->`;
const cell = (text: string): string => text.replaceAll('|', '\\|');

export function commandsMarkdown(commands: readonly Command[]): string {
  const lines = [
    made('agent/cli/table and agent/model/spec.ts'),
    '# Commands',
    '',
    'Answers go to standard output, as tables or sentences; with `--json` as one JSON object. Errors go to standard error',
    'as `berth: SENTENCE` with a hint; with `--json` they go to standard output as `{"error": {"code", "message", "hint",',
    '"data"}}`, so that standard output always holds one document. Commands about several workloads do them in order and',
    'report each as an entry of `{"results": [...]}`, with `outcome` or `error`; the exit code is that of the first failure.',
    '`events --follow`, `workload logs --follow` and `workload list --watch` write one JSON document a line. `run` takes `--json` only',
    'with `--detach`; `workload exec`, `workload cp` and `workload console` have no `--json`.',
    '',
    shortNamesLine(),
    '',
    'Every command takes:',
    '',
    ...optionTable(GLOBAL),
    '',
    '| exit code | meaning |',
    '|---|---|',
    ...EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '| 130 | interrupted by SIGINT or SIGTERM |',
  ];
  for (const group of new Set(commands.map((c) => c.group))) {
    lines.push('', `## ${group}`);
    for (const command of commands.filter((c) => c.group === group)) {
      lines.push('', `### berth ${command.path.join(' ')}`, '', `${command.summary}.`);
      for (const text of command.details) lines.push('', text);
      lines.push('', '```', synopsis(command), '```');
      if (command.options.length > 0) lines.push('', ...optionTable(command.options));
      lines.push('', ...command.examples.map((example) => `    ${example}`));
    }
  }
  lines.push('', '## The workload', '', 'One JSON object; a field that is not listed here is an error.', '');
  lines.push('| field | type | default | meaning |', '|---|---|---|---|');
  for (const row of fieldRows())
    lines.push(`| \`${row.field}\` | ${cell(row.type)} | ${row.fallback} | ${cell(row.meaning)} |`);
  return `${lines.join('\n')}\n`;
}

function optionTable(options: readonly OptionDef[]): string[] {
  const rows = options.map(
    (o) => `| \`${optionName(o)}\` | ${cell(optionAbout(o))}${o.needed === true ? '; needed' : ''} |`,
  );
  return ['| option | meaning |', '|---|---|', ...rows];
}

export function errorsMarkdown(): string {
  const lines = [
    made('protocol/errors.ts'),
    '# Errors',
    '',
    'Codes are stable: never renamed, never reused for something else. A place that knows better gives another hint.',
    '',
    '| code | exit code | JSON-RPC code | what to do |',
    '|---|---|---|---|',
    ...Object.entries(ERRORS).map(
      ([code, { exit, rpc, hint }]) => `| <a id="${code}"></a>\`${code}\` | ${exit} | ${rpc} | ${cell(hint)} |`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
