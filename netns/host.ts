// What the worker thread holds for its whole life: its own namespace as the way back, and a socket in it.
import { closeSync } from 'node:fs';
import { openNamespace } from '../linux/namespace.js';
import { Procfs } from '../linux/procfs.js';
import { Nfnl } from './nfnl.js';
import type { OpenNamespace } from './open-namespace.js';
import { Rtnl } from './rtnl.js';
import type { RoomSettings } from './types.js';

/** Everything a recipe needs of the host side. Use it only on the thread that opened it. */
export interface Host {
  /** Descriptor of the thread's network namespace. */
  readonly home: number;
  readonly rtnl: Rtnl;
  /** Opened at first use: a kernel without nf_tables still has links. Throws SysError then. */
  readonly nfnl: Nfnl;
  readonly procfs: Procfs;
  /** Whether /run/netns has been made a shared mount; done once, as it takes the lock of all mounts. */
  directoryShared: boolean;
  /** Whether the kernel has fq_codel; undefined: not tried yet. */
  fairQueues: boolean | undefined;
  /** What the room was set up with; undefined before. */
  settings: RoomSettings | undefined;
  /** Slots that are kept open, by name of the namespace. */
  readonly slots: Map<string, HeldSlot>;
  close(): void;
}

/** Opens the calling thread's namespace as the host. Throws SysError. */
export function openHost(): Host {
  const home = openNamespace();
  try {
    const rtnl = new Rtnl();
    let nfnl: Nfnl | undefined;
    const procfs = new Procfs();
    const slots = new Map<string, HeldSlot>();
    return {
      home,
      rtnl,
      get nfnl() {
        nfnl ??= new Nfnl();
        return nfnl;
      },
      directoryShared: false,
      fairQueues: undefined,
      settings: undefined,
      slots,
      procfs,
      close() {
        for (const { inside } of slots.values()) inside.close();
        rtnl.close();
        nfnl?.close();
        procfs.close();
        closeSync(home);
      },
    };
  } catch (error) {
    closeSync(home);
    throw error;
  }
}

export interface HeldSlot {
  readonly inside: OpenNamespace;
  readonly hostLink: string;
  readonly hostIndex: number;
  readonly eth0: number;
  readonly tap: number | null;
  /** Of eth0. */
  mac: string | undefined;
  /** Whose it is, as far as this thread knows: the tag of free slots, or of a sandbox. */
  owner: string | undefined;
}
