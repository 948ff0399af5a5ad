// What a stream is to both ends of a session, and how much of it may be on its way.
import type { Readable, Writable } from 'node:stream';
import type { WindowSize } from '../../linux/pty.js';
import type { StreamEnd } from '../model/execution.js';

/** Bytes in each direction that the other side has not taken yet. All of a session's windows fit its buffer (limits.ts). */
export const STREAM_WINDOW = 128 << 10;
/** Bytes of one message. */
export const MOST_CHUNK = 32 << 10;

export type Channel = 'stdout' | 'stderr';

/** Those that a person sends to a program. */
export const STREAM_SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGSTOP',
  'SIGCONT',
  'SIGWINCH',
] as const;
export type StreamSignal = (typeof STREAM_SIGNALS)[number];

/** What the agent sends of an open stream: JSON-RPC notifications, params as here. */
export interface StreamNotifications {
  /** Bytes in base64, at most those that the peer has given credit for. */
  'stream.output': { stream: number; channel: Channel; data: string };
  /** The agent takes so many bytes of input more. */
  'stream.credit': { stream: number; bytes: number };
  /** The last one of a stream. */
  'stream.end': { stream: number } & StreamEnd;
}

/** Where a stream comes from and goes to: a program, a console. */
export interface StreamSource {
  readonly outputs: { readonly [C in Channel]?: Readable };
  /** Undefined: what is sent is dropped. */
  readonly input: Writable | undefined;
  /** Never rejects. What is left in `outputs` is read after it. */
  readonly ended: Promise<StreamEnd>;
  resize?(size: WindowSize): void;
  signal?(name: StreamSignal): void;
  /** Nobody listens any more. May be called again. */
  hangUp(): void;
}
