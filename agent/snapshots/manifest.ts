// What says that a snapshot is whole. It is written last, and removed first.
import { hash } from 'node:crypto';
import * as z from 'zod';
import type { SnapshotView } from '../model/snapshot.js';
import type { WorkloadSpec } from '../model/spec.js';

export const MANIFEST = 'manifest.json';
const VERSION = 1;

const manifest = z.object({
  version: z.literal(VERSION),
  workload: z.string(),
  name: z.string(),
  tenant: z.string(),
  driver: z.string(),
  at: z.number(),
  bootId: z.string(),
  live: z.boolean(),
  spec: z.string(),
  fit: z.record(z.string(), z.string()),
  address: z.string().nullable(),
  address6: z.string().nullable(),
  files: z.array(z.object({ name: z.string(), bytes: z.number(), sha256: z.string() })).min(1),
});

export function encodeManifest(view: SnapshotView): string {
  return `${JSON.stringify({ version: VERSION, ...view })}\n`;
}

/** Throws an Error that says what is wrong with it. */
export function decodeManifest(text: string): SnapshotView {
  const { version: _version, ...view } = manifest.parse(JSON.parse(text));
  return view;
}

/** Of what makes the machine; limits, labels and policies may change between a snapshot and its return. */
export function machineDigest({ driver, qemu, firecracker, network }: WorkloadSpec): string {
  // What a clone begins with is no part of its machine; nor are metadata, which are told anew after a return.
  const machine = {
    driver,
    qemu: qemu && { ...qemu, snapshot: undefined },
    firecracker: firecracker && { ...firecracker, snapshot: undefined, mmds: firecracker.mmds && {} },
    mode: network.mode,
    bridge: network.bridge,
  };
  return hash('sha256', JSON.stringify(machine), 'hex');
}
