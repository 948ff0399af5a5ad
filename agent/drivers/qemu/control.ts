// The way from berth to what runs in the guest of an image: a FIFO that QEMU hands on to a port of the guest. What the guest writes to
// its side is read by nobody, and stops there.

import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { makeFifo } from '../../../linux/fifo.js';
import type { StopSignal } from '../../model/container-spec.js';
import { controlPipe } from './arguments.js';

/** Made anew at each start: what was asked of the last guest is not asked of the next. */
export async function makePipes(directory: string): Promise<void> {
  for (const end of ['in', 'out']) {
    const path = `${controlPipe(directory)}.${end}`;
    await rm(path, { force: true });
    makeFifo(path, 0o600);
  }
}

/** Rejects when no QEMU reads it, or the guest has not read what it was sent before. */
export async function sendSignal(directory: string, signal: StopSignal): Promise<true> {
  const pipe = await open(`${controlPipe(directory)}.in`, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    await pipe.write(`signal ${signal.replace(/^SIG/, '')}\n`);
    return true;
  } finally {
    await pipe.close();
  }
}
