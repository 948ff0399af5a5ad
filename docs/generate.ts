// `npm run generate` writes the documents that are made from tables and schemas. `-- --check` writes nothing and exits
// with 1 when one is not current. `-- --package DIR` writes manual pages and completions for the package instead.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { completionScript } from '../agent/cli/completion.js';
import { commandPage, configPage } from '../agent/cli/man.js';
import { commandsMarkdown, errorsMarkdown } from '../agent/cli/reference.js';
import { specJsonSchema } from '../agent/cli/spec-help.js';
import { COMMANDS } from '../agent/cli/table/all.js';
import { VERSION } from '../agent/cli/version.js';
import { configJsonSchema, configMarkdown, defaultToml } from '../agent/config/document.js';
import { protocolDocuments } from '../agent/control/document.js';
import { cadvisorMarkdown } from '../agent/metrics/cadvisor/document.js';
import { hardeningMarkdown } from '../systemd/exposure.js';
import { alignTables } from './align.js';

export type Files = ReadonlyMap<string, string>;

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** Path below docs/ -> content. */
export function documents(): Files {
  const protocol = protocolDocuments(VERSION);
  return new Map([
    ['coming-from-cadvisor.md', alignTables(cadvisorMarkdown())],
    ['commands.md', alignTables(commandsMarkdown(COMMANDS))],
    ['configuration.md', alignTables(configMarkdown())],
    ['errors.md', alignTables(errorsMarkdown())],
    ['hardening.md', alignTables(hardeningMarkdown())],
    ['config.schema.json', json(configJsonSchema())],
    ['workload.schema.json', json(specJsonSchema())],
    ['protocol.md', alignTables(protocol.markdown)],
    ['protocol.schema.json', json(protocol.jsonSchema)],
    ['asyncapi.json', json(protocol.asyncapi)],
  ]);
}

/** Path below the build directory -> content. */
export function packageFiles(): Files {
  return new Map([
    ['man/man1/berth.1', commandPage(COMMANDS)],
    ['man/man5/berth.toml.5', configPage(defaultToml())],
    ['completions/bash/berth', completionScript('bash', COMMANDS)],
    ['completions/zsh/_berth', completionScript('zsh', COMMANDS)],
    ['completions/fish/berth.fish', completionScript('fish', COMMANDS)],
  ]);
}

/** Names of the files below `directory` that are missing or differ. */
export function outdated(files: Files, directory: string): string[] {
  return [...files].flatMap(([name, content]) => (read(join(directory, name)) === content ? [] : [name]));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function write(files: Files, directory: string): void {
  for (const [name, content] of files) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

/** The docs directory of the checkout, from where this file stands in dist/docs. */
export const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));

export function main(args: readonly string[]): number {
  const at = args.indexOf('--package');
  if (at >= 0) {
    const directory = args[at + 1];
    if (directory === undefined) {
      process.stderr.write('generate: --package needs a directory\n');
      return 2;
    }
    write(packageFiles(), directory);
    return 0;
  }
  if (!args.includes('--check')) {
    write(documents(), DOCS);
    return 0;
  }
  const old = outdated(documents(), DOCS);
  for (const name of old) process.stderr.write(`docs/${name} is not current; run \`npm run generate\`\n`);
  return old.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
