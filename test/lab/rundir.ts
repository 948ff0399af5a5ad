import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheRoot } from './cache.js';
import { identify, isAlive, type ProcessId } from './process.js';

/** One running machine's files. Sockets are apart: a unix socket's path may have only 107 bytes. */
export interface RunDirectory {
  readonly name: string;
  readonly path: string;
  readonly sockets: string;
  record(details: { qemu?: number; keep?: boolean; sshPort?: number }): Promise<void>;
  remove(): Promise<void>;
}

export interface RunRecord {
  readonly name: string;
  readonly path: string;
  readonly sockets: string;
  readonly owner: ProcessId | undefined;
  readonly qemu: ProcessId | undefined;
  readonly keep: boolean;
  readonly sshPort: number | undefined;
}

export async function createRunDirectory(name: string): Promise<RunDirectory> {
  const path = join(cacheRoot(), 'run', `${name}-${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(path, { recursive: true });
  const sockets = await mkdtemp(join(tmpdir(), 'berth-lab-'));
  let current: Record<string, unknown> = { name, sockets, owner: identify(process.pid) };
  const directory: RunDirectory = {
    name,
    path,
    sockets,
    async record({ qemu, ...rest }) {
      current = { ...current, ...rest, ...(qemu === undefined ? {} : { qemu: identify(qemu) }) };
      await writeFile(join(path, 'owner.json'), JSON.stringify(current));
    },
    async remove() {
      await rm(path, { recursive: true, force: true });
      await rm(sockets, { recursive: true, force: true });
    },
  };
  await directory.record({});
  return directory;
}

export async function listRuns(): Promise<readonly RunRecord[]> {
  const folder = join(cacheRoot(), 'run');
  const names = await readdir(folder).catch(() => []);
  const records: RunRecord[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const record = await readFile(join(path, 'owner.json'), 'utf8').then(
      (text): Partial<RunRecord> => JSON.parse(text),
      () => undefined,
    );
    // Without a record yet: somebody is making it at this moment.
    if (record === undefined) continue;
    const { owner, qemu, sockets = '', keep = false, sshPort } = record;
    records.push({ name: record.name ?? name, path, sockets, owner, qemu, keep, sshPort });
  }
  return records;
}

/**
 * Removes what dead owners left. QEMU dies with its owner (see machine.ts), so mostly files; a QEMU that lives on
 * was kept on purpose, and goes only with `kept`.
 */
export async function reap(options: { kept?: boolean } = {}): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const run of await listRuns()) {
    const qemuLives = run.qemu !== undefined && isAlive(run.qemu);
    const ownerLives = run.owner !== undefined && isAlive(run.owner);
    if (ownerLives || (run.keep && qemuLives && options.kept !== true)) continue;
    if (run.qemu !== undefined && qemuLives) process.kill(run.qemu.pid, 'SIGKILL');
    await rm(run.path, { recursive: true, force: true });
    if (run.sockets !== '') await rm(run.sockets, { recursive: true, force: true });
    removed.push(run.path);
  }
  return removed;
}
