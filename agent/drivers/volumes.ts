// Named volumes: directories STATE/volumes/TENANT/NAME. One is made when the first workload that mounts it starts, and stays until somebody
// deletes it. It gets its name with one rename, and loses it with one: a crash in between leaves no half of one.
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { type Damaged, removeOr, syncDirectory } from '../base/durable.js';
import { removeTree } from '../base/remove-tree.js';
import { SerialByKey } from '../base/serial.js';
import { type VolumeName, volumeKey } from '../model/volume.js';

/** No tenant has a dot in its name. */
const PASSING = '.passing';

/** Who gets a volume that is made now. */
export interface VolumeOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export class Volumes {
  readonly #root: string;
  /** Of each volume: it is not made while it is removed. */
  readonly #turns = new SerialByKey();

  readonly #remove: (path: string) => Promise<void>;

  constructor(state: string, remove: (path: string) => Promise<void> = removeTree) {
    this.#root = join(state, 'volumes');
    this.#remove = remove;
  }

  async setup(): Promise<void> {
    await mkdir(this.#passing(), { recursive: true, mode: 0o700 });
  }

  /** Removes what a crash has left half made or half removed. What cannot be removed is told, and is in the way of nothing else. */
  async sweep(onLeft: (left: Damaged) => void): Promise<void> {
    for (const name of await readdir(this.#passing()))
      await removeOr(this.#remove, join(this.#passing(), name), onLeft);
  }

  /** The directory in which the volumes of a tenant are. */
  of(tenant: string): string {
    return join(this.#root, tenant);
  }

  /** Makes it where it is not there. Throws SysError. */
  make(volume: VolumeName, { uid, gid, mode }: VolumeOwner): Promise<void> {
    return this.#turns.run(volumeKey(volume), async () => {
      const path = join(this.of(volume.tenant), volume.name);
      if (await isThere(path)) return;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const made = this.#newPassing();
      await mkdir(made, { mode: 0o700 });
      await chown(made, uid, gid);
      await chmod(made, mode);
      await rename(made, path);
      await syncDirectory(dirname(path));
    });
  }

  /** By tenant and name. */
  async list(sees: (tenant: string) => boolean): Promise<(VolumeName & { readonly createdAt: number })[]> {
    const found: (VolumeName & { readonly createdAt: number })[] = [];
    const tenants = (await readdir(this.#root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const { name: tenant } of tenants.filter(({ name }) => name !== PASSING && sees(name)))
      for (const entry of await readdir(this.of(tenant), { withFileTypes: true })) {
        if (!entry.isDirectory()) continue;
        // One that is deleted meanwhile is not there.
        const seen = await lstat(join(this.of(tenant), entry.name)).catch(() => undefined);
        if (seen !== undefined) found.push({ tenant, name: entry.name, createdAt: Math.round(seen.birthtimeMs) });
      }
    return found.sort((a, b) => (volumeKey(a) < volumeKey(b) ? -1 : 1));
  }

  /**
   * False: there is none. `refuse` throws what keeps it, when nobody can make it meanwhile. Its name is gone when this resolves, and its
   * files are.
   */
  async remove(volume: VolumeName, refuse: () => void): Promise<boolean> {
    const away = this.#newPassing();
    const had = await this.#turns.run(volumeKey(volume), async () => {
      const path = join(this.of(volume.tenant), volume.name);
      if (!(await isThere(path))) return false;
      refuse();
      await rename(path, away);
      await syncDirectory(dirname(path));
      return true;
    });
    if (had) await this.#remove(away);
    return had;
  }

  #passing(): string {
    return join(this.#root, PASSING);
  }

  #newPassing(): string {
    return join(this.#passing(), randomBytes(8).toString('hex'));
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
