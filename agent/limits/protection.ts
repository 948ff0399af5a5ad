// What the workloads are promised must also be in memory.min and memory.low of the unit and the slice above them, and those
// are systemd's: it would put back what it knows at the next daemon-reload. So it is told, for this boot, and not often:
// changes are collected, and the call is no part of anybody's start.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { runProgram } from '../../linux/run-program.js';
import type { Log } from '../base/log.js';
import type { Protection } from './tenants.js';

/** How long changes are collected. */
const COLLECT_MS = 2000;
const TIMEOUT_MS = 30_000;

export interface UnitProtectionOptions {
  /** The unit of the workloads, then its slice. */
  readonly units: readonly { readonly name: string; readonly own: number }[];
  readonly total: () => Protection;
  readonly log: Log;
  readonly setProperty?: (unit: string, properties: readonly string[]) => Promise<unknown>;
  readonly collectMs?: number;
}

export class UnitProtection {
  readonly #options: UnitProtectionOptions;
  #told: Protection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: UnitProtectionOptions) {
    this.#options = options;
  }

  /** The promises have changed. */
  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#running.then(() => this.#tell());
    }, this.#options.collectMs ?? COLLECT_MS).unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #tell(): Promise<void> {
    const { units, total, log, setProperty = systemctl } = this.#options;
    const { min, low } = total();
    if (this.#told?.min === min && this.#told.low === low) return;
    try {
      for (const { name, own } of units) await setProperty(name, [`MemoryMin=${min + own}`, `MemoryLow=${low + own}`]);
      this.#told = { min, low };
    } catch (error) {
      log.warn({ err: error }, 'systemd could not be told what memory the workloads are promised');
    }
  }
}

async function systemctl(unit: string, properties: readonly string[]): Promise<void> {
  const args = ['set-property', '--runtime', unit, ...properties];
  const { code, stderr } = await runProgram('systemctl', args, { deadlineMs: TIMEOUT_MS });
  if (code !== 0)
    throw new SysError('systemctl set-property', constants.errno.EIO, { path: unit, note: stderr.trim() });
}
