// Which kernel a file has, as uname -r would say it: its modules are found by that name.
import { readStart } from '../../../linux/plain-file.js';

/** Of the setup header (Documentation/arch/x86/boot.rst). */
const MAGIC_AT = 0x202;
const VERSION_AT = 0x20e;
const SETUP = 0x200;
/** More than the setup sectors of any kernel have. */
const MOST_SETUP = 64 << 10;

/** Undefined: it is no bzImage, or does not say. */
export async function kernelRelease(path: string): Promise<string | undefined> {
  return releaseOf(await readStart(path, MOST_SETUP));
}

/** `start`: the first bytes of the file. */
export function releaseOf(start: Buffer): string | undefined {
  if (start.length < VERSION_AT + 2 || start.toString('latin1', MAGIC_AT, MAGIC_AT + 4) !== 'HdrS') return undefined;
  const at = start.readUInt16LE(VERSION_AT);
  if (at === 0) return undefined;
  const text = start.toString('latin1', at + SETUP, at + SETUP + 256);
  return /^([0-9][\w.+~-]*)[ \0]/.exec(text)?.[1];
}
