// Standard input and output of this process, and the terminal they may be, given to a program that runs somewhere else.
import type { ClientStream } from '../control/client-stream.js';
import { exitCodeOf } from '../control/client-stream.js';
import { STREAM_SIGNALS, type StreamSignal } from '../control/stream-protocol.js';
import type { Host, Session } from './command.js';

export interface Attachment {
  /** Of signal names, for exit codes. */
  readonly signals: Readonly<Record<string, number>>;
  /** Standard input is for the program. */
  readonly input: boolean;
  /** The program has a terminal: keys go to it one by one, Ctrl-C among them. */
  readonly terminal: boolean;
  /** Signals to this process end the attachment, instead of going to the program. */
  readonly ownSignals?: boolean;
  /** Typed one after the other they end the attachment, and the program runs on. */
  readonly detachKeys?: Buffer | undefined;
}

/** Until the program ends; its exit code. `undefined`: detached. Throws what ended the connection or kept the program from running. */
export async function attach(
  host: Pick<Host, 'out' | 'err'>,
  session: Session,
  stream: ClientStream,
  { signals, input, terminal, ownSignals = false, detachKeys }: Attachment,
): Promise<number | undefined> {
  let detached = false;
  const told = new Set<string>();
  session.onSignal((name) => {
    // A second one is for this process: the program does not listen.
    if (terminal || ownSignals || told.has(name)) stream.close();
    else if (isForwarded(name)) stream.signal(name);
    told.add(name);
  });
  if (terminal) {
    session.raw();
    session.onResize((size) => stream.resize(size));
  }
  const leave = (): void => {
    detached = true;
    stream.close();
  };
  const feeding = input ? feed(session, stream, { terminal, detachKeys }, leave) : Promise.resolve();
  // It is awaited at the end: until then its failure is nobody's.
  feeding.catch(() => undefined);
  try {
    for await (const { channel, bytes } of stream.output)
      await (channel === 'stderr' ? host.err(bytes) : host.out(bytes));
    const end = await stream.ended;
    return detached ? undefined : exitCodeOf(end, signals);
  } finally {
    session.close();
    await feeding;
  }
}

async function feed(
  session: Session,
  stream: ClientStream,
  { terminal, detachKeys }: Pick<Attachment, 'terminal' | 'detachKeys'>,
  leave: () => void,
): Promise<void> {
  const filter = detachKeys === undefined ? undefined : new DetachKeys(detachKeys);
  for await (const bytes of session.input) {
    const { through, detach } = filter?.take(bytes) ?? { through: bytes, detach: false };
    await stream.write(through);
    if (detach) {
      leave();
      return;
    }
  }
  // A terminal that is gone hangs up; a pipe at its end is only the end of the input.
  if (terminal) stream.close();
  else stream.end();
}

/** Finds a sequence of keys in what is typed, whatever pieces it comes in; what only begins like it goes through a key later. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  take(bytes: Buffer): { readonly through: Buffer; readonly detach: boolean } {
    const through: number[] = [];
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched]) {
        through.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === this.#keys[this.#matched]) this.#matched += 1;
      else through.push(byte);
      if (this.#matched === this.#keys.length) return { through: Buffer.from(through), detach: true };
    }
    return { through: Buffer.from(through), detach: false };
  }
}

function isForwarded(name: string): name is StreamSignal {
  return (STREAM_SIGNALS as readonly string[]).includes(name);
}
