// Manual pages in roff: berth(1) from the command table, berth.toml(5) from the configuration schema.
import type { Command, OptionDef } from './command.js';
import { EXIT_CODES, optionAbout, synopsis } from './help.js';
import { shortNamesLine } from './short-names.js';
import { GLOBAL } from './table/options.js';
import { VERSION } from './version.js';

/** Dashes must be real ones, for searching and copying; a line may not begin with a dot or a quote. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1');

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;
const prose = (text: string): string =>
  text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? bold(part) : roff(part)))
    .join('');

const title = (name: string, section: number, about: string): string[] => [
  `.TH ${name.toUpperCase()} ${section} "" "berth ${VERSION}" "berth"`,
  '.SH NAME',
  `${roff(name)} \\- ${roff(about)}`,
];

export function commandPage(commands: readonly Command[]): string {
  const lines = [
    ...title('berth', 1, 'node agent for dense Linux hosts, and the command that drives it'),
    '.SH SYNOPSIS',
    `${bold('berth')} \\fICOMMAND\\fR [\\fIOPTIONS\\fR]`,
    '.SH DESCRIPTION',
    prose(
      '`berth agent` is a daemon that runs processes, containers and microVMs with limits, networks and quotas. All other commands speak its control protocol over a local socket.',
    ),
    '.SH OPTIONS',
    'Every command takes these.',
    ...GLOBAL.flatMap(option),
  ];
  for (const group of new Set(commands.map((c) => c.group))) {
    lines.push(`.SH COMMANDS: ${group.toUpperCase()}`);
    if (group === 'Workloads') lines.push(prose(shortNamesLine()));
    for (const command of commands.filter((c) => c.group === group)) lines.push(...section(command));
  }
  lines.push('.SH EXIT STATUS', ...EXIT_CODES.flatMap(([code, meaning]) => ['.TP', bold(String(code)), roff(meaning)]));
  lines.push('.SH ENVIRONMENT', '.TP', bold('BERTH_CONNECT'), prose('As `--connect`.'));
  lines.push('.TP', bold('NO_COLOR'), 'When not empty, no colours.');
  lines.push('.TP', `${bold('BERTH_')}\\fISECTION\\fR_\\fIKEY\\fR`, prose('Configuration of `berth agent`.'));
  lines.push('.SH FILES', '.TP', bold('/etc/berth/berth.toml'), prose('Configuration, see berth.toml(5).'));
  lines.push('.TP', bold('/run/berth/berth.sock'), 'Control socket of the agent.');
  lines.push('.SH SEE ALSO', '.BR berth.toml (5),', '.BR journalctl (1)', '');
  return lines.join('\n');
}

function section(command: Command): string[] {
  return [
    `.SS ${roff(synopsis(command))}`,
    prose(`${command.summary}.`),
    ...command.details.flatMap((text) => ['.PP', prose(text)]),
    ...command.options.flatMap(option),
    ...(command.examples.length > 0
      ? ['.PP', 'Examples:', '.nf', ...command.examples.map((e) => `  ${roff(e)}`), '.fi']
      : []),
  ];
}

function option(o: OptionDef): string[] {
  const names = [...(o.short === undefined ? [] : [`-${o.short}`]), `--${o.name}`].map(bold).join(', ');
  return ['.TP', `${names}${o.value === undefined ? '' : ` \\fI${roff(o.value)}\\fR`}`, prose(optionAbout(o))];
}

/** `toml` is the commented default file, which says all there is to say. */
export function configPage(toml: string): string {
  return [
    ...title('berth.toml', 5, 'configuration of the berth node agent'),
    '.SH DESCRIPTION',
    prose(
      '`/etc/berth/berth.toml` is read first, then `/etc/berth/berth.d/*.toml` in name order, then environment variables (`BERTH_DENSITY_MAX_WORKLOADS`), then flags (`--density.max-workloads`). Tables are merged, everything else is replaced. An unknown key is an error. `berth config check` checks, `berth config dump` shows what is in force.',
    ),
    '.SH KEYS',
    'With their defaults:',
    '.nf',
    roff(toml.trimEnd()),
    '.fi',
    '.SH SEE ALSO',
    '.BR berth (1)',
    '',
  ].join('\n');
}
