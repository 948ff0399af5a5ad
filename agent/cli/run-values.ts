// What stands behind an option of `berth run`, written as docker and podman have it, as a value of the specification.
import { BerthError } from '../../protocol/errors.js';
import { exactDuration, parseSize } from '../base/units.js';

export type Section = Readonly<Record<string, unknown>>;

export function portOf(text: string): Section {
  const [, host, guest, protocol = 'tcp'] = /^(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  if (host === undefined) throw wrong('publish', 'HOST:WORKLOAD, two ports, with /udp where it is not TCP', text);
  return { host: Number(host), guest: Number(guest), protocol };
}

export function mountOf(text: string): Section {
  const [, source, target, access] = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text) ?? [];
  // A word without a slash is the name of a volume, as docker has it.
  if (source === undefined || (!source.startsWith('/') && source.includes('/')))
    throw wrong(
      'volume',
      'SOURCE:TARGET or SOURCE:TARGET:ro; SOURCE is an absolute path or the name of a volume, TARGET an absolute path',
      text,
    );
  const what = source.startsWith('/') ? { type: 'bind', source } : { type: 'volume', name: source };
  return { ...what, target, ...(access === 'ro' ? { readOnly: true } : {}) };
}

/** Words of docker's --tmpfs that every mount of berth has anyway, or that say what is so without them. */
const TMPFS_DEFAULTS = /^(rw|exec|nosuid|nodev)$/;

export function tmpfsOf(text: string): Section {
  const [, target, words = ''] = /^(\/[^:]*)(?::(.+))?$/.exec(text) ?? [];
  const rule = 'TARGET or TARGET:OPTIONS, an absolute path and size=64Mi, mode=1777, uid=N, gid=N, ro, noexec';
  if (target === undefined) throw wrong('tmpfs', rule, text);
  const fields = words.split(',').flatMap((word): [string, unknown][] => {
    const [name = '', value] = parted(word);
    if (word === '' || TMPFS_DEFAULTS.test(word)) return [];
    if (word === 'ro') return [['readOnly', true]];
    if (word === 'noexec') return [['noexec', true]];
    if (name === 'size' && value !== undefined) return [['size', sizeOf('tmpfs', value)]];
    if (name === 'mode' && value !== undefined) return [['mode', value]];
    if ((name === 'uid' || name === 'gid') && isNumber(value)) return [[name, Number(value)]];
    throw wrong('tmpfs', rule, text);
  });
  return { type: 'tmpfs', target, ...Object.fromEntries(fields) };
}

export function sharedMemoryOf(text: string): Section {
  return { type: 'tmpfs', target: '/dev/shm', size: sizeOf('shm-size', text) };
}

/** As `podman run --secret`. */
export function secretOf(text: string): Section {
  const rule = 'NAME or NAME,OPTIONS, with target=PATH, mode=0400, uid=N, gid=N';
  const [name = '', ...words] = text.split(',');
  if (name === '' || name.includes('=')) throw wrong('secret', rule, text);
  const fields = words.map((word): [string, unknown] => {
    const [key = '', value] = parted(word);
    if (key === 'target' && value?.startsWith('/') === true) return ['path', value];
    if (key === 'mode' && isNumber(value)) return ['mode', value];
    if ((key === 'uid' || key === 'gid') && isNumber(value)) return [key, Number(value)];
    throw wrong('secret', rule, text);
  });
  return { name, ...Object.fromEntries(fields) };
}

export function groupOf(text: string): string | number {
  if (!/^[^-+:,/\s][^:,/\s]*$/.test(text)) throw wrong('group-add', 'the name or the number of one group', text);
  return isNumber(text) ? Number(text) : text;
}

/** `net_admin`, `CAP_NET_ADMIN` and `NET_ADMIN` are one. */
export function capabilityOf(option: 'cap-add' | 'cap-drop'): (text: string) => string {
  return (text) => {
    const name = text.toUpperCase().replace(/^CAP_/, '');
    if (!/^[A-Z_]+$/.test(name)) throw wrong(option, 'one capability such as NET_ADMIN', text);
    return name;
  };
}

/** A name of `rlimits` and its limits. */
export function limitOf(text: string): [string, Section] {
  const [, name, soft, hard = soft] =
    /^([a-z]+)=(\d{1,15}|unlimited|-1)(?::(\d{1,15}|unlimited|-1))?$/.exec(text) ?? [];
  if (name === undefined)
    throw wrong('ulimit', 'NAME=SOFT or NAME=SOFT:HARD, whole numbers or unlimited, such as nofile=1024:4096', text);
  const [least, most] = [soft, hard].map((one) => (isNumber(one) ? Number(one) : 'unlimited'));
  return [name, { soft: least, hard: most }];
}

/** Docker has seconds here; a number alone is that. */
export function graceOf(option: string, text: string): string {
  return isNumber(text) ? `${text}s` : durationOf(option, text);
}

export function durationOf(option: string, text: string): string {
  if (exactDuration(text) === undefined) throw wrong(option, 'a duration such as 500ms, 30s or 5m', text);
  return text;
}

export function countOf(option: string, text: string): number {
  if (!isNumber(text)) throw wrong(option, 'a whole number', text);
  return Number(text);
}

export function pathOf(option: string, text: string): string {
  if (!text.startsWith('/')) throw wrong(option, 'an absolute path', text);
  return text;
}

function sizeOf(option: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw wrong(option, 'a size such as 64Mi or 1G', text);
  return bytes;
}

function parted(word: string): [string, string?] {
  const at = word.indexOf('=');
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,15}$/.test(text);
}

function wrong(option: string, rule: string, text: string): BerthError {
  return new BerthError('usage', `--${option} must be ${rule}; it is ${JSON.stringify(text)}`);
}
