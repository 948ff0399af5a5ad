// What a processor can, as far as a guest has seen it: a snapshot does not move to one that differs.
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** Model and flags of the first processor, and a digest over both. */
export async function cpuIdentity(cpuinfo = '/proc/cpuinfo'): Promise<string> {
  const [first = ''] = (await readFile(cpuinfo, 'utf8')).split('\n\n');
  const line = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(first)?.[1] ?? '';
  const model = line('model name');
  const flags = line('flags') || line('Features');
  return `${model} ${hash('sha256', `${model}\n${flags.split(' ').sort().join(' ')}`, 'hex').slice(0, 16)}`;
}
