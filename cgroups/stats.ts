// Sampling one cgroup over and over: its files stay open, and one buffer serves all reads. Opening each file per
// sample costs four to five times as much. Up to 12 descriptors per cgroup: raise RLIMIT_NOFILE accordingly.
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { parseCpuStat } from './cpu.js';
import { parseMemory } from './memory.js';
import { parsePids } from './pids.js';
import { parsePressure } from './psi.js';
import type { CgroupStats, PressureTotals } from './types.js';
import { isGone } from './watch.js';

const FILES = {
  cpuStat: 'cpu.stat',
  memoryCurrent: 'memory.current',
  memoryPeak: 'memory.peak',
  memorySwap: 'memory.swap.current',
  memoryMax: 'memory.max',
  memoryEvents: 'memory.events',
  pidsCurrent: 'pids.current',
  pidsMax: 'pids.max',
  pidsEvents: 'pids.events',
  cpuPressure: 'cpu.pressure',
  memoryPressure: 'memory.pressure',
  ioPressure: 'io.pressure',
} as const;

type FileKey = keyof typeof FILES;

/** A sweep shares one between its readers. None of the files above is longer than this. */
export function sampleBuffer(): Buffer {
  return Buffer.alloc(4096);
}

export class CgroupReader {
  readonly dir: string;
  readonly #buffer: Buffer;
  readonly #fds = new Map<FileKey, number>();
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(dir: string, buffer: Buffer = sampleBuffer()) {
    this.dir = dir;
    this.#buffer = buffer;
  }

  /** Undefined when the cgroup is not there yet, gone (the reader then closes itself), or after close. Throws SysError when reading fails otherwise. */
  read(): CgroupStats | undefined {
    if (this.#state === 'closed') return undefined;
    try {
      if (this.#state === 'new') this.#open();
      return this.#sample();
    } catch (error) {
      if (!isGone(error)) throw error;
      if (this.#state === 'open') this.close();
      return undefined;
    }
  }

  close(): void {
    this.#closeAll();
    this.#state = 'closed';
  }

  #open(): void {
    for (const key of Object.keys(FILES) as FileKey[]) {
      const path = join(this.dir, FILES[key]);
      try {
        this.#fds.set(key, openSync(path, 'r'));
      } catch (error) {
        // Not there: no such controller, or the kernel was booted with psi=0 (EOPNOTSUPP).
        const code = codeOf(error);
        if (key === 'cpuStat' || (code !== 'ENOENT' && code !== 'EOPNOTSUPP')) {
          this.#closeAll();
          throw sysErrorFrom(error, 'open', path);
        }
      }
    }
    this.#state = 'open';
  }

  #closeAll(): void {
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }

  #sample(): CgroupStats {
    const cpu = this.#text('cpuStat');
    const current = this.#text('memoryCurrent');
    const pids = this.#text('pidsCurrent');
    const pressure = this.#pressure();
    return {
      ...(cpu === undefined ? {} : { cpu: parseCpuStat(cpu) }),
      ...(current === undefined ? {} : { memory: this.#memory(current) }),
      ...(pids === undefined ? {} : { pids: this.#pids(pids) }),
      ...(pressure === undefined ? {} : { pressure }),
    };
  }

  #memory(current: string): NonNullable<CgroupStats['memory']> {
    return parseMemory({
      current,
      max: this.#text('memoryMax') ?? 'max',
      events: this.#text('memoryEvents') ?? '',
      peak: this.#text('memoryPeak'),
      swap: this.#text('memorySwap'),
    });
  }

  #pids(current: string): NonNullable<CgroupStats['pids']> {
    return parsePids({ current, max: this.#text('pidsMax') ?? 'max', events: this.#text('pidsEvents') ?? '' });
  }

  #pressure(): CgroupStats['pressure'] {
    const cpu = this.#psi('cpuPressure');
    const memory = this.#psi('memoryPressure');
    const io = this.#psi('ioPressure');
    if (cpu === undefined && memory === undefined && io === undefined) return undefined;
    return {
      ...(cpu === undefined ? {} : { cpu }),
      ...(memory === undefined ? {} : { memory }),
      ...(io === undefined ? {} : { io }),
    };
  }

  #psi(key: FileKey): PressureTotals | undefined {
    const text = this.#text(key);
    return text === undefined ? undefined : parsePressure(text);
  }

  #text(key: FileKey): string | undefined {
    const fd = this.#fds.get(key);
    if (fd === undefined) return undefined;
    try {
      return this.#buffer.toString('latin1', 0, readSync(fd, this.#buffer, 0, this.#buffer.length, 0));
    } catch (error) {
      if (codeOf(error) === 'EOPNOTSUPP') return undefined;
      throw sysErrorFrom(error, 'read', join(this.dir, FILES[key]));
    }
  }
}
