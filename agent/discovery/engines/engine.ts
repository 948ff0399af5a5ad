// What berth asks of every engine. An engine is a file that makes one of these, and a line in index.ts.
import type { AdoptedLimits } from '../../model/adopted.js';

export interface SocketOptions {
  /** For a whole answer. */
  readonly deadlineMs?: number;
  readonly mostBytes?: number;
}

/** A workload in the words of its engine: nothing of it is cleaned or cut yet. */
export interface Found {
  readonly id: string;
  readonly name: string;
  readonly image?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly paused?: boolean | undefined;
  /** A process of it, by which its cgroup is found. */
  readonly pid?: number | undefined;
  /** From the mount of cgroup v2, where its name has told the engine. */
  readonly cgroup?: string | undefined;
  /** As the engine was asked for; the files of its cgroup, where there are any, say what holds. */
  readonly limits?: AdoptedLimits | undefined;
}

/** How a workload has ended, in the words of its engine. */
export interface Ended extends Pick<Found, 'id' | 'name' | 'image' | 'labels'> {
  /** 128 and the number of the signal where a signal has ended it; null: the engine does not say. */
  readonly code: number | null;
  /** Whether somebody has stopped or killed it through the engine: podman may tell that a moment after the end. */
  readonly asked: Promise<boolean>;
  /** The engine has seen an OOM-kill in it. */
  readonly oom: boolean;
}

/** `ended`: that is what the event tells. */
export type Told = (id: string, ended?: Ended) => void;

/** What the socket of an engine can be asked. Every call rejects with EngineFault, or with the reason of the signal. */
export interface Channel {
  /** Ids of all that run. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** Undefined: it does not run any more. */
  inspect(id: string, signal: AbortSignal): Promise<Found | undefined>;
  /** Tells the id of each workload that may have come, changed or gone. Resolves when the engine ends the stream. */
  follow(told: Told, signal: AbortSignal): Promise<void>;
}

/** The change that a command makes; absent: stays. */
export type Change = Partial<{ readonly [K in keyof AdoptedLimits]: number }>;

export interface Engine {
  /** The id or name that the name of a cgroup directory holds, by systemd or cgroupfs; undefined: none of its workloads. */
  idIn(directory: string, parent: string): string | undefined;
  /** Where its socket is unless the configuration says something else; absent: it has none that berth knows. */
  readonly socket?: string;
  open?(socket: string, options?: SocketOptions): Channel;
  /** The command with which a person changes limits of a workload through this engine; undefined: there is none. */
  command(of: { readonly id: string; readonly name: string }, change: Change): string | undefined;
  /** What a person does where there is no command. */
  readonly withoutCommand?: string;
}

/** What a person does to make the change. */
export function fixOf(
  { command, withoutCommand = '' }: Engine,
  of: { id: string; name: string },
  change: Change,
): string {
  const line = command(of, change);
  return line === undefined ? withoutCommand : `Run: ${line}`;
}

export type FaultKind = 'unreachable' | 'hangs' | 'nonsense' | 'refused' | 'too_much';

/** An engine that does not do what it should: never an error of berth, and never a reason to wait. */
export class EngineFault extends Error {
  override readonly name = 'EngineFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The first group of the first pattern that matches the whole name. */
export function idBy(...patterns: readonly RegExp[]): (directory: string) => string | undefined {
  return (directory) => {
    for (const pattern of patterns) {
      const found = pattern.exec(directory);
      if (found !== null) return found[1];
    }
    return undefined;
  };
}
