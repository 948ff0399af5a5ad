import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from './cache.js';
import { emulator } from './emulator.js';
import { contentHash } from './guest-recipe.js';
import type { Image } from './image.js';
import { Machine } from './machine.js';
import { run } from './process.js';
import { type Progress, stderrProgress } from './progress.js';
import { snapshotIdentity } from './qemu.js';
import { createRunDirectory } from './rundir.js';
import { Ssh } from './ssh.js';

/** The name inside the disk image, as `savevm` and `-loadvm` know it. */
export const SNAPSHOT_NAME = 'booted';

export interface SnapshotOptions {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/**
 * A disk with a booted host saved in it, per image, QEMU version and machine size. Made once: the only boot from
 * nothing that a person waits for.
 */
export async function bootedDisk(image: Image, options: SnapshotOptions): Promise<string> {
  const { memoryMiB, cpus, signal } = options;
  const qemu = await emulator({ signal, progress: options.progress });
  const version = (await run(qemu, ['--version'], { signal })).stdout.split('\n')[0] ?? '';
  const target = join(image.directory, `booted-${contentHash(snapshotIdentity(version, memoryMiB, cpus))}.qcow2`);
  const progress = options.progress ?? stderrProgress();
  await once(
    target,
    () => existsSync(target),
    (temporary) => bootAndSave(image, temporary, options, progress),
    {
      signal,
    },
  );
  return target;
}

async function bootAndSave(image: Image, target: string, options: SnapshotOptions, progress: Progress): Promise<void> {
  const { memoryMiB, cpus, signal } = options;
  const directory = await createRunDirectory('snapshot');
  const disk = join(directory.path, 'disk.qcow2');
  let machine: Machine | undefined;
  try {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image.base, '-F', 'qcow2', disk], { signal });
    const booting = await Machine.start({ image, run: directory, disk, memoryMiB, cpus, signal });
    machine = booting;
    await progress.step('snapshot: first boot', async (alive) => {
      const watch = setInterval(() => alive(booting.consoleTail(1)), 1000);
      await booting.waitReady(0, signal).finally(() => clearInterval(watch));
    });
    await progress.step('snapshot: save the booted host', async () => {
      const ssh = new Ssh({ port: booting.sshPort, key: image.key, sockets: directory.sockets });
      const explain = () => booting.consoleTail();
      await ssh.open({ alive: () => booting.assertRunning(), signal, explain });
      await ssh.command('systemctl is-system-running --wait', { check: false, signal });
      await ssh.command('sync; echo 3 > /proc/sys/vm/drop_caches', { signal });
      // A connection that is open now would come back half dead in every copy.
      await ssh.close();
      await booting.saveSnapshot(SNAPSHOT_NAME);
    });
    await booting.stop();
    await rename(disk, target);
  } finally {
    await machine?.stop();
    await directory.remove();
  }
}
