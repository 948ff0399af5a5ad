// Whether this node takes new workloads, kept across restarts as the presence of a file: making and removing one is
// atomic, and a person can see it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { changeFile } from '../base/change-file.js';
import { replaceFile } from '../base/durable.js';
import { Serial } from '../base/serial.js';

export interface CordonRelief {
  replace(path: string, text: string): Promise<void>;
}

export class Cordon {
  readonly #path: string;
  readonly #writes = new Serial();
  readonly #write: CordonRelief['replace'];

  /** `relief`: to close a node whose disk is full. */
  constructor(stateDirectory: string, relief?: CordonRelief) {
    this.#path = join(stateDirectory, 'cordoned');
    this.#write = relief === undefined ? replaceFile : (path, text) => relief.replace(path, text);
  }

  get(): boolean {
    return existsSync(this.#path);
  }

  /** Durable when it resolves. Of several at once the last one stays. */
  set(cordoned: boolean): Promise<void> {
    return this.#writes.run(() => {
      const before = this.get() ? '' : undefined;
      const options = { write: this.#write, restore: this.#write };
      return changeFile(this.#path, cordoned ? '' : undefined, () => before, options);
    });
  }
}
