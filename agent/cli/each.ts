// Commands that do the same to several workloads: in order, one line each, a failure does not keep back the next, and
// the exit code is that of the first failure.
import type { ErrorReport } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import type { ImageView, RemovedImages } from '../model/image-view.js';
import type { WorkloadView } from '../model/record.js';
import type { SnapshotView } from '../model/snapshot.js';
import type { FieldChange } from '../model/spec-change.js';
import type { VolumeName } from '../model/volume.js';
import type { Answer, Context } from './command.js';
import { exitOf, failureText } from './failure.js';
import { endSentence } from './format.js';
import type { Progress } from './progress.js';
import { startProgress } from './progress.js';

/** For people, beside the answer: the program was started, and has ended already. */
export async function tellEnd({ host, json }: Context, { id, process, end }: WorkloadView): Promise<void> {
  if (json || process !== null || end === null) return;
  await host.err(`${id} has ended since: ${endSentence(end)}; see \`berth workload logs ${id}\`\n`);
}

/** One entry of `{"results": [...]}`. */
export type Result =
  | {
      readonly id: string;
      readonly outcome: string;
      readonly workload?: WorkloadView;
      readonly changes?: readonly FieldChange[];
      readonly image?: ImageView;
      readonly removed?: RemovedImages;
      readonly snapshot?: SnapshotView;
      readonly volume?: VolumeName;
    }
  | { readonly id: string; readonly error: ErrorReport };

export interface Done {
  /** One word for programs: `running`, `exited`, `deleted`, `accepted`. */
  readonly outcome: string;
  readonly workload?: WorkloadView | undefined;
  /** Of its specification. */
  readonly changes?: readonly FieldChange[];
  readonly image?: ImageView;
  readonly removed?: RemovedImages;
  readonly snapshot?: SnapshotView;
  readonly volume?: VolumeName;
  /** Line for people; empty: it is printed already. */
  readonly line: string;
}

export async function forEach(
  context: Context,
  names: readonly string[],
  act: (index: number, progress: Progress) => Promise<Done>,
): Promise<Answer> {
  const { host, json, signal, errStyle } = context;
  const results: Result[] = [];
  let exit = 0;
  for (const [i, id] of names.entries()) {
    const progress = startProgress(host, json);
    try {
      const { line, workload, ...done } = await act(i, progress);
      await progress.stop();
      results.push({ id, ...done, ...(workload && { workload }) });
      if (!json && line !== '') await host.out(`${line}\n`);
    } catch (error) {
      await progress.stop();
      if (signal.aborted) throw error;
      const report = reportOf(error);
      // Nothing about this one in particular, and the next would fail the same way.
      if (report.code === 'cannot_connect') throw error;
      results.push({ id, error: report });
      exit ||= exitOf(report);
      if (!json) await host.err(failureText(report, errStyle, id));
    }
  }
  return { document: { results }, text: '', exit };
}
