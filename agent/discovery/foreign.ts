// Which other engines run workloads here: told from the names of their cgroups, which is the one thing all of them have.
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Number of workloads by engine; engines without any are absent. */
export type Foreign = Readonly<Record<string, number>>;

/** Directory names below the cgroup mount, at any depth: systemd and cgroupfs drivers of each engine. */
const PATTERNS: readonly (readonly [engine: string, name: RegExp])[] = [
  ['docker', /^docker-[0-9a-f]{64}\.scope$/],
  ['podman', /^libpod-[0-9a-f]{64}(\.scope)?$/],
  ['containerd', /^cri-containerd-[0-9a-f]{64}\.scope$/],
  ['cri-o', /^crio-[0-9a-f]{64}(\.scope)?$/],
  ['lxc', /^lxc\.payload\./],
  ['libvirt', /^machine-qemu.*\.scope$/],
  ['nspawn', /^systemd-nspawn@.*\.service$/],
];

/** Kubernetes nests three levels deep; below that are the containers' own cgroups, which are nobody's business. */
const MAX_DEPTH = 5;

export function engineOf(name: string): string | undefined {
  return PATTERNS.find(([, pattern]) => pattern.test(name))?.[0];
}

/** Walks the cgroup hierarchy below `mount`, `own` left out. A directory that vanishes meanwhile is not counted. */
export async function findForeign(mount: string, own: string): Promise<Foreign> {
  const counts: Record<string, number> = {};
  const visit = async (directory: string, depth: number): Promise<void> => {
    if (directory === own || depth > MAX_DEPTH) return;
    for (const entry of await list(directory)) {
      const engine = engineOf(entry.name);
      if (engine === undefined) await visit(join(directory, entry.name), depth + 1);
      else counts[engine] = (counts[engine] ?? 0) + 1;
    }
  };
  await visit(mount, 0);
  return counts;
}

async function list(directory: string): Promise<Dirent[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory());
}
