// What a row of values of a field is, and those that many fields have.
import type { Tree } from '../../../agent/config/tree.js';

export interface Row {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
  /** Fields that have to be there as well. */
  readonly beside?: Tree;
}

/** Instead of what the least spec has. */
export const OF_IMAGE: Tree = { driver: 'oci', exec: undefined, oci: { rootfs: undefined } };
export const IMAGED: Tree = { ...OF_IMAGE, image: 'docker://debian:13' };

export const NO_NUMBER = ['', 'many', '1e', [], {}, null, true] as const;
export const NO_SIZE = ['', 'lots', '-1Mi', '1.5', '1Pi', '8192Ti', '1 Mi', -1, 1.5, true, null] as const;
export const NO_TIME = ['', 'soon', '5', '-1s', '1 s', '1e3s', '0.5us', -1, 0.5, true, null] as const;

export const whole = (least: number, most: number): Row => ({
  good: [least, most],
  bad: [least - 1, most + 1, least + 0.5, ...NO_NUMBER],
});
/** Kept as text. */
export const lasting = (good: readonly string[], bad: readonly string[]): Row => ({
  good,
  bad: [...bad, '', 'soon', '5', '-1s', '1 s', 1, true, null],
});
export const choice = (...words: readonly string[]): Row => ({
  good: words,
  bad: ['', 'other', words[0]?.toUpperCase(), 1],
});
export const yes: Row = { good: [true, false], bad: ['yes', '', 1, null] };
export const with_ = (row: Row, beside: Tree): Row => ({ ...row, beside });
export const size: Row = { good: [0, '0', 1, '1.5Mi', '8191Ti'], bad: NO_SIZE };
export const sizeFrom = (least: number, most: unknown): Row => ({ good: [least, most], bad: [least - 1, ...NO_SIZE] });
export const weight = whole(1, 10_000);
export const path: Row = {
  good: ['/', '/a', `/${'a'.repeat(4094)}`, `/${'ä'.repeat(2047)}`],
  bad: ['', 'a', './a', `/${'a'.repeat(4095)}`, `/${'ä'.repeat(2048)}`, '/a\0b', 1, null],
};
export const name = {
  good: ['a', 'a-b', 'x'.repeat(63)],
  bad: ['', '-a', 'a-', 'A', 'a_b', 'x'.repeat(64), 1],
} as const;
/** MAX_ARG_STRLEN of binfmts.h has the NUL in it. */
export const command: Row = {
  good: [['/x'], Array(1024).fill('a'), ['/x', 'a'.repeat(131_071), ''], ['/x', 'ä'.repeat(65_535)]],
  bad: [[], 'x', Array(1025).fill('a'), ['/x', 'a'.repeat(131_072)], ['/x', 'ä'.repeat(65_536)], ['/x\0'], [1]],
};
export const env: Row = {
  good: [{}, { A: '' }, { a_1: 'x y=z' }, { ['A'.repeat(256)]: 'x' }, { A: 'x'.repeat(131_069) }],
  bad: [
    { '1A': '' },
    { 'A B': '' },
    { A: 1 },
    { A: 'x\0' },
    { ['A'.repeat(257)]: '' },
    { A: 'x'.repeat(131_070) },
    'A=b',
  ],
};
/** With a PATH in which a program is looked for. */
export const searched: Row = {
  good: [...env.good, { PATH: Array(128).fill('/a').join(':') }],
  bad: [...env.bad, { PATH: Array(129).fill('/a').join(':') }, { PATH: 'a'.repeat(4097) }],
};
export const many = (count: number) => Array.from({ length: count }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`);
export const networks: Row = {
  good: [[], ['10.0.0.0/8', 'fd00::/8', '0.0.0.0/0', '::/0', '192.0.2.1/32'], many(512)],
  bad: [['10.0.0.1/8'], ['10.0.0.0/33'], ['example.org'], ['10.0.0.0/08'], [''], '10.0.0.0/8', many(513)],
};
export const rates = {
  good: ['64Kbit', '1000Gbit', 64_000, 1e12],
  bad: ['', '63Kbit', '1001Gbit', 63_999, 1e12 + 1, 64_000.5, 'fast', null],
} as const;
export const uid = whole(0, 2 ** 32 - 2);
export const named = (good: readonly unknown[], bad: readonly unknown[]): Row => ({
  good: [{}, ...good.map((value) => ({ 'a.b/c:1': value }))],
  bad: [
    { 'a b': good[0] },
    { '': good[0] },
    { ['a'.repeat(128)]: good[0] },
    'a',
    ...bad.map((value) => ({ a: value })),
  ],
});
/** Of a mount: a path without "//", "." and "..", and its parts. */
export const plain = (...bad: readonly string[]): Row => ({
  good: ['/srv/data', '/a', '/a/.b/..c', `/${'a'.repeat(4094)}`],
  bad: [...path.bad, '/', '/a/', '/a//b', '/a/./b', '/a/../b', ...bad],
});
export const bound = (field: Tree): Tree => ({
  mounts: { '0': { type: 'bind', source: '/s', target: '/t', ...field } },
});
/** Where nothing may be mounted. */
export const OWN_PLACES = [
  ...['/proc', '/proc/self', '/sys', '/dev', '/dev/shm', '/etc'],
  ...['/etc/hosts', '/etc/resolv.conf', '/etc/hostname'],
] as const;
export const fileWith = (field: Tree): Tree => ({ files: { '0': { path: '/f', content: 'x', ...field } } });
export const secretWith = (field: Tree): Tree => ({ secrets: { '0': { name: 'a', ...field } } });
export const octal: Row = {
  good: ['000', '0400', '0777', '755'],
  bad: ['', '7', '0888', '1777', '4755', 'u+r', 644, null],
};
export const tmpfs: Tree = { mounts: { '0': { type: 'tmpfs', target: '/t' } } };
export const SANDBOXED = { exec: { isolation: 'sandbox' } };
export const DRIVE = { firecracker: { drives: { '0': { path: '/d' } } } };
export const io = { '0': { device: '8:0', weight: 1 } };

/** All of it, to its leaves: tests of several files share a process, and a value that one of them changes is another for the next. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) frozen(inner);
  return value;
}
