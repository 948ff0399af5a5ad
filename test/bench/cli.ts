// `npm run bench`: berth and its rivals side by side in one run, and how they stand to each other.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GROUPS, type Selection, select } from './groups.js';
import { loadInWords, machineInWords } from './machine.js';
import type { Answer, Order } from './process.js';
import { type Result, toJson, toTable } from './result.js';

const HELP = `usage: npm run bench [-- OPTIONS]

  --only NAME   a group, or GROUP/PART; several with commas
  --json FILE   write the results there too
  --quick       few repetitions: whether it works, no figures to quote
  --list        groups and parts
  --help        this text

The network group needs root. It works in a network and mount namespace of its own and leaves nothing behind.
A target that is missed is no failure: exit 0. 1: a part could not finish, 2: usage, 130: interrupted.
`;

interface Options {
  readonly selections: readonly Selection[];
  readonly json: string | undefined;
  readonly quick: boolean;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'number') return options;
  const { selections, json, quick } = options;
  const begun = Date.now();
  process.stderr.write(`bench: ${machineInWords()}; load ${loadInWords()}\n`);
  const results: Result[] = [];
  const failures: string[] = [];
  let interrupted = false;
  for (const selection of selections) {
    const missing = selection.group.missing();
    if (missing !== undefined) {
      process.stdout.write(`${selection.group.name}: skipped: ${missing}\n`);
      continue;
    }
    const answer = await runGroup(selection, quick);
    results.push(...answer.results);
    failures.push(...answer.failures);
    interrupted = answer.interrupted;
    if (interrupted) break;
  }
  if (results.length > 0) process.stdout.write(`\n${toTable(results)}\n`);
  const seconds = Math.round((Date.now() - begun) / 1000);
  process.stdout.write(
    `\n${machineInWords()}; load at the end ${loadInWords()}; ${seconds} s${quick ? '; quick' : ''}\n`,
  );
  for (const failure of failures) process.stderr.write(`bench: ${failure}\n`);
  if (json !== undefined) writeFileSync(json, toJson(results));
  if (interrupted) return 130;
  return failures.length > 0 ? 1 : 0;
}

function readOptions(args: readonly string[]): Options | number {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        json: { type: 'string' },
        quick: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help || values.list) {
      process.stdout.write(values.help ? HELP : list());
      return 0;
    }
    return { selections: select(GROUPS, values.only?.split(',') ?? []), json: values.json, quick: values.quick };
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
}

function list(): string {
  return GROUPS.flatMap(({ name, what, parts }) => [
    `${name.padEnd(20)} ${what}`,
    ...parts.map((part) => `${`${name}/${part.name}`.padEnd(20)} ${part.what}`),
  ])
    .join('\n')
    .concat('\n');
}

async function runGroup({ group, parts }: Selection, quick: boolean): Promise<Answer & { interrupted: boolean }> {
  const order: Order = { names: parts.map((part) => `${group.name}/${part.name}`), quick };
  const script = fileURLToPath(new URL('./process.js', import.meta.url));
  const [command = '', ...args] = [...group.wrapper, process.execPath, script, JSON.stringify(order)];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  // From a terminal Ctrl-C reaches the child as well; the parent stays for its answer.
  let interrupted = false;
  const pass = (signal: NodeJS.Signals) => {
    interrupted = true;
    child.kill(signal);
  };
  process.on('SIGINT', pass).on('SIGTERM', pass);
  let answer: Answer | undefined;
  child.on('message', (message) => {
    answer = message as Answer;
  });
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(`ended by ${signal ?? code}`));
  });
  process.off('SIGINT', pass).off('SIGTERM', pass);
  const failure = { results: [], failures: [`${group.name}: its process gave no results, ${ended}`] };
  return { ...(answer ?? failure), interrupted };
}

process.exitCode = await main();
