// What the rest of the agent needs to know of a driver's section of a specification. The file of each section ends with one of these.
import type * as z from 'zod';
import { shellQuoted } from '../base/shell.js';

/** What the rest of the agent needs to know of a virtual machine, whichever VMM runs it. */
export interface Machine {
  readonly vcpus: number;
  /** Bytes of the guest. */
  readonly memory: number;
  /** Size of the huge pages that hold the guest; undefined: ordinary pages. */
  readonly hugepages: '2Mi' | '1Gi' | undefined;
  readonly lockMemory: boolean;
  /** The VMM has its guest's pages merged by itself where the spec asks for it; otherwise why the host cannot merge them. */
  readonly merging: 'own' | { readonly not: string };
}

/** What does not go together in a specification. */
export interface Unfit {
  /** Dotted. */
  readonly field: string;
  readonly problem: string;
}

/** What stands beside the section. */
export interface Beside {
  readonly image?: string | undefined;
  readonly network: { readonly mode: string; readonly dns?: unknown };
}

export interface DriverKind<Schema extends z.ZodType = z.ZodType> {
  readonly section: Schema;
  /** One complete workload, for the help. */
  readonly example: Readonly<Record<string, unknown>>;
  /** What runs, in one line for a person. */
  describe(section: z.output<Schema>, beside: Beside): string;
  /** What two workloads have in common that are expected to behave alike, beside their driver and their limits. */
  alike(section: z.output<Schema>, beside: Beside): readonly unknown[];
  /** What does not go with the rest of the specification. */
  unfit?(section: z.output<Schema>, beside: Beside): readonly Unfit[];
  /** Absent: what it runs is no virtual machine. */
  machine?(section: z.output<Schema>): Machine;
}

/** Lets the compiler find out the type of the section. */
export function driverKind<Schema extends z.ZodType>(kind: DriverKind<Schema>): DriverKind<Schema> {
  return kind;
}

/** A word as a shell would take it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word);
}

const NETWORKS: readonly string[] = ['routed', 'bridge'];

/** Whether the workload has a link of its own. */
export function hasLink({ network }: Pick<Beside, 'network'>): boolean {
  return NETWORKS.includes(network.mode);
}
