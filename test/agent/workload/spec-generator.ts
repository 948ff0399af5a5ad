// Whole specifications, many fields at once: each field takes one of its extremes (spec-values.ts) or something between them.

import { DRIVER_NAMES, type WorkloadSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';
import { fc } from '../../runner/property.js';
import { BASES, FIELDS, named, rowOf } from './spec-fields.js';

/** One value of a field, by its path. */
type Wish = readonly [field: string, value: unknown];

const SECTIONS = DRIVER_NAMES;
/** Of the base, or of no spec that runs. */
const FIXED = new Set(['driver']);

/** A number between two numbers, some of two lists together, or one of those that are there. */
function someOf(good: readonly unknown[]): fc.Arbitrary<unknown> {
  const one = fc.constantFrom(...good);
  const numbers = good.filter((value) => typeof value === 'number');
  if (numbers.length === good.length && numbers.every(Number.isInteger))
    return fc.oneof(one, fc.integer({ min: Math.min(...numbers), max: Math.max(...numbers) }));
  const lists = good.filter((value): value is unknown[] => Array.isArray(value));
  // Not of a command, whose first word is a program.
  if (lists.length === good.length && lists.some((list) => list.length === 0))
    return fc.oneof(one, fc.subarray([...new Set(lists.flat())].slice(0, 16)));
  if (good.every((value) => typeof value === 'object' && value !== null && !Array.isArray(value)))
    return fc.oneof(
      one,
      fc.subarray([...good]).map((some) => Object.assign({}, ...(some as object[]))),
    );
  return one;
}

const wishOf = (field: string): fc.Arbitrary<Wish> =>
  someOf(rowOf(field)?.good ?? []).map((value) => [field, value] as const);

/** Lists of tables are up to four entries long; of each field some. */
function wishesOf(fields: readonly string[]): fc.Arbitrary<readonly Wish[]> {
  const placed = fields.flatMap((field) =>
    field.includes('.0.')
      ? [0, 1, 2, 3].map((at) => [field, field.replace('.0.', `.${at}.`)] as const)
      : [[field, field] as const],
  );
  const each = placed.map(([field, place]) =>
    fc.option(
      wishOf(field).map(([, value]) => [place, value] as const),
      { freq: field.includes('.0.') ? 4 : 2, nil: undefined },
    ),
  );
  return fc.tuple(...each).map((all) => {
    const found = all.filter((wish) => wish !== undefined);
    const has = (place: string): boolean => found.some(([one]) => one === place);
    const isVolume = (at: number): boolean => has(`mounts.${at}.name`);
    const isTmpfs = (at: number): boolean =>
      at % 2 === 0 && !isVolume(at) && ['size', 'mode', 'uid', 'gid'].some((of) => has(`mounts.${at}.${of}`));
    return [
      ...found,
      ...[0, 1, 2, 3]
        .filter((at) => isTmpfs(at) || isVolume(at) || has(`mounts.${at}.source`))
        .flatMap((at): Wish[] => [
          [`mounts.${at}.type`, isVolume(at) ? 'volume' : isTmpfs(at) ? 'tmpfs' : 'bind'],
          ...(isTmpfs(at) || isVolume(at) ? [[`mounts.${at}.source`, undefined] as const] : []),
          ...(isVolume(at) ? [[`mounts.${at}.size`, undefined] as const] : []),
          [`mounts.${at}.target`, `/t${at}`],
        ]),
      ...[0, 1, 2, 3].flatMap((at): Wish[] => {
        const text = has(`files.${at}.content`);
        const named = ['content', 'contentBase64', 'mode', 'uid', 'gid', 'path'].some((of) => has(`files.${at}.${of}`));
        const bytes = text ? [[`files.${at}.contentBase64`, undefined] as const] : [];
        return named ? [...bytes, [`files.${at}.path`, `/f${at}`]] : [];
      }),
      ...(has('health.tcp') || has('health.command') ? [['health.http', undefined] as const] : []),
      ...(has('health.command') ? [['health.tcp', undefined] as const] : []),
      ...(has('rlimits.NAME.soft') ? [['rlimits.NAME.hard', 'unlimited'] as const] : []),
      ...(has('network.bridge') ? [['network.mode', 'bridge'] as const] : []),
      // Instead of what the least spec has.
      ...(fields.includes('oci.bundle') && has('image') ? [['oci.rootfs', undefined] as const] : []),
      ...(has('qemu.snapshot') ? [['qemu.root', undefined] as const, ['qemu.initrd', '/i'] as const] : []),
      ...(has('firecracker.snapshot')
        ? [
            ...[['firecracker.root', undefined] as const, ['firecracker.initrd', '/i'] as const],
            ...[0, 1, 2, 3]
              .filter((at) => found.some(([place]) => place.startsWith(`firecracker.drives.${at}.`)))
              .map((at) => [`firecracker.drives.${at}.readOnly`, true] as const),
          ]
        : []),
      ...(has('oci.writable.size') ? [['oci.writable.in', 'memory'] as const] : []),
      ...(has('oci.bundle') ? [['oci.rootfs', undefined] as const, ['oci.command', undefined] as const] : []),
    ];
  });
}

const isFor = (driver: string) => (field: string) => {
  const [section = ''] = field.split('.');
  return !FIXED.has(field) && (section === driver || !(SECTIONS as readonly string[]).includes(section));
};

/** What somebody may ask for; much of it does not go together. */
const wishesFor = (drivers: readonly string[]): fc.Arbitrary<readonly [string, readonly Wish[]]> =>
  fc.oneof(...drivers.map((driver) => fc.tuple(fc.constant(driver), wishesOf(FIELDS.filter(isFor(driver))))));

/**
 * Specs that `accept` takes, with as much of the wish as goes together: what it calls wrong is left out.
 */
export function specs(
  accept: (input: unknown) => WorkloadSpec,
  drivers: readonly string[] = SECTIONS,
): fc.Arbitrary<WorkloadSpec> {
  return wishesFor(drivers).map(([driver, all]) => reduced(accept, driver, all));
}

function reduced(accept: (input: unknown) => WorkloadSpec, driver: string, all: readonly Wish[]): WorkloadSpec {
  for (let left = renumbered(all); ; ) {
    try {
      return accept(inputOf(driver, left));
    } catch (error) {
      if (!(error instanceof BerthError) || left.length === 0) throw error;
      const fields =
        (error.data as { readonly fields?: readonly { readonly field: string }[] } | undefined)?.fields ?? [];
      const without = (wrong: (field: string) => string) =>
        left.filter(([place]) => !fields.some(({ field }) => related(place, wrong(field))));
      const kept = [without((field) => field), without(supervisorOf)].find(({ length }) => length < left.length);
      // What is said of something that the wish does not name: without one of its parts it may be right.
      left = renumbered(kept ?? left.slice(0, -1));
    }
  }
}

/** Of a field that is missing: the entry of a list, or the section, that should have it. */
const supervisorOf = (field: string): string => field.split('.').slice(0, -1).join('.') || field;

/** Entries of a list without gaps, so that an error names the one that was meant. */
function renumbered(all: readonly Wish[]): readonly Wish[] {
  const heads = new Map<string, string[]>();
  return all.map(([place, value]) => {
    const [, list, at, rest] = /^(.+)\.(\d)\.(.+)$/.exec(place) ?? [];
    if (list === undefined || at === undefined) return [place, value];
    const seen = heads.get(list) ?? [];
    heads.set(list, seen);
    if (!seen.includes(at)) seen.push(at);
    return [`${list}.${seen.indexOf(at)}.${rest}`, value];
  });
}

const related = (place: string, wrong: string): boolean =>
  place === wrong || place.startsWith(`${wrong}.`) || wrong.startsWith(`${place}.`);

function inputOf(driver: string, all: readonly Wish[]): unknown {
  const spec: Record<string, unknown> = { id: 'x', ...structuredClone(BASES[driver]) };
  for (const [place, value] of all) put(spec, named(place).split('.'), structuredClone(value));
  return lists(spec);
}

function put(at: Record<string, unknown>, [head = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) at[head] = value;
  else {
    const inner = at[head];
    if (typeof inner !== 'object' || inner === null) at[head] = {};
    put(at[head] as Record<string, unknown>, rest, value);
  }
}

/** Tables with numbers for keys are lists. */
function lists(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, lists(inner)] as const);
  if (entries.length > 0 && entries.every(([key]) => /^\d$/.test(key))) return entries.map(([, inner]) => inner);
  return Object.fromEntries(entries);
}
