// berth bugreport: what somebody who was not there needs to find a fault, in one file.
import { constants, copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codeOf } from '../../../linux/errors.js';
import { runProgram } from '../../../linux/run-program.js';
import { timeLimit } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import { reportOf } from '../../base/errors.js';
import { orAbort } from '../../base/or-abort.js';
import { formatSize } from '../../base/units.js';
import { PARTS } from '../bug-report.js';
import type { Answer, Context } from '../command.js';
import { startProgress } from '../progress.js';
import { VERSION } from '../version.js';

/** A part that does not answer holds up no report. */
const PART_MS = 20_000;
const PACK_MS = 60_000;

interface Missing {
  readonly file: string;
  readonly reason: string;
}

export async function run(context: Context): Promise<Answer> {
  const at = new Date(context.host.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const name = `berth-bugreport-${at}`;
  const target = resolve(context.option('output') ?? `${name}.tar.gz`);
  await requireAbsent(target);
  // For its owner alone, as the report itself.
  const work = await mkdtemp(join(tmpdir(), 'berth-bugreport-'));
  try {
    const directory = join(work, name);
    await mkdir(directory, { mode: 0o700 });
    const missing = await collect(context, directory);
    const packed = join(work, 'packed');
    await pack(packed, work, name);
    await copyFile(packed, target, constants.COPYFILE_EXCL).catch((error: unknown) => {
      throw codeOf(error) === 'EEXIST' ? exists(target) : error;
    });
    const { size } = await stat(target);
    const files = PARTS.map(({ file }) => file).filter((file) => !missing.some((one) => one.file === file));
    return { document: { path: target, bytes: size, files, missing }, text: said(target, size, files.length, missing) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The parts that could not be had. */
async function collect(context: Context, directory: string): Promise<Missing[]> {
  const missing: Missing[] = [];
  const progress = startProgress(context.host, context.json);
  for (const { file, make } of PARTS) {
    progress.say(file);
    const limit = timeLimit(PART_MS, { within: context.signal });
    try {
      const content = await orAbort(make(context, limit.signal), limit.signal);
      const text = typeof content === 'string' ? content : `${JSON.stringify(content, undefined, 2)}\n`;
      await writeFile(join(directory, file), text, { mode: 0o600 });
    } catch (error) {
      context.signal.throwIfAborted();
      missing.push({ file, reason: reportOf(error).message });
    } finally {
      limit.done();
    }
  }
  await progress.stop();
  const about = { command: VERSION, node: process.version, at: context.host.now(), agent: context.address, missing };
  await writeFile(join(directory, 'report.json'), `${JSON.stringify(about, undefined, 2)}\n`, { mode: 0o600 });
  return missing;
}

async function pack(target: string, work: string, name: string): Promise<void> {
  await writeFile(target, '', { mode: 0o600 });
  const { code, stderr } = await runProgram('tar', ['-czf', target, '-C', work, name], { deadlineMs: PACK_MS });
  if (code !== 0) throw new BerthError('internal', `tar ended with code ${code}: ${stderr.trim()}`);
}

async function requireAbsent(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) throw exists(path);
}

function exists(path: string): BerthError {
  return new BerthError('usage', `${path} exists already`, { hint: 'Name another file with -o.' });
}

function said(path: string, bytes: number, files: number, missing: readonly Missing[]): string {
  const lines = [`wrote ${path}: ${files} files, ${formatSize(bytes)}`];
  for (const reason of new Set(missing.map((one) => one.reason))) {
    const without = missing.filter((one) => one.reason === reason).map(({ file }) => file);
    lines.push(`without ${without.join(', ')}: ${reason}`);
  }
  lines.push(
    'Values of environments, files and metadata of workloads are left out; their command lines and labels are not.',
  );
  return `${lines.join('\n')}\n`;
}
