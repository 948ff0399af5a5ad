// Unpacks layers in a process of their own: the main loop goes on, and what a layer does to memory ends with the process. It has
// the privileges that files of an image need, and no more: no network, and few capabilities.
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SysError } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { invalidImage } from './problems.js';
import type { Unpacked, UnpackJob } from './unpack.js';

/** `problem`: the layer is at fault. */
export type UnpackAnswer =
  | { readonly unpacked: Unpacked }
  | { readonly problem: string }
  | { readonly failed: string; readonly code: string | null };

export interface ApartOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `code`: null when a signal has ended it, or how it ended is not known. */
export interface ApartEnd {
  readonly code: number | null;
  /** What it wrote to stdout and stderr, or the first part of it. */
  readonly output: string;
}

/**
 * Runs a program to its end, with an empty environment; nothing of it is left afterwards. Rejects with SysError (of the spawn; ETIMEDOUT) and
 * the reason of the signal.
 */
export type RunApart = (argv: readonly string[], options: ApartOptions) => Promise<ApartEnd>;

export interface UnpackerOptions extends ApartOptions {
  /** Name of the image, for errors. */
  readonly name: string;
}

export interface UnpackerPorts {
  readonly run: RunApart;
  readonly which: (binary: string) => string | undefined;
}

/** MiB of the heap of JavaScript; what is read passes through in pieces. */
const HEAP = 96;
/** Files of any owner and mode with capabilities of their own (setuid bits go with FSETID), and overlayfs' attributes (SYS_ADMIN). */
const CAPABILITIES = '-all,+chown,+dac_override,+fowner,+fsetid,+setfcap,+sys_admin';

/** Throws `image_invalid`, `binary_missing`, SysError, and the reason of the signal. What a failure leaves in the directory is the caller's to remove. */
export async function unpackApart(
  job: UnpackJob,
  { name, deadlineMs, signal }: UnpackerOptions,
  { run, which }: UnpackerPorts,
): Promise<Unpacked> {
  const argv = [
    ...[required('unshare', which), '--net', '--ipc', '--'],
    ...[required('setpriv', which), '--no-new-privs', '--inh-caps=-all', `--bounding-set=${CAPABILITIES}`, '--'],
    ...[process.execPath, `--max-old-space-size=${HEAP}`],
    ...[fileURLToPath(new URL('./unpack-program.js', import.meta.url)), JSON.stringify(job)],
  ];
  const { code, output } = await run(argv, { deadlineMs, signal });
  const answer = answerOf(output);
  if (answer === undefined)
    throw new BerthError(
      'image_pull_failed',
      `a layer of the image ${name} was not unpacked: its process ended (${code ?? 'by a signal'})`,
      {
        data: { image: name, output: output.slice(-1024) },
      },
    );
  if ('unpacked' in answer) return answer.unpacked;
  if ('problem' in answer) throw invalidImage(name, answer.problem);
  const errno = Object.entries(constants.errno).find(([errnoName]) => errnoName === answer.code)?.[1];
  throw new SysError('unpack', errno ?? constants.errno.EIO, { path: job.directory, note: answer.failed });
}

function required(binary: string, which: UnpackerPorts['which']): string {
  const path = which(binary);
  if (path !== undefined) return path;
  throw new BerthError('binary_missing', `this host has no program "${binary}", which unpacking an image needs`, {
    data: { binary },
    hint: 'Install the package util-linux.',
  });
}

/** Its last line; what comes before it is a warning of the runtime. */
function answerOf(output: string): UnpackAnswer | undefined {
  try {
    return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as UnpackAnswer;
  } catch {
    return undefined;
  }
}
