// Whether this node takes new workloads, kept across restarts as the presence of a file: making and removing one is
// atomic, and a person can see it.
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export class Cordon {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'cordoned');
  }

  get(): boolean {
    return existsSync(this.#path);
  }

  async set(cordoned: boolean): Promise<void> {
    if (cordoned) await writeFile(this.#path, '', { flush: true });
    else await rm(this.#path, { force: true });
  }
}
