// What a command is, what it gets, what it gives back. The command table is plain data, so that parser, help, man page
// and completions can be made from it without loading what the commands need to run.
import type { ConfigFlag } from '../config/sources.js';
import type { ClientStream } from '../control/client-stream.js';
import type { MethodName, Params, Results, StreamMethod } from '../control/methods.js';
import type { Condition } from '../model/condition.js';
import type { BerthEvent } from '../model/event.js';
import type { Style } from './style.js';

export interface OptionDef {
  readonly name: string;
  readonly short?: string;
  /** Word for the value in help, e.g. `FILE`; a switch has none. */
  readonly value?: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly needed?: boolean;
  readonly fallback?: string;
}

export interface ArgumentDef {
  /** Shown in help. Shells complete `ID` with the ids of workloads. */
  readonly name: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly optional?: boolean;
  readonly many?: boolean;
}

export interface Command {
  /** Words after `berth`. */
  readonly path: readonly string[];
  readonly group: 'Workloads' | 'Images' | 'Tenants and licences' | 'Node' | 'Agent and tools';
  /** One line without a full stop. */
  readonly summary: string;
  /** Paragraphs for `berth help COMMAND` and the man page. */
  readonly details: readonly string[];
  readonly args: readonly ArgumentDef[];
  readonly options: readonly OptionDef[];
  /** What stands behind the first argument, or --, is not parsed: options there are of another program. */
  readonly optionsFirst?: boolean;
  /** Takes `--section.key VALUE`. */
  readonly configFlags?: boolean;
  /** Handles SIGINT and SIGTERM itself. */
  readonly ownSignals?: boolean;
  readonly examples: readonly string[];
  load(): Promise<{ run(context: Context): Promise<Answer> }>;
}

/** What a command has to say. `document` is printed with --json, `text` without; both may be empty when the command
 *  has written as it went. */
export interface Answer {
  readonly document: object | undefined;
  readonly text: string;
  /** Exit code, 0 when absent. */
  readonly exit?: number;
}

/** The part of the control client that commands use. */
export interface Client {
  call<M extends MethodName>(method: M, params: Params<M>): Promise<Results[M]>;
  /** Events after `since`, or new ones only. Throws when the connection or the signal ends it. */
  events(since?: number, options?: { readonly signal?: AbortSignal }): AsyncIterable<BerthEvent>;
  /** Calls a method that opens a stream. */
  open<M extends StreamMethod>(method: M, params: Params<M>): Promise<ClientStream>;
  close(): Promise<void> | void;
}

/** Standard input for a program that runs somewhere else. */
export interface Session {
  /** Standard input is one. */
  readonly isTerminal: boolean;
  /** Of the terminal of standard output; 80 by 24 where there is none. */
  size(): { readonly columns: number; readonly rows: number };
  /** Ends with standard input, and with `close`. */
  readonly input: AsyncIterable<Buffer>;
  /** Keys come one by one, and the terminal acts on none of them. */
  raw(): void;
  onResize(listener: (size: { readonly columns: number; readonly rows: number }) => void): void;
  /** Signals that would end this process. */
  onSignal(listener: (name: string) => void): void;
  /** Everything as it was. May be called again. */
  close(): void;
}

/** tar(1), under way. */
export interface Tar {
  /** What it writes. */
  readonly output: AsyncIterable<Buffer>;
  /** Resolves when it takes more, or has ended. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more comes. */
  end(): void;
  /** The exit code; 128 where a signal has ended it. Rejects where there is no tar. */
  readonly ended: Promise<number>;
  stop(): void;
}

/** A terminal that is the command's alone: it draws whole screens and gets keys one by one. */
export interface Terminal {
  size(): { readonly columns: number; readonly rows: number };
  /** From now on, instead of who listened before. A key is one character, or the sequence that a terminal sends for it. */
  listen(onKey: (key: string) => void, onResize: () => void): void;
  /** From the first row on; what is below is cleared. */
  draw(lines: readonly string[]): Promise<void>;
  /** Everything as it was. May be called again. */
  close(): void;
}

/** Where the daemon finds its configuration, now and at each reload. */
export interface AgentSources {
  readonly file: string | undefined;
  readonly flags: readonly ConfigFlag[];
}

/** The world around a command: the process, or a test. */
export interface Host {
  readonly env: NodeJS.ProcessEnv;
  readonly outIsTerminal: boolean;
  /** Of the terminal of standard output; undefined: there is none, or it does not say. */
  readonly outColumns: number | undefined;
  readonly errIsTerminal: boolean;
  /** Milliseconds, Unix. */
  now(): number;
  out(text: string | Uint8Array): Promise<void>;
  err(text: string | Uint8Array): Promise<void>;
  /** Standard input, of any length. */
  stdin(): AsyncIterable<Buffer>;
  /** Undefined: standard input or output is no terminal. */
  openTerminal(): Promise<Terminal | undefined>;
  openSession(): Promise<Session>;
  /** Has a person edit a file with $VISUAL, $EDITOR or vi; the exit code of the editor. */
  edit(path: string): Promise<number>;
  /** Runs tar with these arguments; standard error is that of this process. */
  tar(args: readonly string[]): Promise<Tar>;
  /** Aborted by SIGINT and SIGTERM, which are caught from this call on. */
  interruption(): AbortSignal;
  /** Throws `cannot_connect`. */
  connect(address: string, options: { readonly signal: AbortSignal }): Promise<Client>;
  /** Exit code of the daemon. Throws config_invalid. */
  runAgent(sources: AgentSources): Promise<number>;
  /** Checks of this host that need no agent. */
  checkHost(): Promise<readonly Condition[]>;
}

export interface Context {
  readonly host: Host;
  readonly commands: readonly Command[];
  readonly args: readonly string[];
  readonly configFlags: readonly ConfigFlag[];
  readonly json: boolean;
  /** For standard output, and for standard error. */
  readonly style: Style;
  readonly errStyle: Style;
  /** Of the agent, as given or by default. */
  readonly address: string;
  readonly signal: AbortSignal;
  /** Value of an option, or undefined when it was not given and has no fallback. */
  option(name: string): string | undefined;
  /** All values of an option that may be repeated. */
  values(name: string): readonly string[];
  flag(name: string): boolean;
  /** Connects on first use; closed when the command ends. */
  client(): Promise<Client>;
}
