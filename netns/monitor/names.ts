// Names that vanish from /run/netns. A stat at each look and not inotify: it costs a few microseconds, needs none of the
// user's 128 inotify instances, and works on before the directory exists and after something was mounted over it.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../../linux/errors.js';
import type { HintSet } from './hints.js';

/** Time stamps of directories are as coarse as the tick: a change within it may leave the stamp as it is. */
const COARSE_MS = 20;

export class NameReader {
  readonly #directory: string;
  readonly #prefix: string;
  #names: Set<string>;
  #stamp = '';
  /** When a look first met this stamp, and when the names were last read: by a clock that nobody sets. */
  #metAt = 0;
  #readAt = 0;

  /** Names that start with `prefix` count. Throws SysError. */
  constructor(directory: string, prefix: string) {
    this.#directory = directory;
    this.#prefix = prefix;
    this.#names = this.#list();
  }

  /** Reads the directory only when it has changed. Throws SysError. */
  read(hints: HintSet): void {
    const stamp = this.#look();
    const now = performance.now();
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#metAt = now;
    } else if (this.#readAt - this.#metAt > COARSE_MS) return;
    this.#readAt = now;
    const names = this.#list();
    for (const name of this.#names) if (!names.has(name)) hints.add('netns', null, name);
    this.#names = names;
  }

  /**
   * What became of these is our own doing. One that is there is known from now on: a ready-made namespace that is handed
   * out does not change the directory, so that no later look would meet it before somebody takes it away.
   */
  forget(names: readonly string[]): void {
    for (const name of names) {
      if (name.startsWith(this.#prefix) && existsSync(join(this.#directory, name))) this.#names.add(name);
      else this.#names.delete(name);
    }
  }

  /** What tells this state of the directory from a later one, but for a change within the same tick. */
  #look(): string {
    try {
      const { dev, ino, mtimeNs } = statSync(this.#directory, { bigint: true });
      return `${dev} ${ino} ${mtimeNs}`;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 'absent';
      throw sysErrorFrom(error, 'stat', this.#directory);
    }
  }

  #list(): Set<string> {
    try {
      return new Set(readdirSync(this.#directory).filter((name) => name.startsWith(this.#prefix)));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new Set();
      throw sysErrorFrom(error, 'readdir', this.#directory);
    }
  }
}
