// The state of a virtual machine on disk.
import type { WorkloadSpec } from './spec.js';

/** What a record says of a snapshot that it is being saved to, or begins with. */
export interface Saved {
  /** Workload that was saved; a clone begins with the snapshot of another one. */
  readonly of: string;
  readonly name: string;
  /**
   * `writing`: the guest stands still for it, and goes on when it is not completed. `waiting`: complete, and the guest has not run
   * since: the next start begins there. `resuming`: the guest may run on from it already, so that it is no state to begin with again.
   */
  readonly phase: 'writing' | 'waiting' | 'resuming';
  /** What the guest takes for its addresses; null: none. */
  readonly address: string | null;
  readonly address6: string | null;
}

export interface SnapshotFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256, in hexadecimal. */
  readonly sha256: string;
}

/** The view of `snapshot.list`, and what lies beside the files of a snapshot. */
export interface SnapshotView {
  readonly workload: string;
  readonly name: string;
  readonly tenant: string;
  readonly driver: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** Boot of the host in which it was made. */
  readonly bootId: string;
  /** The guest went on; otherwise it is kept for the next start of its workload, and goes with that. */
  readonly live: boolean;
  /** Of the part of the specification that makes the machine. */
  readonly spec: string;
  /** What the host and the machine must have in common with it: names and values. */
  readonly fit: Readonly<Record<string, string>>;
  readonly address: string | null;
  readonly address6: string | null;
  readonly files: readonly SnapshotFile[];
}

/** The snapshot of another workload that this one begins with, each time; undefined: it boots. */
export function templateOf({
  qemu,
  firecracker,
}: Pick<WorkloadSpec, 'qemu' | 'firecracker'>): Pick<Saved, 'of' | 'name'> | undefined {
  const snapshot = qemu?.snapshot ?? firecracker?.snapshot;
  if (snapshot === undefined) return undefined;
  const [of = '', name = ''] = snapshot.split('/');
  return { of, name };
}

/** Digits of the longest name. */
const MOST_DIGITS = 16;

/** Its place in a list: names are numbers. */
export function snapshotKey({ workload, name }: Pick<SnapshotView, 'workload' | 'name'>): string {
  return `${workload}/${name.padStart(MOST_DIGITS, '0')}`;
}

/** Milliseconds that the slowest disk that is worth waiting for takes. */
export function slowestMs(bytes: number): number {
  return Math.ceil(bytes / 10_000);
}

/** Of all files. */
export function bytesOf({ files }: Pick<SnapshotView, 'files'>): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
