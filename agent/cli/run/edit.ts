// berth workload edit: the specification in an editor, again and again until the agent takes it or the person gives up.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BerthError } from '../../../protocol/errors.js';
import { reportOf } from '../../base/errors.js';
import { changeLines } from '../changes.js';
import type { Answer, Client, Context } from '../command.js';
import { parseSpecs, readFileText } from '../specs.js';
import { clean } from '../style.js';
import { toYaml } from '../yaml-specs.js';
import { requireId } from './update.js';

export async function run(context: Context): Promise<Answer> {
  const id = context.args[0] ?? '';
  const client = await context.client();
  const { spec, generation } = await client.call('workload.get', { id });
  // For its owner alone: environments hold passwords.
  const directory = await mkdtemp(join(tmpdir(), 'berth-edit-'));
  const file = join(directory, `${id}.yaml`);
  let keep = false;
  try {
    return await edited(context, client, { id, file, generation, yaml: toYaml(spec) });
  } catch (error) {
    const report = reportOf(error);
    keep = report.data?.file === file;
    throw error;
  } finally {
    if (!keep) await rm(directory, { recursive: true, force: true });
  }
}

interface Edit {
  readonly id: string;
  readonly file: string;
  readonly generation: number;
  readonly yaml: string;
}

async function edited(context: Context, client: Client, { id, file, ...begun }: Edit): Promise<Answer> {
  let { generation } = begun;
  let shown = begun.yaml;
  let wrong: BerthError | undefined;
  for (;;) {
    await writeFile(file, `${headerOf(id, generation, wrong)}${shown}`, { mode: 0o600 });
    const code = await context.host.edit(file);
    if (code !== 0) throw kept(editorFailed(code), file);
    const text = withoutHeader(await readFileText(file));
    if (text === shown) {
      if (wrong !== undefined) throw kept(wrong, file);
      return unchanged(id);
    }
    shown = text;
    try {
      const spec = await specOf(text, id, file);
      const { changes, ...workload } = await client.call('workload.update', { id, spec, ifGeneration: generation });
      if (changes.length === 0) return unchanged(id);
      const lines = changeLines(changes, context.style);
      return { document: { workload, changes }, text: `${id} updated, generation ${workload.generation}\n${lines}` };
    } catch (error) {
      if (!(error instanceof BerthError) || error.code === 'cannot_connect') throw kept(error, file);
      wrong = error;
      // Saved again, it replaces what has changed meanwhile.
      if (error.code === 'conflict') generation = Number(error.data?.generation ?? generation);
    }
  }
}

async function specOf(text: string, id: string, file: string): Promise<Record<string, unknown>> {
  const [spec, ...others] = await parseSpecs(text, file);
  if (others.length > 0 || typeof spec !== 'object' || spec === null)
    throw new BerthError('invalid_spec', 'one workload is needed, an object');
  requireId(spec as Record<string, unknown>, id);
  return { ...spec, id };
}

function unchanged(id: string): Answer {
  return { document: { id, outcome: 'unchanged' }, text: `${id} unchanged\n` };
}

const MARK = '#: ';

/** Lines that are no part of the specification, and are written anew each time. */
function headerOf(id: string, generation: number, wrong: BerthError | undefined): string {
  const lines = [`Workload ${id}, generation ${generation}. Save to change it; unchanged, nothing is done.`];
  if (wrong !== undefined) lines.unshift(...clean(`${wrong.message}\n${wrong.hint}`, true).split('\n'), '');
  return `${lines.map((line) => `${MARK}${line}`.trimEnd()).join('\n')}\n`;
}

function withoutHeader(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith(MARK.trimEnd()))
    .join('\n');
}

/** What was written is not lost. */
function kept(error: unknown, file: string): BerthError {
  const { code, message, hint, data } = reportOf(error);
  return new BerthError(code, message, { hint: `${hint} What you wrote is in ${file}.`, data: { ...data, file } });
}

function editorFailed(code: number): BerthError {
  return new BerthError('usage', `the editor has ended with code ${code}; nothing has changed`, {
    hint: 'Set $VISUAL or $EDITOR to an editor.',
  });
}
