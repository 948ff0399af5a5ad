// What the kernel says of a workload of another engine: where its cgroup is, and which limits hold there. Only read.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdoptedLimits } from '../../model/adopted.js';

/**
 * The cgroup v2 of a process, from the mount, as far as the directory whose name holds `id`: what the workload makes below
 * it is its own. Undefined: the process is gone, or it is another one by now, or the engine uses cgroup v1.
 */
export async function cgroupOf(pid: number, id: string, proc = '/proc'): Promise<string | undefined> {
  const path = /^0::\/(.*)$/m.exec(await cgroupsOf(pid, proc))?.[1];
  const parts = path?.split('/') ?? [];
  const at = parts.findIndex((part) => part.includes(id));
  return at < 0 ? undefined : parts.slice(0, at + 1).join('/');
}

/** Whether this process is still one of the workload: under cgroup v1, too, its cgroups have the id in their paths. */
export async function isOf(pid: number, id: string, proc = '/proc'): Promise<boolean> {
  return (await cgroupsOf(pid, proc)).includes(id);
}

async function cgroupsOf(pid: number, proc: string): Promise<string> {
  return readFile(join(proc, String(pid), 'cgroup'), 'utf8').catch(() => '');
}

/** Fields whose file is not there are absent, as on a host without that controller. */
export async function limitsIn(directory: string): Promise<Partial<AdoptedLimits>> {
  const read = (file: string): Promise<string | undefined> =>
    readFile(join(directory, file), 'latin1').then(
      (text) => text.trim(),
      () => undefined,
    );
  const [cpu, memory, pids] = await Promise.all([read('cpu.max'), read('memory.max'), read('pids.max')]);
  const [quota, period] = cpu?.split(' ') ?? [];
  return {
    ...(quota === undefined ? {} : { cpu: quota === 'max' ? null : Number(quota) / Number(period) }),
    ...(memory === undefined ? {} : { memory: amount(memory) }),
    ...(pids === undefined ? {} : { pids: amount(pids) }),
  };
}

/** Engines leave empty cgroups behind. Without the file, as at the mount itself, nobody says that it is empty. */
export async function isPopulated(directory: string): Promise<boolean> {
  const events = await readFile(join(directory, 'cgroup.events'), 'latin1').catch(() => '');
  return !/^populated 0$/m.test(events);
}

function amount(text: string): number | null {
  return text === 'max' ? null : Number(text);
}
