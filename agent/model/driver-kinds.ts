// All drivers of this version: the one list of their names, and what their sections of a specification say.
import type * as z from 'zod';
import type { Beside, DriverKind, Machine, Unfit } from './driver-kind.js';
import { execKind } from './exec-spec.js';
import { externalKind } from './external-spec.js';
import { firecrackerKind } from './firecracker-spec.js';
import { ociKind } from './oci-spec.js';
import { qemuKind } from './qemu-spec.js';

export const DRIVER_KINDS = {
  exec: execKind,
  oci: ociKind,
  qemu: qemuKind,
  firecracker: firecrackerKind,
  external: externalKind,
} as const;

type Kinds = typeof DRIVER_KINDS;
export type DriverName = keyof Kinds;
export const DRIVER_NAMES = Object.keys(DRIVER_KINDS) as [DriverName, ...DriverName[]];

type Schemas = { readonly [Name in DriverName]: z.ZodOptional<Kinds[Name]['section']> };

/** A field for each driver. */
export const SECTIONS = Object.fromEntries(
  Object.entries(DRIVER_KINDS).map(([name, { section }]) => [name, section.optional()]),
) as unknown as Schemas;

export type Sections = { readonly [Name in DriverName]?: z.output<Schemas[Name]> };
type Driven = Sections & Beside & { readonly driver: DriverName };

/** Its section, with what the driver says of it; undefined where the specification has none. */
function own(spec: Driven): { readonly kind: DriverKind; readonly section: unknown } | undefined {
  const section = spec[spec.driver];
  return section === undefined ? undefined : { kind: DRIVER_KINDS[spec.driver], section };
}

/** What runs, in one line. */
export function describeProgram(spec: Driven): string {
  const found = own(spec);
  return found === undefined ? '' : found.kind.describe(found.section, spec);
}

/** Null: the specification has no section for its driver. */
export function alikeBy(spec: Driven): readonly unknown[] | null {
  const found = own(spec);
  return found === undefined ? null : found.kind.alike(found.section, spec);
}

/** What of the section of its driver does not go with the rest. */
export function unfitSection(spec: Driven): readonly Unfit[] {
  const found = own(spec);
  return found?.kind.unfit?.(found.section, spec) ?? [];
}

/** Undefined: the workload is no virtual machine. */
export function machineOf(sections: Sections): Machine | undefined {
  for (const [name, kind] of Object.entries(DRIVER_KINDS) as [DriverName, DriverKind][]) {
    const section = sections[name];
    if (section !== undefined && kind.machine !== undefined) return kind.machine(section);
  }
  return undefined;
}

/** Drivers of virtual machines. */
export const MACHINE_DRIVERS = DRIVER_NAMES.filter((name) => (DRIVER_KINDS[name] as DriverKind).machine !== undefined);
