// LXC, and Incus and LXD, which use it: found by the name of the cgroup.
import { type Change, type Engine, idBy } from './engine.js';
import { quoted } from './shell.js';

const FILES: { readonly [K in keyof Change]-?: (value: number) => string } = {
  cpu: (cores) => `cpu.max '${Math.round(cores * 100_000)} 100000'`,
  memory: (bytes) => `memory.max ${bytes}`,
  pids: (count) => `pids.max ${count}`,
};

export const lxc: Engine = {
  idIn: idBy(/^lxc\.payload\.(.+)$/),
  command: ({ id }, change) =>
    (Object.keys(FILES) as (keyof Change)[])
      .flatMap((key) => (change[key] === undefined ? [] : [`lxc-cgroup -n ${quoted(id)} ${FILES[key](change[key])}`]))
      .join(' && '),
};
