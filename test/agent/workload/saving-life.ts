// Virtual machines in memory that go to disk and come back, and an agent that dies at any call about them.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver, VmSnapshots } from '../../../agent/drivers/driver.js';
import { type DriverName, parseSpec } from '../../../agent/model/spec.js';
import { Snapshots } from '../../../agent/snapshots/store.js';
import type { SnapshotPort } from '../../../agent/workload/ports.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { fakeVm } from '../drivers/fake-vm.js';
import { when } from './draining-life.js';
import { FakeHost } from './fake-host.js';
import { fakeDriver, type Life, newLife, nextLife, specOf, state } from './fake-world.js';

interface Guest {
  runs: boolean;
  /** The state it stands still at. */
  at: string | undefined;
}

/** All guests of a host, by the pid of their VMM. They outlive the agent. */
export class FakeVmm {
  readonly guests = new Map<number, Guest>();
  /** Which processes ran on from a state. */
  readonly lives = new Map<string, Set<number>>();
  problem: string | undefined;
  fit: Readonly<Record<string, string>> = { vmm: 'fake 1' };
  /** Thrown by the next save, after it has written. */
  failure: Error | undefined;
  /** Called before a save resolves, with what calls it off. */
  onSave: (signal?: AbortSignal) => Promise<void> = async () => undefined;
  /** Called before a guest goes on, with what limits that. */
  onResume: (signal?: AbortSignal) => Promise<void> = async () => undefined;
  /** Thrown by whatever lets a guest go on. */
  deaf: Error | undefined;
  /** Thrown by each start. */
  refusal: Error | undefined;
  /** Bytes of the disk. */
  free = Number.POSITIVE_INFINITY;
  host: FakeHost;
  #states = 0;

  constructor(host: FakeHost) {
    this.host = host;
  }

  /** All that ran is no more. */
  losePower(): void {
    this.host.die();
    this.host = new FakeHost();
    this.guests.clear();
  }

  guest(id: string): Guest | undefined {
    const held = this.host.held.get(id);
    if (held === undefined || held.exit) return undefined;
    const guest = this.guests.get(held.pid) ?? { runs: true, at: undefined };
    this.guests.set(held.pid, guest);
    return guest;
  }

  snapshots(): VmSnapshots {
    return {
      problem: () => this.problem,
      fit: async () => this.fit,
      save: async (spec, { signal }, into) => {
        const guest = this.#running(spec.id);
        this.#states += 1;
        guest.runs = false;
        guest.at = `state ${this.#states}`;
        writeFileSync(join(into, 'state'), guest.at);
        await this.onSave(signal);
        if (this.failure !== undefined) throw this.failure;
        return ['state'];
      },
      loaded: async (spec, { snapshot }) => {
        const { pid } = this.host.held.get(spec.id) ?? {};
        if (pid === undefined || snapshot === undefined) throw new Error('nothing reads it');
        if (!this.guests.has(pid))
          this.guests.set(pid, { runs: false, at: readFileSync(join(snapshot, 'state'), 'utf8') });
      },
      resume: async (spec, { signal }) => {
        await this.onResume(signal);
        signal?.throwIfAborted();
        if (this.deaf !== undefined) throw this.deaf;
        const guest = this.#running(spec.id);
        const pid = this.host.held.get(spec.id)?.pid ?? 0;
        if (guest.at !== undefined) this.lives.set(guest.at, (this.lives.get(guest.at) ?? new Set()).add(pid));
        guest.runs = true;
      },
    };
  }

  #running(id: string): Guest {
    const guest = this.guest(id);
    if (guest === undefined) throw new Error(`no VMM of ${id}`);
    return guest;
  }
}

/** When the agent dies: at the n-th call of a driver or the store, before it or after it. */
export interface Death {
  left: number;
  readonly after: boolean;
}

/** `target`, whose calls never return once the agent is dead. */
function mortal<T extends object>(target: T, death: Death, dead: { is: boolean }, die: () => void): T {
  return new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const never = new Promise<never>(() => undefined);
        const call = (): unknown => member.apply(target, args);
        if (SYNCHRONOUS.has(String(name))) return call();
        if (dead.is) return never;
        death.left -= 1;
        if (death.left !== 0) return Promise.resolve(call()).then((value) => (dead.is ? never : value));
        dead.is = true;
        if (!death.after) {
          die();
          return never;
        }
        void Promise.resolve(call()).then(die, die);
        return never;
      };
    },
  });
}

const SYNCHRONOUS = new Set(['directory', 'get', 'list', 'problem']);

function parts(vmm: FakeVmm, store: SnapshotPort, death: Death) {
  const dead = { is: false };
  void vmm.host.died.then(() => {
    dead.is = true;
  });
  const die = () => vmm.host.die();
  const driver: Driver = {
    ...fakeDriver,
    vm: { ...fakeVm, snapshots: mortal(vmm.snapshots(), death, dead, die) },
    prepare: async (spec, context) => {
      if (vmm.refusal !== undefined) throw vmm.refusal;
      return fakeDriver.prepare(spec, context);
    },
    stop: async () => false,
  };
  const tap = { name: 'tap0', uid: 0, multiQueue: false, vnetHeader: true, guestAddress: null };
  const drivers = new Map<DriverName, Driver>([
    ['exec', driver],
    ['qemu', { ...driver, name: 'qemu', tap: () => tap }],
  ]);
  return { drivers, snapshots: mortal(store, death, dead, die) };
}

function storeOf(vmm: FakeVmm, directory: string): Snapshots {
  const store = new Snapshots(join(directory, 'state'));
  store.free = async () => vmm.free;
  return store;
}

export const NO_DEATH: Death = { left: -1, after: false };

export function savingLife(vmm: FakeVmm, directory: string, death = NO_DEATH): Life & { readonly directory: string } {
  mkdirSync(directory, { recursive: true });
  const store = storeOf(vmm, directory);
  return newLife({ host: vmm.host, directory, world: parts(vmm, store, death) });
}

export async function nextSavingLife(
  dead: Life & { readonly directory: string },
  vmm: FakeVmm,
  bootId = 'boot-1',
): Promise<Life & { readonly directory: string }> {
  const store = storeOf(vmm, dead.directory);
  await dead.journal.idle();
  await dead.journal.die();
  await store.load(() => undefined);
  // What the dead agent was told last must not reach the next one.
  vmm.host.revive();
  return nextLife(dead, vmm.host, bootId, undefined, undefined, parts(vmm, store, { ...NO_DEATH }));
}

export const ID = 'web-1';
export type Living = Life & { readonly directory: string };

export const QEMU = { kernel: '/k', initrd: '/i' };
export const machineSpec = (over: object = {}) =>
  parseSpec({ id: ID, tenant: 'acme', driver: 'qemu', qemu: QEMU, ...over });

export async function inhabited(death: Death = { ...NO_DEATH }, machine = false) {
  const vmm = new FakeVmm(new FakeHost());
  const life = savingLife(vmm, temporaryDirectory('saving'), death);
  await life.manager.recover();
  await life.manager.create(machine ? machineSpec() : specOf());
  await life.until(state('running'));
  return { vmm, life };
}

export const record = ({ manager }: Pick<Life, 'manager'>) => manager.actor(ID).record;
export const saveIn = ({ manager }: Pick<Life, 'manager'>, live = false) => manager.snapshots.make(ID, { live });
export const settled = (life: Life, to: string, died?: Promise<unknown>) =>
  when(() => record(life).state === to && !record(life).saved, died);

export function snapshotsIn({ directory }: Living): string[] {
  const snapshots = join(directory, 'state/snapshots');
  return existsSync(snapshots) ? readdirSync(snapshots) : [];
}

export const all = ({ manager }: Life) => manager.snapshots.list({ sees: () => true });
