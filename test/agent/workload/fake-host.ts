// A host in memory behind the ports of the workload room. It remembers every object, so that a test can ask what is left,
// and it can stop the agent dead at any call: the n-th call never returns, as after kill -9, and neither does any later.

import { constants } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { CgroupPort } from '../../../agent/limits/cgroup-port.js';
import type { NetworkPort } from '../../../agent/network/network-port.js';
import type { SupervisorPort } from '../../../agent/workload/ports.js';
import { Leaks } from '../../../cgroups/leaks.js';
import { defaultAt } from '../../../cgroups/list.js';
import { keyOf, placeOf } from '../../../cgroups/place.js';
import type { Shrink } from '../../../cgroups/shrink.js';
import type { Value } from '../../../cgroups/types.js';
import { SysError } from '../../../linux/errors.js';
import { boundAt } from '../../../linux/namespace-holders.js';
import { signalProcess } from '../../../linux/pidfd.js';
import { readStat } from '../../../linux/proc.js';
import type { Removal, SandboxNetwork, Slot, SlotKind } from '../../../netns/types.js';
import type { HeldProcess, SpawnRequest } from '../../../systemd/supervisor/protocol.js';

/** What a shrink says that had nothing to do. */
export function shrunk(limit: number): Shrink {
  const figures = { before: 0, least: 0, durationMs: 0, stalledUsec: 0 };
  return { outcome: 'done', achieved: limit, current: 0, steps: 0, reclaimed: 0, figures };
}

/** A file that was never written holds whatever is asked for; of one with lines that one is missing. */
function unset(wanted: Value): string | undefined {
  if (wanted.file === 'cgroup.freeze') return '0';
  return keyOf(wanted) === undefined ? wanted.value : defaultAt(wanted);
}

/** A zombie is in no namespace. */
function isRunning(pid: number): boolean {
  return (readStat(pid)?.state ?? 'Z') !== 'Z';
}

export class FakeHost {
  /** Where the files of cgroups would be; a test that has some names a directory of its own. */
  root = '/fake';
  readonly cgroups = new Map<string, Map<string, string>>();
  readonly tags = new Map<string, string>();
  readonly netns = new Set<string>();
  /** Namespaces in which processes were looked for. */
  readonly searched: string[] = [];
  /** Processes of this machine that are in any namespace. */
  members: readonly number[] = [];
  /** Who is in a namespace that no record explains. */
  readonly heldNetns = new Map<string, string>();
  /** Tags of namespaces, where they have one. */
  readonly netnsTags = new Map<string, string>();
  readonly links = new Map<string, string>();
  /** Networks as the kernel has them, by owner. */
  readonly networks = new Map<string, SandboxNetwork>();
  readonly removals: Removal[] = [];
  readonly slots: Record<SlotKind, Slot[]> = { veth: [], tap: [] };
  /** Owners that were said to be known, sweep by sweep. */
  readonly swept: string[][] = [];
  /** Ports that processes of the host listen on, as `tcp/80`. */
  readonly listening = new Set<string>();
  readonly held = new Map<string, HeldProcess>();
  /** Which cgroup each living process is in. */
  readonly places = new Map<string, string>();
  /** Names of all calls that had an effect, in order. */
  readonly calls: string[] = [];
  /** Every request for a process. */
  readonly spawned: SpawnRequest[] = [];
  onExit: ((process: HeldProcess) => void) | undefined;
  /** Thrown by the next call of this name. */
  failNext: { call: string; error: unknown } | undefined;
  #pids = 100;
  #stopAfter = Number.POSITIVE_INFINITY;
  #life = 0;

  /** Resolves when the agent is dead. */
  died: Promise<void>;
  #die: () => void = () => undefined;

  constructor() {
    this.died = this.#untilDead();
  }

  #untilDead(): Promise<void> {
    return new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  /** The agent dies now. */
  die(): void {
    this.dieAfter(0);
    this.#die();
  }

  /** The agent dies when it has made `calls` more calls. */
  dieAfter(calls: number): void {
    this.#stopAfter = this.calls.length + calls;
  }

  /** From now on only ports made later work: whatever the dead agent still had in mind does not happen. */
  revive(): void {
    this.#life += 1;
    this.#stopAfter = Number.POSITIVE_INFINITY;
    this.onExit = undefined;
    this.died = this.#untilDead();
  }

  /** All objects of workloads, as text. */
  left(): string[] {
    const processes = [...this.held.values()].map(({ id, exit }) => `${exit ? 'exit of' : 'process'} ${id}`);
    return [...this.cgroups.keys(), ...this.netns, ...this.links.keys(), ...processes];
  }

  /** `ranMs`: for how long, by the clock since boot. */
  end(id: string, exit: { code?: number; signal?: string; ranMs?: number }): void {
    const process = this.held.get(id);
    if (!process || process.exit) return;
    const ended = {
      ...process,
      exit: {
        ...{ code: exit.code ?? null, signal: exit.signal ?? null, at: 5 },
        uptimeTicks: process.startTime + (exit.ranMs ?? 0) / 10,
      },
    };
    this.held.set(id, ended);
    this.places.delete(id);
    this.onExit?.(ended);
  }

  /** Half of the calls die before their effect and half after it, as a real crash would have it. */
  async #call<T>(life: number, name: string, effect: () => T): Promise<T> {
    await Promise.resolve();
    if (life !== this.#life) return new Promise<never>(() => undefined);
    if (this.calls.length >= this.#stopAfter) return this.#never();
    if (this.failNext?.call === name) {
      const { error } = this.failNext;
      this.failNext = undefined;
      throw error;
    }
    this.calls.push(name);
    const result = effect();
    if (this.calls.length >= this.#stopAfter && this.calls.length % 2 === 0) return this.#never();
    return result;
  }

  /** The files of a cgroup; the kernel's ENOENT where there is none. */
  #files(name: string, op: string): Map<string, string> {
    const files = this.cgroups.get(name);
    if (files === undefined) throw new SysError(op, 2, { path: name });
    return files;
  }

  #never(): Promise<never> {
    this.#die();
    return new Promise<never>(() => undefined);
  }

  cgroupPort(): CgroupPort {
    const life = this.#life;
    const call = <T>(name: string, effect: () => T): Promise<T> => this.#call(life, name, effect);
    const populated = (name: string): boolean => [...this.places.values()].includes(name);
    return {
      root: this.root,
      controllers: ['cpu', 'memory', 'pids'],
      missing: [],
      path: (name) => `${this.root}/${name}`,
      create: (name) =>
        call('cgroup.create', () => {
          const tenant = name.split('/')[0] ?? '';
          if (!this.cgroups.has(tenant)) this.cgroups.set(tenant, new Map());
          if (!this.cgroups.has(name)) this.cgroups.set(name, new Map());
          return `${this.root}/${name}`;
        }),
      createInside: (name) =>
        call('cgroup.createInside', () => {
          this.#files(name.slice(0, name.lastIndexOf('/')), 'mkdir');
          if (!this.cgroups.has(name)) this.cgroups.set(name, new Map());
          return `${this.root}/${name}`;
        }),
      tag: (name, owner) => {
        this.#files(name, 'setxattr');
        this.tags.set(name, owner);
      },
      readTag: (name) => this.tags.get(name),
      apply: (name, values) =>
        call('cgroup.apply', () => {
          const files = this.#files(name, 'write');
          for (const value of values) files.set(placeOf(value), value.value);
          return [...values];
        }),
      read: (name, values) =>
        values.flatMap((wanted) => {
          const files = this.cgroups.get(name);
          const isFreeze = files !== undefined && wanted.file === 'cgroup.freeze';
          const value = files?.get(placeOf(wanted)) ?? (isFreeze ? '0' : undefined);
          return value === undefined ? [] : [{ file: wanted.file, value }];
        }),
      lines: (name, files) =>
        [...(this.cgroups.get(name) ?? [])].flatMap(([place, value]) => {
          const line = { file: place.split(' ')[0] ?? '', value };
          return files.includes(line.file) && value !== defaultAt(line) ? [line] : [];
        }),
      differences: (name, values) => {
        const files = this.cgroups.get(name);
        const held = (wanted: Value) => files?.get(placeOf(wanted)) ?? unset(wanted);
        return files === undefined ? [] : values.filter((wanted) => held(wanted) !== wanted.value);
      },
      shrinkMemory: (name, limit) =>
        call('cgroup.shrinkMemory', () => {
          this.cgroups.get(name)?.set('memory.max', String(limit));
          return shrunk(limit);
        }),
      reclaimMemory: () => call('cgroup.reclaimMemory', () => undefined),
      freeze: (name) => call('cgroup.freeze', () => void this.#files(name, 'write').set('cgroup.freeze', '1')),
      thaw: (name) => call('cgroup.thaw', () => void this.#files(name, 'write').set('cgroup.freeze', '0')),
      kill: (name) =>
        call('cgroup.kill', () => {
          for (const [id, place] of [...this.places]) if (place === name) this.end(id, { signal: 'SIGKILL' });
        }),
      populated,
      processes: (name) =>
        [...this.places].flatMap(([id, place]) => (place === name ? (this.held.get(id)?.pid ?? []) : [])),
      leaks: new Leaks(),
      dying: () => 0,
      waitFrozen: async (name) => {
        const files = this.cgroups.get(name);
        if (files !== undefined && files.get('cgroup.freeze') !== '1') throw new SysError('wait', 110, { path: name });
      },
      waitEmpty: async (name) => {
        if (populated(name)) throw new SysError('wait', 110, { path: name });
      },
      remove: (name) =>
        call('cgroup.remove', () => {
          if (populated(name)) throw new SysError('rmdir', 16, { path: name });
          for (const key of [...this.cgroups.keys()])
            if (key === name || key.startsWith(`${name}/`)) {
              this.cgroups.delete(key);
              this.tags.delete(key);
            }
        }),
      removeTenant: (tenant) =>
        call('cgroup.removeTenant', () => {
          const inUse = [...this.cgroups.keys()].some((key) => key.startsWith(`${tenant}/`));
          if (!inUse) this.cgroups.delete(tenant);
          return !inUse;
        }),
      list: async () =>
        [...this.cgroups.keys()]
          .filter((name) => name.split('/').length === 2)
          .map((name) => {
            const [tenant = '', id = ''] = name.split('/');
            return { tenant, id, name, tag: this.tags.get(name) };
          }),
    };
  }

  networkPort(): NetworkPort {
    const life = this.#life;
    const call = <T>(name: string, effect: () => T): Promise<T> => this.#call(life, name, effect);
    return {
      acquire: (kind) => {
        const slot = life === this.#life ? this.slots[kind].shift() : undefined;
        if (slot !== undefined) this.netns.add(slot.netns);
        return slot;
      },
      giveBack: (slot) => void this.slots.veth.unshift(slot),
      slots: () => ({
        ready: { veth: this.slots.veth.length, tap: this.slots.tap.length },
        names: [...this.slots.veth, ...this.slots.tap].map(({ netns }) => netns),
        ...{ handedOut: 0, recycled: 0, discarded: 0 },
      }),
      sweep: async (networks) => {
        this.swept.push(networks.map(({ owner }) => owner));
        return 0;
      },
      create: (network) =>
        call('network.create', () => {
          if (network.netns !== null) this.netns.add(network.netns);
          this.links.set(network.hostLink, network.owner);
          this.networks.set(network.owner, network);
        }),
      update: (from, to) =>
        call('network.update', () => {
          const now = this.networks.get(from.owner);
          if (!isDeepStrictEqual(now, from) && !isDeepStrictEqual(now, to))
            throw new SysError('update', 22, { path: from.owner });
          this.networks.set(to.owner, to);
        }),
      createIsolated: (netns) => call('network.createIsolated', () => void this.netns.add(netns)),
      remove: (removal) =>
        call('network.remove', () => {
          const { netns, hostLink, owner } = removal;
          this.removals.push(removal);
          if (netns !== null) this.netns.delete(netns);
          if (hostLink !== null) this.links.delete(hostLink);
          this.networks.delete(owner);
        }),
      members: async (netns, { kill = false } = {}) => {
        this.searched.push(netns);
        const pids = this.members.filter((pid) => isRunning(pid));
        const bound = pids.flatMap((pid) => boundAt(pid) ?? []);
        if (kill) for (const seen of bound) signalProcess(seen, constants.signals.SIGKILL);
        return { pids, bound, complete: true };
      },
      held: async (strays) =>
        strays.map(({ netns }) => ({
          heldBy: this.heldNetns.get(netns ?? '') ?? null,
          tag: this.netnsTags.get(netns ?? '') ?? null,
        })),
      retag: (sandboxes) =>
        call('network.retag', () => {
          for (const { hostLink, from, to } of sandboxes)
            if (hostLink !== null && this.links.get(hostLink) === from) this.links.set(hostLink, to);
        }),
      list: async () => ({
        netns: [...this.netns],
        links: [...this.links].map(([name, owner], index) => ({ name, owner, index })),
      }),
    };
  }

  supervisorPort(): SupervisorPort {
    const life = this.#life;
    const call = <T>(name: string, effect: () => T): Promise<T> => this.#call(life, name, effect);
    return {
      spawn: (request: SpawnRequest) =>
        call('supervisor.spawn', () => {
          this.spawned.push(request);
          const living = this.held.get(request.id);
          if (living && !living.exit) return living;
          const cgroup = request.cgroup.replace(`${this.root}/`, '');
          this.#files(cgroup, 'spawn');
          this.#pids += 1;
          // No process of this machine is that one: what is sent to it reaches nobody.
          const process = { id: request.id, pid: this.#pids, startTime: 2 ** 50 + this.#pids, startedAt: 1 };
          this.held.set(request.id, process);
          this.places.set(request.id, cgroup);
          return process;
        }),
      list: async () => [...this.held.values()],
      forget: (id) =>
        call('supervisor.forget', () => {
          if (this.held.get(id)?.exit) this.held.delete(id);
        }),
    };
  }
}
