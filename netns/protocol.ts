// What crosses between the main thread and the worker. Errors lose their class in a structured clone, so they travel
// as data and are built anew with everything they carried.
import { defined } from '../linux/defined.js';
import { SysError } from '../linux/errors.js';
import type { Members } from '../linux/namespace-holders.js';
import type { HostNetworks } from './addresses/conflict.js';
import type { Hint } from './monitor/hints.js';
import type {
  Drops,
  Finding,
  Interference,
  LinkStats,
  OwnedNetwork,
  Removal,
  Retag,
  RoomSettings,
  SandboxNetwork,
  SlotKind,
  Stray,
  StrayState,
  Use,
} from './types.js';

/** A call and its parameters, as data. `configure` only remembers: what setup did outlives a thread. */
export type Call =
  | { readonly method: 'setup' | 'configure' | 'teardown'; readonly settings: RoomSettings }
  | { readonly method: 'create'; readonly network: SandboxNetwork; readonly use: Use | undefined }
  | { readonly method: 'update'; readonly from: SandboxNetwork; readonly to: SandboxNetwork }
  | { readonly method: 'createIsolated'; readonly netns: string }
  | { readonly method: 'members'; readonly netns: string; readonly kill: boolean }
  | { readonly method: 'prepareSlot'; readonly netns: string; readonly kind: SlotKind }
  | { readonly method: 'remove'; readonly removals: readonly PatientRemoval[] }
  | { readonly method: 'list'; readonly prefixes: { readonly netnsPrefix: string; readonly ownerPrefix: string } }
  | { readonly method: 'held'; readonly strays: readonly Stray[] }
  | { readonly method: 'retag'; readonly sandboxes: readonly Retag[] }
  | { readonly method: 'audit' | 'sweep'; readonly networks: readonly SandboxNetwork[] }
  | { readonly method: 'stats'; readonly linkPrefix: string }
  | { readonly method: 'findSlots' | 'hostNetworks' | 'drops' | 'interference' | 'watch' | 'close' };

/** What each call answers with; `remove` has one entry for each removal. */
export interface Results {
  readonly setup: readonly SetupProblemData[];
  readonly configure: undefined;
  readonly teardown: undefined;
  readonly create: undefined;
  readonly update: undefined;
  readonly createIsolated: undefined;
  readonly prepareSlot: Prepared;
  readonly findSlots: {
    readonly free: readonly { readonly netns: string; readonly kind: SlotKind }[];
    readonly next: number;
  };
  readonly remove: readonly RemovedData[];
  readonly list: OwnedNetwork;
  readonly held: StrayState[];
  readonly members: Members;
  readonly retag: undefined;
  readonly audit: Finding[];
  readonly sweep: number;
  readonly hostNetworks: HostNetworks;
  readonly stats: LinkStats[];
  readonly drops: Drops[];
  readonly interference: Interference;
  readonly watch: undefined;
  readonly close: undefined;
}

/** `patient`: a slot that may be fit a little later is left as it is, and `again` is the answer. */
export type PatientRemoval = Removal & { readonly patient: boolean };

/** `bridge`: null for the tables. */
export interface SetupProblemData {
  readonly bridge: string | null;
  readonly error: ErrorData;
}

export interface RemovedData {
  readonly error?: ErrorData;
  readonly recycled?: LinkStats;
  readonly unfit?: ErrorData;
  readonly again?: true;
}

export type Result = Results[keyof Results];
export type ToWorker = Call & { readonly id: number };
export type FromWorker =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: ErrorData }
  | { readonly hints: readonly Hint[] };

export interface ErrorData {
  readonly message: string;
  readonly sys?: {
    readonly op: string;
    readonly errno: number;
    readonly path?: string;
    readonly value?: string;
    readonly note?: string;
  };
}

export function encodeError(error: unknown): ErrorData {
  if (!(error instanceof SysError)) {
    return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { op, errno, path, value, message } = error;
  const detail = { ...defined({ path, value }) };
  // SysError keeps its note only as the tail of its message.
  const bare = new SysError(op, errno, detail).message;
  const note = message.startsWith(`${bare}: `) ? { note: message.slice(bare.length + 2) } : {};
  return { message, sys: { op, errno, ...detail, ...note } };
}

export function decodeError(data: ErrorData): Error {
  if (data.sys === undefined) return new Error(data.message);
  const { op, errno, ...detail } = data.sys;
  return new SysError(op, errno, detail);
}

export interface Prepared {
  readonly hostLink: string;
  readonly mac: string;
  readonly baseline: LinkStats;
}
