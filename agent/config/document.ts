// Texts made from the configuration schema: the commented default file, a dump, the JSON Schema, the reference page.
import { stringify } from 'smol-toml';
import * as z from 'zod';
import type { Shape, TableShape } from './inspect.js';
import { shapeOf, typeName } from './inspect.js';
import { indexLines } from './lines.js';
import type { Loaded } from './load.js';
import { configSchema } from './schema.js';
import { flagOf, variableOf } from './sources.js';

/** Every key with its meaning and default, commented out so that an upgrade can still change a default. */
export function defaultToml(): string {
  const head = [
    '# Configuration of berth. Keys that are commented out show their defaults.',
    '# Drop-ins in /etc/berth/berth.d/*.toml are merged over this file in name order; then come environment variables',
    '# (BERTH_DENSITY_MAX_WORKLOADS) and flags (--density.max-workloads). `berth config dump` shows the outcome.',
  ];
  return `${[...head, '', ...tableLines(root(), '', '')].join('\n').trimEnd()}\n`;
}

function root(): TableShape {
  const shape = shapeOf(configSchema);
  if (shape.kind !== 'table') throw new Error('the configuration is a table');
  return shape;
}

/** `off` stands before every line that is not in force: samples of tables a person may add. */
function tableLines(table: TableShape, path: string, off: string): string[] {
  const own: string[] = [];
  const below: string[] = [];
  for (const [key, shape] of table.keys) {
    const name = path === '' ? key : `${path}.${key}`;
    if (shape.kind === 'table') below.push(...section(`${off}[${name}]`, shape, name, off));
    else if (shape.kind === 'map' && shape.value.kind === 'table')
      below.push(...section(`#[${name}.NAME]`, shape.value, `${name}.NAME`, '#', shape.description));
    else if (shape.kind === 'list' && shape.item.kind === 'table')
      below.push(...section(`#[[${name}]]`, shape.item, name, '#', shape.description));
    else own.push(...keyLines(key, shape));
  }
  return [...own, ...(own.length > 0 ? [''] : []), ...below];
}

function section(header: string, table: TableShape, path: string, off: string, about = ''): string[] {
  const lines = tableLines(table, path, off);
  const hasKeys = [...table.keys.values()].some((shape) => !['table', 'map'].includes(shape.kind));
  const note = about === '' ? [] : [`# ${about}`];
  return hasKeys || table.keys.size === 0 ? [...note, header, ...lines] : lines;
}

function keyLines(key: string, shape: Shape): string[] {
  const choices = 'choices' in shape && shape.choices.length > 1 ? ` (${shape.choices.join(', ')})` : '';
  const about = `${shape.description}${choices}`.trim();
  const value = shape.fallback === undefined ? `${key} =` : tomlLine(key, shape.fallback);
  return [...(about === '' ? [] : [`# ${about}`]), `#${value}`];
}

/** `key = value` on one line; an empty map becomes `{}`, which stringify would write as a table. */
function tomlLine(key: string, value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return `${key} = {}`;
  return stringify({ [key]: value }).trimEnd();
}

/** The configuration in force as TOML that loads again, each line with the source that set it. */
export function dumpToml({ config, origins }: Loaded): string {
  const lines = stringify(config).trimEnd().split('\n');
  const at = indexLines(lines.join('\n'));
  for (const [path, line] of at) {
    const text = lines[line - 1] ?? '';
    if (text.startsWith('[')) continue;
    const origin = originOf(origins, path.split('\0'));
    lines[line - 1] = `${text}  # ${origin}`;
  }
  return `${lines.join('\n')}\n`;
}

/** The source of a key, or of the list or table that was set as a whole around it. */
export function originOf(origins: ReadonlyMap<string, string>, path: readonly string[]): string {
  for (let n = path.length; n > 0; n--) {
    const origin = origins.get(path.slice(0, n).join('.'));
    if (origin !== undefined) return origin;
  }
  return 'default';
}

/** JSON Schema (draft 2020-12) of the file, for editors. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return { ...z.toJSONSchema(configSchema, { io: 'input' }), title: 'berth.toml' };
}

/** docs/configuration.md */
export function configMarkdown(): string {
  const lines: string[] = [
    '<!-- Made by `npm run generate` from agent/config/schema.ts. Do not edit. -->',
    '# Configuration',
    '',
    '`/etc/berth/berth.toml`, then `/etc/berth/berth.d/*.toml` in name order (tables are merged, lists replaced), then',
    'environment variables, then flags of `berth agent`. No file is needed. An unknown key or a wrong value is an error',
    'that names file and line, variable or flag; all of them are reported at once. `berth config check` checks,',
    '`berth config dump` shows what is in force and where it came from, `berth config default` prints a file to start from.',
    '',
    'A variable is `BERTH_` and the key in capitals: `density.max_workloads` is `BERTH_DENSITY_MAX_WORKLOADS` and the flag',
    '`--density.max-workloads`. Lists and maps are given there as JSON.',
    '',
  ];
  for (const [name, shape] of root().keys) lines.push(...markdownSection(name, shape));
  return `${lines.join('\n').trimEnd()}\n`;
}

function markdownSection(path: string, shape: Shape): string[] {
  const table = shape.kind === 'map' ? shape.value : shape.kind === 'list' ? shape.item : shape;
  if (table.kind !== 'table') return [`\`${path} = ${JSON.stringify(shape.fallback)}\`: ${shape.description}`, ''];
  const many = shape.kind === 'list';
  const full = shape.kind === 'map' ? `${path}.NAME` : path;
  const rows: string[] = [];
  const below: string[] = [];
  for (const [key, child] of table.keys) {
    const nested = child.kind === 'list' ? child.item : child.kind === 'map' ? child.value : child;
    if (nested.kind === 'table') below.push(...markdownSection(`${full}.${key}`, child));
    else rows.push(markdownRow(key, child));
  }
  if (rows.length === 0) return below;
  const title = `## \`${many ? '[[' : '['}${full}${many ? ']]' : ']'}\``;
  const about = shape.description === '' ? [] : [shape.description, ''];
  const sample = `${full}.${[...table.keys.keys()][0] ?? ''}`;
  const names = many ? [] : [`e.g. \`${variableOf(sample)}\`, \`${flagOf(sample)}\``, ''];
  const head = ['| key | type | default | meaning |', '|---|---|---|---|'];
  return [title, '', ...about, ...head, ...rows, '', ...names, ...below];
}

function markdownRow(key: string, shape: Shape): string {
  const fallback =
    shape.fallback === undefined ? (shape.optional ? '' : 'needed') : `\`${JSON.stringify(shape.fallback)}\``;
  const type = typeName(shape).replaceAll('|', '\\|');
  return `| \`${key}\` | ${type} | ${fallback} | ${shape.description.replaceAll('|', '\\|')} |`;
}
