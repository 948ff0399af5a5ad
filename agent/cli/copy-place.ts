// One side of `berth cp`: a path here, a path inside a workload, or - for a tar stream.
import { basename, dirname, join } from 'node:path';
import { BerthError } from '../../protocol/errors.js';
import { ID_PATTERN } from '../model/spec.js';

export type CopyPlace =
  | { readonly kind: 'inside'; readonly id: string; readonly path: string }
  | { readonly kind: 'here'; readonly path: string }
  | { readonly kind: 'stream' };

/** `ID:PATH` is inside; a path here that has a colon is written with a slash before it: `./a:b`. Throws `usage`. */
export function copyPlace(text: string): CopyPlace {
  if (text === '-') return { kind: 'stream' };
  const [, id, path] = /^([^/:]+):(.*)$/s.exec(text) ?? [];
  if (id === undefined || path === undefined) {
    if (text === '') throw new BerthError('usage', 'an empty path names nothing');
    return { kind: 'here', path: text };
  }
  if (!ID_PATTERN.test(id))
    throw new BerthError('usage', `${JSON.stringify(text)}: ${JSON.stringify(id)} is no id of a workload`, {
      hint: `A file of this machine whose name has a colon is ./${text}.`,
    });
  // As docker: relative to the root of the workload.
  return { kind: 'inside', id, path: path.startsWith('/') ? path : `/${path}` };
}

/** `DIR/.` is what is in a directory, and not the directory. */
export function isContents(path: string): boolean {
  return path === '.' || path.endsWith('/.');
}

/** The first entry of an archive of `path`, and the directory in which it lies. */
export function whatToPack(path: string): { readonly directory: string; readonly name: string } {
  if (isContents(path)) return { directory: path, name: '.' };
  // Never an option, whatever it is called.
  return { directory: dirname(path), name: `./${basename(path)}` };
}

/** Where an archive of `source` is unpacked so that `target` is it, and what its first entry must be called. */
export function whereToUnpack(
  source: string,
  target: string,
  isDirectory: (path: string) => boolean,
): { readonly directory: string; readonly as: string } {
  if (isDirectory(target)) {
    const name = basename(source);
    return { directory: target, as: isContents(source) || name === '' || name === '..' ? '.' : name };
  }
  const directory = dirname(target);
  if (target.endsWith('/') || !isDirectory(directory))
    throw new BerthError('usage', `${target.endsWith('/') ? target : directory}: there is no such directory`, {
      hint: 'Make it first, or give another destination.',
    });
  return { directory: join(directory), as: basename(target) };
}
