// `npm run simulate`: a day, recorded or made up, against one policy or several.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatSize, parseSize } from '../../agent/base/units.js';
import { generateDay, generateStorm } from './generate.js';
import type { Outcome } from './outcome.js';
import { DEFAULT_NAMES, findPolicy, type Policy, policies } from './policy.js';
import { markdown, report, type Setting } from './report.js';
import { simulate } from './run.js';
import { readTrace, type Trace } from './trace.js';

const HELP = `usage: npm run simulate -- [OPTIONS]

  --policy NAME|FILE   a known policy or a berth.toml; several: again, or with commas; default: ${DEFAULT_NAMES.join(',')}
  --generate KIND      day or storm; default: storm
  --trace FILE         a recorded trace instead (test/simulate/trace.ts has the shape)
  --save-trace FILE    writes the trace that is used
  --hosts N            default 1
  --cores N            of each host; default 16
  --memory SIZE        of each host; default 4Gi for each core
  --seed N             default 1; the same seed gives the same day
  --contention X       loss for each runnable task a core has too many; default 0.05
  --out DIR            report.md, outcomes.json and plots go there
  --list               known policies
  --help               this text
`;

interface Options {
  readonly policies: readonly Policy[];
  readonly trace: Trace;
  readonly setting: Setting;
  readonly memoryBytes: number;
  readonly out: string | undefined;
}

async function main(args: readonly string[]): Promise<number> {
  const options = read(args);
  if (typeof options === 'number') return options;
  const { trace, setting, memoryBytes, out } = options;
  const { cores, hosts, seed, contention } = setting;
  const outcomes: Outcome[] = [];
  for (const policy of options.policies) {
    const begun = performance.now();
    const size = { cores, memoryBytes };
    outcomes.push(await simulate({ trace, policy, size, hosts, seed, model: { contention } }));
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    process.stderr.write(`simulate: ${policy.name}: ${trace.arrivals.length} arrivals in ${seconds} s\n`);
  }
  process.stdout.write(`${markdown(setting, outcomes)}\n`);
  if (out === undefined) return 0;
  mkdirSync(out, { recursive: true });
  for (const [file, content] of report(setting, outcomes)) writeFileSync(join(out, file), content);
  process.stderr.write(`simulate: report in ${join(out, 'report.md')}\n`);
  return 0;
}

function read(args: readonly string[]): Options | number {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        policy: { type: 'string', multiple: true, default: [DEFAULT_NAMES.join(',')] },
        generate: { type: 'string' },
        trace: { type: 'string' },
        'save-trace': { type: 'string' },
        hosts: { type: 'string', default: '1' },
        cores: { type: 'string', default: '16' },
        memory: { type: 'string' },
        seed: { type: 'string', default: '1' },
        contention: { type: 'string', default: '0.05' },
        out: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const cores = number('cores', values.cores, 1);
    if (values.help || values.list) {
      const known = policies(cores).map(({ name, what }) => `${name.padEnd(16)} ${what}\n`);
      process.stdout.write(values.help ? HELP : known.join(''));
      return 0;
    }
    if (values.trace !== undefined && values.generate !== undefined)
      throw new Error('--trace and --generate exclude each other');
    const seed = number('seed', values.seed, 0);
    const memoryBytes = values.memory === undefined ? cores * 4 * 2 ** 30 : parseSize(values.memory);
    if (memoryBytes === undefined) throw new Error(`--memory must be a size such as 64Gi, not "${values.memory}"`);
    const trace =
      values.trace === undefined ? generate(values.generate ?? 'storm', seed, cores) : readTrace(values.trace);
    const saved = values['save-trace'];
    if (saved !== undefined) writeFileSync(saved, `${JSON.stringify(trace)}\n`);
    const setting = {
      ...{ trace: trace.name, durationMs: trace.durationMs, cores, memory: formatSize(memoryBytes), seed },
      ...{ hosts: number('hosts', values.hosts, 1), contention: number('contention', values.contention, 0, false) },
      command: ['npm run simulate --', ...args].join(' '),
    };
    const names = values.policy.flatMap((list) => list.split(','));
    return { policies: names.map((name) => findPolicy(name, cores)), trace, setting, memoryBytes, out: values.out };
  } catch (error) {
    process.stderr.write(`simulate: ${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
}

function number(name: string, text: string, least: number, whole = true): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value < least || (whole && !Number.isInteger(value)))
    throw new Error(`--${name} must be a ${whole ? 'whole ' : ''}number from ${least}, not "${text}"`);
  return value;
}

function generate(kind: string, seed: number, cores: number): Trace {
  if (kind === 'day') return generateDay({ seed, cores });
  if (kind === 'storm') return generateStorm({ seed, cores });
  throw new Error(`--generate is day or storm, not "${kind}"`);
}

process.exitCode = await main(process.argv.slice(2));
