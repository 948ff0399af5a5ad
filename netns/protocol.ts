// What crosses between the main thread and the worker. Errors lose their class in a structured clone, so they travel
// as data and are built anew with everything they carried.
import { SysError } from '../linux/errors.js';
import type { LinkStats, OwnedNetwork, Removal, RoomSettings, SandboxNetwork } from './types.js';

/** A call and its parameters, as data. */
export type Call =
  | { readonly method: 'setup'; readonly settings: RoomSettings }
  | { readonly method: 'teardown'; readonly settings: RoomSettings }
  | { readonly method: 'create'; readonly network: SandboxNetwork }
  | { readonly method: 'createIsolated'; readonly netns: string }
  | { readonly method: 'remove'; readonly removals: readonly Removal[] }
  | { readonly method: 'list'; readonly prefixes: { readonly netnsPrefix: string; readonly ownerPrefix: string } }
  | { readonly method: 'stats'; readonly linkPrefix: string }
  | { readonly method: 'close' };

/** What each call answers with; `remove` has one entry for each removal. */
export interface Results {
  readonly setup: undefined;
  readonly teardown: undefined;
  readonly create: undefined;
  readonly createIsolated: undefined;
  readonly remove: readonly (ErrorData | undefined)[];
  readonly list: OwnedNetwork;
  readonly stats: LinkStats[];
  readonly close: undefined;
}

export type Result = Results[keyof Results];
export type ToWorker = Call & { readonly id: number };
export type FromWorker =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: ErrorData };

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
  const detail = { ...(path === undefined ? {} : { path }), ...(value === undefined ? {} : { value }) };
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
