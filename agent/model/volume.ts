// A named directory of a tenant that outlives its workloads, as sessions see it.
import type { Range } from '../base/pages.js';
import type { EventActor } from './event.js';

/** Users of one volume that are named. */
export const MOST_VOLUME_USERS = 100;

export interface VolumeName {
  readonly tenant: string;
  readonly name: string;
}

export interface VolumeView extends VolumeName {
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Workloads whose specification mounts it, in whatever state, by id; at most 100. */
  readonly usedBy: readonly string[];
  /** How many there are beyond those in `usedBy`; absent: none. */
  readonly moreUsers?: number;
}

/** By tenant and name. */
export interface VolumeFilter extends Range {
  readonly sees: (tenant: string) => boolean;
}

export interface VolumePrune {
  readonly sees: (tenant: string) => boolean;
  readonly dryRun: boolean;
  readonly by?: EventActor | undefined;
}

/** Its place in the order of all; what a page goes on behind. */
export function volumeKey({ tenant, name }: VolumeName): string {
  return `${tenant}/${name}`;
}
