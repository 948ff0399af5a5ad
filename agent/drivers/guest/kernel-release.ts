// Which kernel a file has, as uname -r would say it: its modules are found by that name.
import { readPieces, readStart } from '../../../linux/plain-file.js';

/** Of the setup header (Documentation/arch/x86/boot.rst). */
const MAGIC_AT = 0x202;
const VERSION_AT = 0x20e;
const SETUP = 0x200;
/** More than the setup sectors of any kernel have. */
const MOST_SETUP = 64 << 10;

const ELF = '\x7fELF';
/** Of an Image of arm64 (Documentation/arch/arm64/booting.rst), which is not compressed. */
const ARM64 = 'ARM\x64';
const ARM64_AT = 56;
/** What every Linux says first (init/version.c). */
const BANNER = /Linux version ([0-9][\w.+~-]*) \(/;
/** Longer than the part of the banner that is looked for. */
const OVERLAP = 256;
const MOST_KERNEL = 512 << 20;

/** Of a bzImage, a vmlinux or an Image of arm64. Undefined: it is none of them, or does not say. */
export async function kernelRelease(path: string): Promise<string | undefined> {
  const start = await readStart(path, MOST_SETUP);
  return isPlain(start) ? bannerOf(path) : releaseOf(start);
}

/** Not compressed, so that the banner can be read. */
function isPlain(start: Buffer): boolean {
  const has = (magic: string, at: number): boolean => start.toString('latin1', at, at + magic.length) === magic;
  return has(ELF, 0) || has(ARM64, ARM64_AT);
}

/** Its place is not known: piece by piece, so that the loop gets its turn. */
async function bannerOf(path: string): Promise<string | undefined> {
  let end = '';
  for await (const piece of readPieces(path, MOST_KERNEL)) {
    const text = end + piece.toString('latin1');
    const found = BANNER.exec(text);
    if (found !== null) return found[1];
    end = text.slice(-OVERLAP);
  }
  return undefined;
}

/** `start`: the first bytes of the file. */
export function releaseOf(start: Buffer): string | undefined {
  if (start.length < VERSION_AT + 2 || start.toString('latin1', MAGIC_AT, MAGIC_AT + 4) !== 'HdrS') return undefined;
  const at = start.readUInt16LE(VERSION_AT);
  if (at === 0) return undefined;
  const text = start.toString('latin1', at + SETUP, at + SETUP + 256);
  return /^([0-9][\w.+~-]*)[ \0]/.exec(text)?.[1];
}
