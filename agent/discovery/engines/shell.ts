// Commands that a person pastes into a shell, made of names that strangers have chosen.
import { shellQuoted } from '../../base/shell.js';
import type { Change } from './engine.js';

/** As one word of a POSIX shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9_.@:/-]*$/.test(text) ? text : shellQuoted(text);
}

type Flags = { readonly [K in keyof Change]-?: (value: number) => string };

/** The options of `docker update`, which other engines have copied. */
const FLAGS: Flags = {
  cpu: (cores) => `--cpus ${cores}`,
  memory: (bytes) => `--memory ${bytes}`,
  pids: (count) => `--pids-limit ${count}`,
};

export function flagsOf(change: Change, own: Partial<Flags> = {}): string {
  const flags = { ...FLAGS, ...own };
  return (Object.keys(FLAGS) as (keyof Change)[])
    .flatMap((key) => (change[key] === undefined ? [] : [flags[key](change[key])]))
    .join(' ');
}

/** Properties of `systemctl set-property`. */
export function propertiesOf({ cpu, memory, pids }: Change): string {
  return [
    ...(cpu === undefined ? [] : [`CPUQuota=${Math.ceil(cpu * 100)}%`]),
    ...(memory === undefined ? [] : [`MemoryMax=${memory}`]),
    ...(pids === undefined ? [] : [`TasksMax=${pids}`]),
  ].join(' ');
}
