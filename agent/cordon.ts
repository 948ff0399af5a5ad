// Whether this node takes new workloads, kept across restarts as the presence of a file: making and removing one is
// atomic, and a person can see it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { removeFile, replaceFile } from './durable.js';

export class Cordon {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'cordoned');
  }

  get(): boolean {
    return existsSync(this.#path);
  }

  async set(cordoned: boolean): Promise<void> {
    await (cordoned ? replaceFile(this.#path, '') : removeFile(this.#path));
  }
}
