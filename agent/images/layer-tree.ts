// Puts the entries of a layer into a directory of its own, as root. Names, links and modes in it were chosen by others: no
// entry may have an effect outside the directory. Nobody else changes the directory meanwhile. Synchronous: for a process
// of its own.
import * as fs from 'node:fs';
import { codeOf } from '../../linux/errors.js';
import { makeFifo, makeWhiteout } from '../../linux/nodes.js';
import { setXattrBytes } from '../../linux/xattr.js';
import { LayerProblem, noEntry } from './layer-problem.js';
import type { TarEntry } from './tar.js';

export interface TreeBounds {
  /** Names in the layer, those of directories that it leaves out included. */
  readonly maxEntries: number;
}

export interface TreeCount {
  entries: number;
  /** Devices, and names that only a storage driver of docker knows. */
  skipped: number;
}

interface Owner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Of a directory that no layer describes. */
const PLAIN_DIRECTORY: Owner = { mode: 0o755, uid: 0, gid: 0 };
const MOST_PATH = 4095;
/** As the kernel has it (fs/namei.c). */
const MOST_LINKS = 40;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const OPAQUE_XATTR = 'trusted.overlay.opaque';

export class LayerTree {
  readonly count: TreeCount = { entries: 0, skipped: 0 };
  readonly #root: Buffer;
  readonly #below: readonly string[];
  readonly #bounds: TreeBounds;
  /** Their times are set at the end: each entry in a directory changes them. */
  readonly #directories = new Map<string, number>();

  /** `root`: an empty directory. `below`: the layers under this one, the next first. */
  constructor(root: string, below: readonly string[], bounds: TreeBounds) {
    this.#root = Buffer.from(root);
    this.#below = below;
    this.#bounds = bounds;
  }

  /** Throws LayerProblem, and errors of the file system. */
  async place(entry: TarEntry, content: AsyncIterable<Buffer>): Promise<void> {
    const names = partsOf(entry.path);
    const name = names.pop();
    if (name === undefined) return this.#describe('', entry);
    this.#counted();
    const parent = this.#directory(names);
    if (name.startsWith(WHITEOUT)) return this.#whiteout(parent, name);
    const path = joined(parent, name);
    switch (entry.kind) {
      case 'device':
        // The root of a workload has no devices of its image (nodev), and 0/0 would hide a file.
        this.count.skipped += 1;
        return;
      case 'directory':
        return this.#placeDirectory(path, entry);
      case 'hardlink':
        return this.#placeHardLink(path, entry);
      case 'symlink':
        this.#clear(path);
        fs.symlinkSync(Buffer.from(entry.target, 'latin1'), this.#at(path));
        return this.#describe(path, entry);
      case 'fifo':
        this.#clear(path);
        makeFifo(this.#at(path), 0o600);
        return this.#describe(path, entry);
      case 'file':
        this.#clear(path);
        await this.#write(path, content);
        return this.#describe(path, entry);
    }
  }

  /** After the last entry. */
  finish(): void {
    for (const [path, mtime] of this.#directories)
      if (this.#look(path)?.isDirectory() === true) fs.lutimesSync(this.#at(path), mtime, mtime);
  }

  async #write(path: string, content: AsyncIterable<Buffer>): Promise<void> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
    const file = fs.openSync(this.#at(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      for await (const piece of content) for (let at = 0; at < piece.length; ) at += fs.writeSync(file, piece, at);
    } finally {
      fs.closeSync(file);
    }
  }

  #placeDirectory(path: string, entry: TarEntry): void {
    const found = this.#look(path);
    if (found?.isDirectory() !== true) {
      this.#clear(path);
      fs.mkdirSync(this.#at(path), 0o700);
      if (found !== undefined && isWhiteout(found)) this.#makeOpaque(path);
    }
    this.#describe(path, entry);
  }

  #placeHardLink(path: string, { target, path: named }: TarEntry): void {
    const names = partsOf(target);
    const last = names.pop() ?? '';
    const from = joined(this.#directory(names, false), last);
    const found = this.#look(from);
    if (last === '' || found === undefined || found.isDirectory() || isWhiteout(found))
      throw new LayerProblem(`${named} is a hard link to ${target}, which is no file of the same layer`);
    if (from === path) return;
    this.#clear(path);
    fs.linkSync(this.#at(from), this.#at(path));
  }

  #whiteout(parent: string, name: string): void {
    if (name === OPAQUE) {
      this.#makeOpaque(parent);
      return;
    }
    if (name.startsWith('.wh..wh.')) {
      this.count.skipped += 1;
      return;
    }
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw noEntry(name);
    const path = joined(parent, hidden);
    const found = this.#look(path);
    // It hides what is below, and nothing of its own layer.
    if (found === undefined) makeWhiteout(this.#at(path));
    else if (found.isDirectory()) this.#makeOpaque(path);
  }

  #makeOpaque(path: string): void {
    setXattrBytes(this.#at(path), OPAQUE_XATTR, Buffer.from('y'));
  }

  /** Owner first: a change of owner takes setuid bits and capabilities away. */
  #describe(path: string, entry: TarEntry): void {
    const at = this.#at(path);
    fs.lchownSync(at, entry.uid, entry.gid);
    if (entry.kind !== 'symlink') fs.chmodSync(at, entry.mode);
    for (const [name, value] of entry.xattrs) if (isKept(name)) setKept(at, name, value);
    if (entry.kind === 'directory' || path === '') this.#directories.set(path, entry.mtime);
    else fs.lutimesSync(at, entry.mtime, entry.mtime);
  }

  /**
   * The directory of these names, made where it is missing. Links are followed as inside the directory: `/` is its top, and `..`
   * goes no higher.
   */
  #directory(names: readonly string[], make = true): string {
    const at: string[] = [];
    const left = [...names];
    for (let links = 0; left.length > 0; ) {
      const name = left.shift() ?? '';
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at.pop();
        continue;
      }
      const path = joined(at.join('/'), name);
      const found = this.#look(path);
      if (found?.isSymbolicLink() === true) {
        links += 1;
        if (links > MOST_LINKS) throw new LayerProblem(`${names.join('/')} goes through more than ${MOST_LINKS} links`);
        const target = fs.readlinkSync(this.#at(path), 'latin1');
        if (target.startsWith('/')) at.length = 0;
        left.unshift(...target.split('/'));
        continue;
      }
      if (found?.isDirectory() !== true) {
        if (!make || (found !== undefined && !isWhiteout(found)))
          throw new LayerProblem(`${path} is no directory, and has entries below it`);
        this.#makeParent(path, found !== undefined);
      }
      at.push(name);
    }
    return at.join('/');
  }

  /** One that the layer has entries in and does not describe: as the layers below do. */
  #makeParent(path: string, hidden: boolean): void {
    this.#counted();
    this.#clear(path);
    const { mode, uid, gid } = (hidden ? undefined : this.#ofBelow(path)) ?? PLAIN_DIRECTORY;
    const at = this.#at(path);
    fs.mkdirSync(at, 0o700);
    fs.lchownSync(at, uid, gid);
    fs.chmodSync(at, mode & 0o7777);
    if (hidden) this.#makeOpaque(path);
  }

  #ofBelow(path: string): Owner | undefined {
    const names = path.split('/');
    for (const layer of this.#below) {
      let at = Buffer.from(layer);
      let found: fs.Stats | undefined;
      for (const name of names) {
        at = Buffer.concat([at, Buffer.from(`/${name}`, 'latin1')]);
        found = look(at);
        if (found?.isDirectory() !== true) break;
      }
      if (found?.isDirectory() === true) return found;
    }
    return undefined;
  }

  #clear(path: string): void {
    const found = this.#look(path);
    if (found === undefined) return;
    if (found.isDirectory()) fs.rmSync(this.#at(path), { recursive: true });
    else fs.unlinkSync(this.#at(path));
  }

  #counted(): void {
    this.count.entries += 1;
    if (this.count.entries > this.#bounds.maxEntries)
      throw new LayerProblem(`it has more than ${this.#bounds.maxEntries} files (images.max_files)`);
  }

  #look(path: string): fs.Stats | undefined {
    return look(this.#at(path));
  }

  #at(path: string): Buffer {
    return path === '' ? this.#root : Buffer.concat([this.#root, Buffer.from(`/${path}`, 'latin1')]);
  }
}

/** Throws LayerProblem for a name that goes up, or that no file system has. */
function partsOf(path: string): string[] {
  if (path.length > MOST_PATH || path.includes('\0')) throw noEntry(path.slice(0, 128));
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.some((name) => name === '..' || name.length > 255)) throw noEntry(path);
  return names;
}

function joined(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

function look(path: Buffer): fs.Stats | undefined {
  try {
    return fs.lstatSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isWhiteout(found: fs.Stats): boolean {
  return found.isCharacterDevice() && found.rdev === 0;
}

/** Overlayfs keeps its own in `trusted.overlay.` and `user.overlay.`: an image could send it to files of another layer. */
function isKept(name: string): boolean {
  return name === 'security.capability' || (name.startsWith('user.') && !name.startsWith('user.overlay.'));
}

/** Of `user.` a file system keeps what it can: some keep none, none is kept on links, and there is a bound for each file. */
const NOT_KEPT = ['EOPNOTSUPP', 'EPERM', 'E2BIG', 'ERANGE', 'ENOSPC'];

function setKept(at: Buffer, name: string, value: Buffer): void {
  try {
    setXattrBytes(at, name, value);
  } catch (error) {
    if (!name.startsWith('user.') || !NOT_KEPT.includes(codeOf(error) ?? '')) throw error;
  }
}
