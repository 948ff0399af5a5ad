import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { codeOf, SysError, sysErrorFrom } from '../../linux/errors.js';
import type { PsiTrigger } from './types.js';

/** `some 150000 1000000`, and the NUL that the kernel puts over the last byte anyway. */
export function triggerText({ kind, stallUsec, windowUsec }: PsiTrigger): string {
  return `${kind} ${stallUsec} ${windowUsec}\0`;
}

/** A descriptor with one trigger, which lives as long as it is open. Throws SysError. */
export function openTrigger(file: string, trigger: PsiTrigger): number {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw sysErrorFrom(error, 'open', file);
  }
  try {
    writeSync(fd, triggerText(trigger));
    return fd;
  } catch (error) {
    closeSync(fd);
    const value = triggerText(trigger).slice(0, -1);
    if (codeOf(error) !== 'EINVAL') throw sysErrorFrom(error, 'write', file, value);
    const note = 'the window is 500 ms to 10 s, without CAP_SYS_RESOURCE a multiple of 2 s, and no less than the stall';
    throw new SysError('write', os.errno.EINVAL, { path: file, value, note });
  }
}
