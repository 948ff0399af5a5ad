// Whose is it? Every object that berth makes carries the id of the installation, so that two agents on one host, or one
// and what a former one has left, tell their things apart. Versions before this one wrote only the id of the workload.
import type { OwnTags } from '../../netns/types.js';

/** What every tag of every installation begins with. */
export const OWNER_PREFIX = 'berth:';

/** This installation, and which others this host knows. */
export interface Installation {
  readonly id: string;
  /** Reads a few small files. */
  others(): readonly OtherInstallation[];
}

export interface OtherInstallation {
  /** Null: an agent of a version that has none. */
  readonly id: string | null;
  readonly state: string;
  /** Null: its agent does not run. */
  readonly pid: number | null;
}

export interface Tag {
  /** Null: written by a version before installations had an id. */
  readonly installation: string | null;
  /** Of the workload; empty: the tag of a namespace, which says only whose it is. */
  readonly id: string;
}

/** `unknown`: no tag, or one of a version that did not say whose. */
export type Whose = 'ours' | 'another' | 'unknown';

const INSTALLATION = /^[0-9a-f]{8}$/;
/** Of a name of 64 characters, what the id leaves. */
const MOST_TABLE = 55;
const TAG = /^berth:(?:([0-9a-f]{8}):)?([^:]+)$/;
const NAMESPACE = /^berth:([0-9a-f]{8})$/;

export function isInstallationId(text: unknown): text is string {
  return typeof text === 'string' && INSTALLATION.test(text);
}

/** The tag that every object of a workload carries. */
export function ownerTag(installation: string, id: string): string {
  return `${OWNER_PREFIX}${installation}:${id}`;
}

/** What versions before this one wrote instead. */
export function formerTag(id: string): string {
  return `${OWNER_PREFIX}${id}`;
}

/** Of an object of a workload; undefined: it is none of berth's. */
export function parseTag(text: string | undefined): Tag | undefined {
  const [, installation, id] = TAG.exec(text ?? '') ?? [];
  return id === undefined ? undefined : { installation: installation ?? null, id };
}

/** Of a namespace (ifalias of `lo`): the installation, or null. */
export function parseNamespaceTag(text: string | null): string | null {
  return NAMESPACE.exec(text ?? '')?.[1] ?? null;
}

export function whoseIs(installation: string | null, ours: string): Whose {
  if (installation === null) return 'unknown';
  return installation === ours ? 'ours' : 'another';
}

/** `takesFormer`: what earlier versions made can only be ours. */
export function roomTags(installation: string, table: string, takesFormer: boolean): OwnTags {
  return {
    prefix: OWNER_PREFIX,
    namespace: `${OWNER_PREFIX}${installation}`,
    slot: `${table}-slot-${installation}`,
    bridge: `${table}-bridge-${installation}`,
    table: { owner: installation, instead: `${table.slice(0, MOST_TABLE)}-${installation}` },
    former: takesFormer ? { slot: `${table}-slot`, bridge: `${table}-bridge` } : null,
  };
}

/** As far as this host knows it. */
export function nameInstallation(id: string | null, others: readonly OtherInstallation[]): string {
  const known = others.find((other) => other.id === id);
  const name = id === null ? 'an installation without an id' : `installation ${id}`;
  if (known === undefined) return name;
  const agent = known.pid === null ? 'its agent does not run' : `agent pid ${known.pid}`;
  return `${name} (state directory ${known.state}, ${agent})`;
}

export const NETNS_PREFIX = 'berth-';

/** Of ready-made namespaces; no id begins with `-`, so that no name of a workload begins with this. */
export const SLOT_PREFIX = `${NETNS_PREFIX}-slot-`;
