import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import type { ConnectOptions } from '../../../agent/control/client.js';
import { EventLog, type EventLogOptions } from '../../../agent/control/event-log.js';
import { type ControlOptions, type ControlServer, startControl } from '../../../agent/control/server.js';
import { type Client, connect } from '../told-client.js';
import { type FakeService, fakeService } from './fake-service.js';

export interface Harness {
  readonly directory: string;
  readonly service: FakeService;
  readonly events: EventLog;
  readonly control: ControlServer;
  readonly warnings: string[];
  /** Connects to the local socket; closed at the end of the test. */
  connect(options?: ConnectOptions): Promise<Client>;
}

export interface HarnessOptions extends Partial<Pick<ControlOptions, 'limits' | 'backoff' | 'lookup' | 'now'>> {
  readonly schedulers?: readonly Record<string, unknown>[];
  readonly log?: Partial<EventLogOptions>;
  readonly heartbeat?: string;
  /** More of [control]. */
  readonly control?: Readonly<Record<string, unknown>>;
}

/** Paths of unix sockets are limited to 107 bytes: hence the short names. */
export function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bc-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A control room on a fake service and a temporary directory, stopped at the end of the test. */
export async function startHarness(t: ExecutionContext, options: HarnessOptions = {}): Promise<Harness> {
  const directory = temporaryDirectory(t);
  const service = fakeService();
  const events = new EventLog({ directory, bootId: 'boot-1', ...options.log });
  const warnings: string[] = [];
  const config = configSchema.parse({
    paths: { state: directory, runtime: directory },
    control: {
      ...options.control,
      scheduler: options.schedulers ?? [],
      ...(options.heartbeat === undefined ? {} : { heartbeat: options.heartbeat }),
    },
  });
  const { limits, backoff, lookup, now } = options;
  const control = await startControl({
    service,
    events,
    config,
    log: { info: () => undefined, warn: (_f, m) => void warnings.push(m), error: (_f, m) => void warnings.push(m) },
    node: { name: 'node-1', version: '0.1.0' },
    ...(limits === undefined ? {} : { limits }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(lookup === undefined ? {} : { lookup }),
    ...(now === undefined ? {} : { now }),
  });
  const clients: Client[] = [];
  t.teardown(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await control.stop();
    await events.close();
  });
  return {
    directory,
    service,
    events,
    control,
    warnings,
    connect: async (how) => {
      const client = await connect(control.socketPath, how);
      clients.push(client);
      return client;
    },
  };
}

/** Resolves when `list` (growing by `onEvent`-like means) satisfies the test; for events of one connection. */
export function collect(client: Client): { readonly cursors: number[]; reaches(cursor: number): Promise<void> } {
  const cursors: number[] = [];
  const waiting = new Set<() => void>();
  client.onEvent(({ cursor }) => {
    cursors.push(cursor);
    for (const check of [...waiting]) check();
  });
  return {
    cursors,
    reaches: (cursor) =>
      new Promise((resolve) => {
        const check = () => {
          if ((cursors.at(-1) ?? 0) < cursor) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}
