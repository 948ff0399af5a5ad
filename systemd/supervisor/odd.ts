// Something else in the place of what the supervisor keeps: it must not be kept from the workloads by it. Set aside before anybody
// opens it, as to open a FIFO may wait for ever.
import { lstatSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';

/**
 * Makes a directory; what has its name and is none is renamed to NAME.damaged. So is a link to one: what is deleted in it could be
 * somebody else's. Gives back whether something was.
 */
export function makeDirectory(path: string, mode = 0o700): boolean {
  const odd = clear(path, () => lstatSync(path).isDirectory());
  mkdirSync(path, { recursive: true, mode });
  return odd;
}

/** Sets aside what has the name of a file and is none. Gives back whether something was there. */
export function clearFile(path: string): boolean {
  return clear(path, (found) => found.isFile());
}

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
}

function clear(path: string, fits: (found: Kind) => boolean): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined || fits(followed(path))) return false;
  rmSync(`${path}.damaged`, { recursive: true, force: true });
  renameSync(path, `${path}.damaged`);
  return true;
}

/** A link that leads nowhere, or to itself, is neither. */
function followed(path: string): Kind {
  try {
    return statSync(path);
  } catch {
    return { isFile: () => false, isDirectory: () => false };
  }
}
