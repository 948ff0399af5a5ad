// Files and directories that others than root are to get at. open(2) and mkdir(2) take the umask off the mode that they are given, and
// that of the agent's unit (UMask=0077) leaves them to root alone; chmod(2) does not.
import { chmod, mkdir, writeFile } from 'node:fs/promises';

/** Writes a file that has exactly `mode` then, whatever the umask. */
export async function writeWithMode(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await writeFile(path, content, { mode });
  await chmod(path, mode);
}

/** Makes a directory with exactly `mode`, whatever the umask; one that is there gets it. What is above it is left to the umask. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  await chmod(path, mode);
}
