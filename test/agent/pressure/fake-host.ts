// A host of files: /proc/pressure, /proc/meminfo and a cgroup for each workload, with a clock and triggers that the test moves.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { Pressure } from '../../../agent/pressure/engine.js';
import type { ActuatorPort, Held, KillReason, PressureWorld, SignalPort } from '../../../agent/pressure/ports.js';
import type { Resource, Target } from '../../../agent/pressure/types.js';
import { SysError } from '../../../linux/errors.js';
import { config, GIB, MIB, target } from './fixture.js';

const { EINVAL, ENOENT } = constants.errno;

interface Stalls {
  some: number;
  full: number;
}

/** What a cgroup holds; stall and cpu are added to each second. */
export interface FakeCgroup {
  memory: number;
  growth: number;
  file: number;
  cpuUsec: number;
  cpuPerSecond: number;
  max: number | 'max';
  high: number | 'max';
  highEvents: number;
  highPerSecond: number;
  ioBytes: number;
  ioPerSecond: number;
  /** Pages. */
  scanned: number;
  reclaimed: number;
  stall: Record<Resource, Stalls>;
  perSecond: Record<Resource, Stalls>;
}

const stalls = (): Record<Resource, Stalls> => {
  return { memory: { some: 0, full: 0 }, cpu: { some: 0, full: 0 }, io: { some: 0, full: 0 } };
};

export class FakeHost {
  readonly root: string;
  readonly cgroups = new Map<string, FakeCgroup>();
  readonly targets = new Map<string, Target>();
  readonly stall = stalls();
  /** Milliseconds of stall of the host in each second. */
  readonly perSecond = stalls();
  available = 2 * GIB;
  now = 1_000_000;
  readonly timers = new Set<{ ms: number; due: number; call: () => void }>();
  readonly triggers = new Map<string, () => void>();
  readonly watches = new Map<string, () => void>();
  readonly did: string[] = [];
  readonly #written = new Map<string, string>();
  readonly kills: KillReason[] = [];
  readonly events: { type: string; workload?: string; tenant?: string; data: Readonly<Record<string, unknown>> }[] = [];
  held: readonly Held[] = [];
  /** Throws for triggers on files that it matches. */
  refuse: ((file: string) => Error | undefined) | undefined;
  /** Awaited by each call of the actuator. */
  hold: (call: string) => Promise<void> = async () => undefined;

  constructor(t: ExecutionContext) {
    this.root = mkdtempSync(join(tmpdir(), 'berth-pressure-'));
    t.teardown(() => rmSync(this.root, { recursive: true, force: true }));
    mkdirSync(join(this.root, 'proc/pressure'), { recursive: true });
    this.write();
  }

  dirOf(name: string): string {
    return join(this.root, 'cgroup', name);
  }

  workload(id: string, more: Partial<Target> = {}, cgroup: Partial<FakeCgroup> = {}): FakeCgroup {
    const tenant = more.tenant ?? 'acme';
    const one = target(id, { dir: this.dirOf(`${tenant}/${id}`), tenantDir: this.dirOf(tenant), ...more });
    this.targets.set(id, one);
    this.cgroup(tenant);
    return this.cgroup(`${tenant}/${id}`, cgroup);
  }

  cgroup(name: string, more: Partial<FakeCgroup> = {}): FakeCgroup {
    const known = this.cgroups.get(name);
    if (known !== undefined) return known;
    const cgroup: FakeCgroup = {
      ...{ memory: 256 * MIB, growth: 0, file: 0, cpuUsec: 0, cpuPerSecond: 0, max: 'max', high: 'max' },
      ...{
        highEvents: 0,
        highPerSecond: 0,
        ioBytes: 0,
        ioPerSecond: 0,
        scanned: 0,
        reclaimed: 0,
        stall: stalls(),
        perSecond: stalls(),
      },
      ...more,
    };
    mkdirSync(this.dirOf(name), { recursive: true });
    this.cgroups.set(name, cgroup);
    this.write();
    return cgroup;
  }

  gone(id: string): void {
    const one = this.targets.get(id);
    if (one === undefined) return;
    this.targets.delete(id);
    this.cgroups.delete(`${one.tenant}/${id}`);
    rmSync(one.dir, { recursive: true });
    for (const path of this.#written.keys()) if (path.startsWith(`${one.dir}/`)) this.#written.delete(path);
  }

  /** A second after the other, with whatever that sets off. */
  async seconds(count: number, engine: Pressure): Promise<void> {
    for (let second = 0; second < count; second++) {
      this.now += 1000;
      grow(this.stall, this.perSecond);
      for (const cgroup of this.cgroups.values()) {
        grow(cgroup.stall, cgroup.perSecond);
        cgroup.memory += cgroup.growth;
        cgroup.cpuUsec += cgroup.cpuPerSecond;
        cgroup.highEvents += cgroup.highPerSecond;
        cgroup.ioBytes += cgroup.ioPerSecond;
      }
      this.write();
      for (const timer of [...this.timers])
        if (timer.due <= this.now) {
          timer.due += timer.ms;
          timer.call();
        }
      await engine.idle();
    }
  }

  async fire(file: string, engine: Pressure): Promise<void> {
    for (const [name, listener] of this.triggers) if (name.startsWith(file)) listener();
    await engine.idle();
  }

  write(): void {
    // Most files say the same each second, and a test plays hundreds of seconds.
    const put = (path: string, text: string | number): void => {
      if (this.#written.get(path) === String(text)) return;
      writeFileSync(path, `${text}\n`);
      this.#written.set(path, String(text));
    };
    const psi = ({ some, full }: Stalls): string =>
      ['some', 'full']
        .map((kind) => `${kind} avg10=0.00 avg60=0.00 avg300=0.00 total=${(kind === 'some' ? some : full) * 1000}`)
        .join('\n');
    for (const resource of ['memory', 'cpu', 'io'] as const)
      put(join(this.root, 'proc/pressure', resource), psi(this.stall[resource]));
    const kib = (bytes: number): number => Math.round(bytes / 1024);
    put(
      join(this.root, 'proc/meminfo'),
      `MemTotal: ${kib(4 * GIB)} kB\nMemFree: 1 kB\nMemAvailable: ${kib(this.available)} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB`,
    );
    for (const [name, cgroup] of this.cgroups) {
      const dir = this.dirOf(name);
      put(join(dir, 'cgroup.controllers'), 'cpu io memory pids');
      put(join(dir, 'memory.current'), cgroup.memory);
      put(join(dir, 'memory.max'), cgroup.max);
      put(join(dir, 'memory.high'), cgroup.high);
      put(join(dir, 'memory.events'), `low 0\nhigh ${cgroup.highEvents}\nmax 0\noom 0\noom_kill 0`);
      put(
        join(dir, 'memory.stat'),
        `anon ${cgroup.memory - cgroup.file}\nfile ${cgroup.file}\ninactive_file ${cgroup.file}\nactive_file 0\npgscan ${cgroup.scanned}\npgsteal ${cgroup.reclaimed}`,
      );
      put(
        join(dir, 'cpu.stat'),
        `usage_usec ${cgroup.cpuUsec}\nuser_usec 0\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0`,
      );
      put(join(dir, 'io.stat'), `8:0 rbytes=0 wbytes=${cgroup.ioBytes}`);
      for (const resource of ['memory', 'cpu', 'io'] as const)
        put(join(dir, `${resource}.pressure`), psi(cgroup.stall[resource]));
    }
  }

  signals(): SignalPort {
    return {
      pressure: (file, { kind, stallUsec, windowUsec }, listener) => {
        if (!existsSync(file)) throw new SysError('open', ENOENT, { path: file });
        if (windowUsec < 500_000 || windowUsec > 10_000_000 || stallUsec <= 0 || stallUsec > windowUsec)
          throw new SysError('write', EINVAL, { path: file, value: `${kind} ${stallUsec} ${windowUsec}` });
        const refusal = this.refuse?.(file);
        if (refusal !== undefined) throw refusal;
        const name = `${file} ${kind} ${stallUsec / 1000}`;
        this.triggers.set(name, listener);
        return { close: () => this.triggers.delete(name) };
      },
      watch: (dir, listener) => {
        if (!existsSync(dir)) throw new SysError('watch', ENOENT, { path: dir });
        this.watches.set(dir, () => listener({ kind: 'events' }));
        return { close: () => this.watches.delete(dir) };
      },
    };
  }

  actuator(): ActuatorPort {
    const call = async (text: string): Promise<void> => {
      await this.hold(text);
      this.did.push(text);
    };
    return {
      set: (id, layer, values) =>
        call(`${layer} ${id} ${values.map(({ file, value }) => `${file}=${value}`).join() || '-'}`),
      held: () => this.held,
      reclaim: (id, bytes) => call(`reclaim ${id} ${Math.round(bytes / MIB)}`),
      balloon: (id, bytes) => call(`balloon ${id} ${Math.round(bytes / MIB)}`),
      freeze: (id) => call(`freeze ${id}`),
      thaw: (id) => call(`thaw ${id}`),
      kill: async (id, why) => {
        await call(`kill ${id}`);
        this.kills.push(why);
        this.gone(id);
      },
    };
  }

  world(): PressureWorld {
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    return {
      ...{ signals: this.signals(), actuator: this.actuator(), log, proc: join(this.root, 'proc'), cores: 4 },
      cgroupMount: join(this.root, 'cgroup'),
      events: { append: (event) => this.events.push(event) },
      targets: () => [...this.targets.values()],
      clock: {
        now: () => this.now,
        unix: () => this.now,
        every: (ms, call) => {
          const timer = { ms, due: this.now + ms, call };
          this.timers.add(timer);
          return { close: () => this.timers.delete(timer) };
        },
      },
    };
  }

  async engine(section: object = {}): Promise<Pressure> {
    const engine = new Pressure(this.world(), config(section));
    await engine.start();
    await engine.idle();
    await turn();
    return engine;
  }
}

/** Above memory.high with nothing to reclaim. */
export function stuckCgroup(): Partial<FakeCgroup> {
  const perSecond = { memory: { some: 950, full: 900 }, cpu: { some: 0, full: 0 }, io: { some: 0, full: 0 } };
  return { memory: 70 * MIB, high: 64 * MIB, highPerSecond: 50, perSecond };
}

function grow(stall: Record<Resource, Stalls>, per: Record<Resource, Stalls>): void {
  for (const resource of ['memory', 'cpu', 'io'] as const) {
    stall[resource].some += per[resource].some;
    stall[resource].full += per[resource].full;
  }
}
