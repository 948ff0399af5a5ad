// Virtual machines in memory that go to disk and come back, and an agent that dies at any call about them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver, VmSnapshots } from '../../../agent/drivers/driver.js';
import type { DriverName } from '../../../agent/model/spec.js';
import { Snapshots } from '../../../agent/snapshots/store.js';
import type { SnapshotPort } from '../../../agent/workload/ports.js';
import { fakeVm } from '../drivers/fake-vm.js';
import type { FakeHost } from './fake-host.js';
import { fakeDriver, type Life, newLife, nextLife } from './fake-world.js';

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
  /** Called before a save resolves. */
  onSave: () => Promise<void> = async () => undefined;
  readonly host: FakeHost;
  #states = 0;

  constructor(host: FakeHost) {
    this.host = host;
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
      save: async (spec, _context, into) => {
        const guest = this.#running(spec.id);
        this.#states += 1;
        guest.runs = false;
        guest.at = `state ${this.#states}`;
        writeFileSync(join(into, 'state'), guest.at);
        await this.onSave();
        if (this.failure !== undefined) throw this.failure;
        return ['state'];
      },
      loaded: async (spec, { snapshot }) => {
        const { pid } = this.host.held.get(spec.id) ?? {};
        if (pid === undefined || snapshot === undefined) throw new Error('nothing reads it');
        if (!this.guests.has(pid))
          this.guests.set(pid, { runs: false, at: readFileSync(join(snapshot, 'state'), 'utf8') });
      },
      resume: async (spec) => {
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
    stop: async () => false,
  };
  const tap = { name: 'tap0', uid: 0, multiQueue: false, vnetHeader: true, guestAddress: null };
  const drivers = new Map<DriverName, Driver>([
    ['exec', driver],
    ['qemu', { ...driver, name: 'qemu', tap: () => tap }],
  ]);
  return { drivers, snapshots: mortal(store, death, dead, die) };
}

export const NO_DEATH: Death = { left: -1, after: false };

export function savingLife(vmm: FakeVmm, directory: string, death = NO_DEATH): Life & { readonly directory: string } {
  mkdirSync(directory, { recursive: true });
  const store = new Snapshots(join(directory, 'state'));
  return newLife({ host: vmm.host, directory, world: parts(vmm, store, death) });
}

export async function nextSavingLife(
  dead: Life & { readonly directory: string },
  vmm: FakeVmm,
  bootId = 'boot-1',
): Promise<Life & { readonly directory: string }> {
  const store = new Snapshots(join(dead.directory, 'state'));
  await dead.journal.idle();
  await dead.journal.die();
  await store.load(() => undefined);
  // What the dead agent was told last must not reach the next one.
  vmm.host.revive();
  return nextLife(dead, vmm.host, bootId, undefined, undefined, parts(vmm, store, { ...NO_DEATH }));
}
