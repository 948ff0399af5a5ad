// Which kernel modules this host could use: loaded, built in, or on disk for the running kernel (modules.dep(5)).
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { basename, join } from 'node:path';
import { readPlainSync } from '../../linux/plain-file.js';

/** What the network room needs, by what for. */
export const NETWORK_MODULES = {
  shaping: ['sch_tbf', 'sch_ingress', 'act_mirred', 'cls_u32', 'ifb'],
  nat: ['nf_tables', 'nft_chain_nat', 'nft_masq', 'nf_conntrack'],
  bridge: ['bridge'],
} as const;

export type ModuleUse = keyof typeof NETWORK_MODULES;

export interface ModulePlaces {
  /** Directories of the running kernel: /lib/modules/RELEASE and /sys/module. */
  readonly modules: string;
  readonly loaded: string;
}

/**
 * Those of NETWORK_MODULES that are nowhere, by use. Undefined when this kernel has no directory of modules, as in a
 * container or with everything built in: then nothing can be said.
 */
export function missingModules(
  places: ModulePlaces = { modules: join('/lib/modules', release()), loaded: '/sys/module' },
): Readonly<Partial<Record<ModuleUse, readonly string[]>>> | undefined {
  const lists = ['modules.dep', 'modules.builtin'].map((name) => readList(join(places.modules, name)));
  if (lists.every((list) => list === undefined)) return undefined;
  const known = new Set(lists.flatMap((list) => list ?? []));
  const missing = (name: string): boolean => !known.has(name) && !existsSync(join(places.loaded, name));
  const found = Object.entries(NETWORK_MODULES).map(([use, names]) => [use, names.filter(missing)] as const);
  return Object.fromEntries(found.filter(([, names]) => names.length > 0));
}

/** modules.dep of a distribution's kernel has some 700 KiB. */
const MOST_BYTES = 16 << 20;

/** `kernel/net/sched/sch_tbf.ko.xz: dependencies` -> `sch_tbf`; in names `-` and `_` are the same. */
function readList(path: string): string[] | undefined {
  try {
    const lines = readPlainSync(path, MOST_BYTES).toString('latin1').split('\n');
    return lines.map((line) =>
      basename(line.split(':')[0] ?? '')
        .replace(/\.ko.*$/, '')
        .replaceAll('-', '_'),
    );
  } catch {
    return undefined;
  }
}
