// Names that vanish from /run/netns. A stat at each look and not inotify: it costs a few microseconds, needs none of the
// user's 128 inotify instances, and works on before the directory exists and after something was mounted over it.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../../linux/errors.js';
import type { HintSet } from './hints.js';

/** Time stamps of directories are as coarse as the tick: a change within it may leave the stamp as it is. */
const COARSE_NS = 20_000_000n;

export class NameReader {
  readonly #directory: string;
  readonly #prefix: string;
  #names: Set<string>;
  #stamp = '';

  /** Names that start with `prefix` count. Throws SysError. */
  constructor(directory: string, prefix: string) {
    this.#directory = directory;
    this.#prefix = prefix;
    this.#names = this.#list();
  }

  /** Reads the directory only when it has changed. Throws SysError. */
  read(hints: HintSet): void {
    const stamp = this.#look();
    if (stamp !== undefined && stamp === this.#stamp) return;
    this.#stamp = stamp ?? '';
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

  /** What tells this state of the directory from a later one; undefined: it changed just now and may again. */
  #look(): string | undefined {
    try {
      const { dev, ino, mtimeNs } = statSync(this.#directory, { bigint: true });
      const settled = BigInt(Date.now()) * 1_000_000n - mtimeNs > COARSE_NS;
      return settled ? `${dev} ${ino} ${mtimeNs}` : undefined;
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
