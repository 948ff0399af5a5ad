// What Linux 6.12 does with the files whose order matters, as seen there: enough of a kernel to find out by chance what no
// example shows.
import { defaultAt } from '../../cgroups/list.js';
import { placeOf } from '../../cgroups/place.js';
import type { Held, Value } from '../../cgroups/types.js';

export class ModelKernel {
  readonly #held = new Map<string, string>();

  read({ file, value }: Value): string {
    if (file === 'cpu.weight' && this.#read('cpu.idle') === '1') return '1';
    return this.#held.get(placeOf({ file, value })) ?? defaultAt({ file, value }) ?? '';
  }

  /** Throws where the kernel answers EINVAL. */
  write({ file, value }: Value): void {
    const refuse = (why: string): never => {
      throw new Error(`EINVAL: ${file} <- ${value}: ${why}`);
    };
    const quota = Number((file === 'cpu.max' ? value : this.#read('cpu.max')).split(' ')[0]);
    const burst = Number(file === 'cpu.max.burst' ? value : this.#read('cpu.max.burst'));
    if (burst > quota) refuse('a burst above the quota');
    if (file === 'cpu.weight' && this.#read('cpu.idle') === '1') refuse('an idle group has no weight');
    if (file === 'cpu.idle' && value !== this.#read('cpu.idle')) this.#held.delete('cpu.weight');
    if (file === 'cpuset.cpus.partition' && value !== 'member' && this.#read('cpuset.cpus') === '') refuse('no cpus');
    if (file === 'cpuset.cpus' && value === '' && this.#read('cpuset.cpus.partition') !== 'member')
      refuse('a partition');
    this.#held.set(placeOf({ file, value }), value);
  }

  /** As applyValues, without files. */
  apply(values: readonly Value[]): Held[] {
    const held: Held[] = [];
    for (const value of values) {
      const { file } = value;
      const previous = this.read(value);
      const weight = { file: 'cpu.weight', value: '' };
      const before = file === 'cpu.idle' && value.value !== previous ? this.read(weight) : undefined;
      this.write(value);
      if (before !== undefined) held.push({ file: 'cpu.weight', value: this.read(weight), previous: before });
      held.push({ file, value: this.read(value), previous });
    }
    return held;
  }

  /** Everything that is not as in a cgroup that nobody touched. */
  touched(): Record<string, string> {
    const entries = [...this.#held].filter(([place, value]) => {
      const [file = '', key] = place.split(' ');
      return value !== defaultAt({ file, value: key === undefined ? value : `${key} x` });
    });
    return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b)));
  }

  #read(file: string): string {
    return this.#held.get(file) ?? defaultAt({ file, value: '' }) ?? '';
  }
}
