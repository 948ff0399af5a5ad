// How the demo speaks: numbered scenes, facts below each, and a table at the end. The first thing that is not so ends it.
import { stdout } from 'node:process';

export interface Scene {
  readonly title: string;
  readonly seconds: number;
  readonly result: string;
}

export class Story {
  readonly #total: number;
  readonly #scenes: Scene[] = [];
  #number = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Runs one scene; what `play` returns is its line in the table. */
  async scene(title: string, play: (say: (line: string) => void) => Promise<string>): Promise<void> {
    this.#number += 1;
    stdout.write(`\n[${this.#number}/${this.#total}] ${title}\n`);
    const begun = Date.now();
    const alive = setInterval(() => stdout.write(`      ... ${Math.round((Date.now() - begun) / 1000)} s\n`), 20_000);
    try {
      const result = await play((line) => stdout.write(`      ${line}\n`));
      const seconds = (Date.now() - begun) / 1000;
      this.#scenes.push({ title, seconds, result });
      stdout.write(`      ok: ${result} (${seconds.toFixed(1)} s)\n`);
    } catch (error) {
      stdout.write(`      NOT SO: ${error instanceof Error ? error.message : String(error)}\n`);
      throw error;
    } finally {
      clearInterval(alive);
    }
  }

  table(): string {
    const width = Math.max(...this.#scenes.map(({ title }) => title.length));
    const rows = this.#scenes.map(
      ({ title, seconds, result }) => `  ${title.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s  ${result}`,
    );
    return rows.join('\n');
  }
}

/** Ends the demo with what was expected and what was seen. */
export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}
