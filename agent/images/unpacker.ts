// Unpacks layers in a process of their own: the main loop goes on, and what a layer does to memory ends with the process.
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SysError } from '../../linux/errors.js';
import { runProgram } from '../../linux/run-program.js';
import { BerthError } from '../base/errors.js';
import { invalidImage } from './problems.js';
import type { Unpacked, UnpackJob } from './unpack.js';

/** `problem`: the layer is at fault. */
export type UnpackAnswer =
  | { readonly unpacked: Unpacked }
  | { readonly problem: string }
  | { readonly failed: string; readonly code: string | null };

export interface UnpackerOptions {
  /** Name of the image, for errors. */
  readonly name: string;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** MiB of the heap of JavaScript; what is read passes through in pieces. */
const HEAP = 96;

/** Throws `image_invalid`, SysError, and the reason of the signal. What a failure leaves in the directory is the caller's to remove. */
export async function unpackApart(job: UnpackJob, { name, deadlineMs, signal }: UnpackerOptions): Promise<Unpacked> {
  const program = fileURLToPath(new URL('./unpack-program.js', import.meta.url));
  const args = [`--max-old-space-size=${HEAP}`, program, JSON.stringify(job)];
  const { code, stdout, stderr } = await runProgram(process.execPath, args, { deadlineMs, signal, env: {} });
  const answer = answerOf(stdout);
  if (answer === undefined)
    throw new BerthError(
      'image_pull_failed',
      `a layer of the image ${name} was not unpacked: its process ended (${code})`,
      {
        data: { image: name, stderr: stderr.slice(-1024) },
      },
    );
  if ('unpacked' in answer) return answer.unpacked;
  if ('problem' in answer) throw invalidImage(name, answer.problem);
  const errno = Object.entries(constants.errno).find(([errnoName]) => errnoName === answer.code)?.[1];
  throw new SysError('unpack', errno ?? constants.errno.EIO, { path: job.directory, note: answer.failed });
}

function answerOf(stdout: string): UnpackAnswer | undefined {
  try {
    return JSON.parse(stdout) as UnpackAnswer;
  } catch {
    return undefined;
  }
}
