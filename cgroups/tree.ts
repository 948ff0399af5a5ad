// The delegated subtree: ROOT/TENANT/ID. Names are relative to the root, so that nothing outside can be meant.
// Every method may be repeated.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { constants as os } from 'node:os';
import { join, relative, sep } from 'node:path';
import { codeOf, SysError, sysErrorFrom } from '../linux/errors.js';
import { sliced } from '../linux/sliced.js';
import { type ApplyOptions, applyValues } from './apply.js';
import { knownControllers } from './controllers.js';
import { type Enabled, enableIn, type Missing } from './enable.js';
import { killAll, processes, removeAll, subdirectories } from './end.js';
import { counter } from './keyed.js';
import { Leaks } from './leaks.js';
import { reclaimMemory } from './reclaim.js';
import { type Shrink, shrinkMemory } from './shrink.js';
import { type SlowWrite, SlowWrites } from './slow-writes.js';
import { readTag, writeTag } from './tag.js';
import type { Held, Value } from './types.js';
import { differences, readLines, readValues } from './values.js';
import { isGone, readState, type WaitOptions, waitState } from './watch.js';

export interface TreeOptions {
  /** Default: all this room can set. */
  readonly controllers?: readonly string[];
  /** Where to start enabling when nobody did above the root: the mount, on a host without systemd. Default: the root. */
  readonly from?: string;
  /** Ends the retries of removals that failed. */
  readonly signal?: AbortSignal;
}

/** Hardly any host has these, and nobody misses them who does not ask for them. */
const RARE: readonly string[] = ['hugetlb', 'misc', 'rdma', 'dmem'];

export interface Entry {
  readonly tenant: string;
  readonly id: string;
  /** `TENANT/ID`, as the methods take it. */
  readonly name: string;
  readonly tag: string | undefined;
}

/** Makes `root` if needed and enables controllers below it. What is missing is in `tree.missing`. Throws SysError. */
export async function openTree(root: string, options: TreeOptions = {}): Promise<Tree> {
  const top = options.from ?? root;
  const steps = relative(top, root).split(sep);
  if (steps[0] === '..') throw new SysError('resolve', os.errno.EINVAL, { path: top, value: root });
  const missing: Missing[] = [];
  let controllers = options.controllers ?? knownControllers();
  for (let depth = 0; depth <= steps.length; depth++) {
    const dir = join(top, ...steps.slice(0, depth));
    if (depth > 0 && dir === top) break;
    await make(dir);
    const enabled = await enableIn(dir, controllers);
    controllers = enabled.controllers;
    missing.push(...enabled.missing.filter(({ controller }) => options.controllers || !RARE.includes(controller)));
  }
  return new Tree(root, { controllers, missing }, options.signal);
}

export class Tree {
  readonly root: string;
  /** What a workload's cgroup will have. */
  readonly controllers: readonly string[];
  readonly missing: readonly Missing[];
  /** What could not be removed, and is tried again. */
  readonly leaks: Leaks;
  /** Threads for writes that wait: they must not take those of everybody else's files. */
  readonly #slowly: SlowWrite;

  constructor(root: string, enabled: Enabled, signal?: AbortSignal) {
    this.root = root;
    const writes = new SlowWrites();
    this.#slowly = (fd, text) => writes.write(fd, text);
    this.leaks = new Leaks(signal === undefined ? {} : { signal });
    this.controllers = enabled.controllers;
    this.missing = enabled.missing;
  }

  /** The absolute directory of `TENANT` or `TENANT/ID`. Throws SysError EINVAL for a name that leads elsewhere. */
  path(name: string): string {
    const parts = name.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new SysError('resolve', os.errno.EINVAL, { path: this.root, value: name });
    }
    return join(this.root, ...parts);
  }

  tenantPath(tenant: string): string {
    return this.path(tenant);
  }

  /** Makes the tenant's cgroup, with controllers for its workloads. Gives back its absolute directory. */
  async createTenant(tenant: string): Promise<string> {
    const dir = this.tenantPath(tenant);
    await make(dir);
    if (this.controllers.length > 0) await enableIn(dir, this.controllers);
    return dir;
  }

  /** Makes `TENANT/ID` (or deeper) and what is missing above it. Gives back the absolute directory. */
  async create(name: string): Promise<string> {
    const parts = name.split('/');
    const dir = this.path(name);
    // Whoever comes back to a directory that was to be removed wants to keep it.
    await this.leaks.forget(dir);
    for (let depth = 1; depth < parts.length; depth++) await this.createTenant(parts.slice(0, depth).join('/'));
    await make(dir);
    return dir;
  }

  /** Makes a cgroup inside one that has processes of its own: nothing is enabled for it. Gives back the absolute directory. */
  async createInside(name: string): Promise<string> {
    const dir = this.path(name);
    await this.leaks.forget(dir);
    await make(dir);
    return dir;
  }

  /** See applyValues. */
  async apply(name: string, values: readonly Value[], options: ApplyOptions = {}): Promise<Held[]> {
    return applyValues(this.path(name), values, { slowly: this.#slowly, ...options });
  }

  /** See readValues; nothing of a cgroup that is gone. */
  read(name: string, values: readonly Value[]): Value[] {
    return readValues(this.path(name), values);
  }

  /** See readLines; nothing of a cgroup that is gone. */
  lines(name: string, files: readonly string[]): Value[] {
    return readLines(this.path(name), files);
  }

  /** See differences in values.ts. */
  differences(name: string, values: readonly Value[]): Value[] {
    return differences(this.path(name), values);
  }

  /** See shrinkMemory in shrink.ts. */
  async shrinkMemory(name: string, to: number, signal?: AbortSignal): Promise<Shrink> {
    const [held] = this.read(name, [{ file: 'memory.max', value: String(to) }]);
    const from = held === undefined || held.value === 'max' ? 'max' : Number(held.value);
    return shrinkMemory(this.path(name), { from, to, slowly: this.#slowly, ...(signal && { signal }) });
  }

  /** See reclaimMemory in reclaim.ts. */
  reclaimMemory(name: string, bytes: number): Promise<void> {
    return reclaimMemory(this.path(name), bytes, this.#slowly);
  }

  /** Process numbers directly in it. */
  processes(name: string): number[] {
    return processes(this.path(name));
  }

  async kill(name: string): Promise<void> {
    await killAll(this.path(name), this.#slowly);
  }

  /** Whether any process is in it or below; false when it is gone. */
  populated(name: string): boolean {
    return readState(this.path(name))?.populated ?? false;
  }

  /** Until `populated 0` or gone. Rejects with SysError `wait` ETIMEDOUT, or the signal's reason. */
  async waitEmpty(name: string, options: WaitOptions = {}): Promise<void> {
    await waitState(this.path(name), (state) => state?.populated !== true, options);
  }

  /** Stops every process in it; resolves when the kernel says `frozen 1`. */
  async freeze(name: string, options: WaitOptions = {}): Promise<void> {
    await this.#setFrozen(name, true, options);
  }

  async thaw(name: string, options: WaitOptions = {}): Promise<void> {
    await this.#setFrozen(name, false, options);
  }

  /** Until the kernel says `frozen 1`, whoever asked for it. */
  async waitFrozen(name: string, options: WaitOptions = {}): Promise<void> {
    await waitState(this.path(name), (state) => state === undefined || state.frozen, options);
  }

  frozen(name: string): boolean {
    return readState(this.path(name))?.frozen ?? false;
  }

  /** Removes the tenant's own cgroup when no workload is in it; otherwise it stays, and false is the answer. */
  async removeTenant(tenant: string): Promise<boolean> {
    const dir = this.tenantPath(tenant);
    try {
      await rmdir(dir);
      return true;
    } catch (error) {
      if (isGone(error)) return true;
      if (codeOf(error) === 'EBUSY' || codeOf(error) === 'ENOTEMPTY') return false;
      throw sysErrorFrom(error, 'rmdir', dir);
    }
  }

  /** See removeAll. What cannot be removed goes on the list of leaks as well, and is tried again from there. */
  async remove(name: string): Promise<void> {
    const dir = this.path(name);
    await this.leaks.forget(dir);
    try {
      await removeAll(dir);
    } catch (error) {
      this.leaks.add(dir, error);
      throw error;
    }
  }

  tag(name: string, owner: string): void {
    writeTag(this.path(name), owner);
  }

  readTag(name: string): string | undefined {
    return readTag(this.path(name));
  }

  /** Removed cgroups below the root that the kernel still keeps (cgroup.stat, nr_dying_descendants). */
  dying(): number {
    return counter(readFileSync(join(this.root, 'cgroup.stat'), 'latin1'), 'nr_dying_descendants');
  }

  /** Tenants: the directories one level down, the agent's own `supervisor` included. */
  async tenants(): Promise<string[]> {
    return subdirectories(this.root);
  }

  /** Every directory two levels down. */
  async list(): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (const tenant of await this.tenants()) {
      // A tag is a system call, and a tenant may have thousands.
      for await (const id of sliced(await subdirectories(this.path(tenant)))) {
        const name = `${tenant}/${id}`;
        entries.push({ tenant, id, name, tag: this.readTag(name) });
      }
    }
    return entries;
  }

  async #setFrozen(name: string, frozen: boolean, options: WaitOptions): Promise<void> {
    const dir = this.path(name);
    await applyValues(dir, [{ file: 'cgroup.freeze', value: frozen ? '1' : '0' }], { slowly: this.#slowly });
    await waitState(dir, (state) => state === undefined || state.frozen === frozen, options);
  }
}

/** On a thread: the kernel charges the memory of a cgroup to the one above it, and may reclaim there before the call returns. */
async function make(dir: string): Promise<void> {
  // That of a tenant is there, but for its first workload.
  if (existsSync(dir)) return;
  try {
    await mkdir(dir);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw sysErrorFrom(error, 'mkdir', dir);
  }
}
