// The control room as a whole: the local socket and the schedulers, on one service and one event log.

import type { LookupFunction } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { defined } from '../../linux/defined.js';
import { BerthError } from '../../protocol/errors.js';
import { parseDuration } from '../base/units.js';
import type { Config } from '../config/schema.js';
import { allowByDefault, EpochFence, type Peer, type SchedulerPeer } from './authorise.js';
import type { BackoffOptions } from './backoff.js';
import { Dialer, type DialLog, type SchedulerConfig } from './dial.js';
import type { EventLog } from './event-log.js';
import { LIMITS, type Limits } from './limits.js';
import { admitLocal, gidOf } from './local-access.js';
import { listenLocal } from './local-socket.js';
import { sharedLookup } from './lookup.js';
import { NumberFile } from './number-file.js';
import type { AgentService } from './service.js';
import type { Session, SessionHost } from './session.js';
import { type ControlStats, Counters } from './stats.js';
import { serve, watchPeer } from './transport.js';

/** For a peer to take the goodbye. */
const HANG_UP_MS = 500;

export interface ControlLog extends DialLog {
  error(fields: object, message: string): void;
}

export interface ControlOptions {
  readonly service: AgentService;
  /** Stays the caller's: `stop` does not close it. */
  readonly events: EventLog;
  readonly config: Pick<Config, 'control' | 'paths'>;
  readonly log: ControlLog;
  readonly node: { readonly name: string; readonly version: string };
  /** Why a method is not served at this moment. */
  readonly refusal?: SessionHost['refusal'];
  readonly limits?: Partial<Limits>;
  readonly backoff?: BackoffOptions;
  /** Default: of the system. */
  readonly lookup?: LookupFunction;
  /** Unix ms. */
  readonly now?: () => number;
}

export interface ControlServer {
  readonly socketPath: string;
  stats(): ControlStats;
  /** Takes nothing new, lets requests under way end for `graceMs` (default 5 s), then hangs up. */
  stop(graceMs?: number): Promise<void>;
}

/** The path of the local socket under this configuration. */
export function socketPathOf(config: Pick<Config, 'control' | 'paths'>): string {
  return config.control.socket === '' ? join(config.paths.runtime, 'berth.sock') : config.control.socket;
}

function peerOf({
  id,
  scopes,
  role = scopes.length === 0 ? 'operator' : 'tenant',
  allow,
}: SchedulerConfig): SchedulerPeer {
  return { kind: 'scheduler', id, scopes, role, allow: allow ?? allowByDefault(role) };
}

/** Listens, and dials every scheduler. Throws `socket_in_use`, `config_invalid`, and errors of node:fs. */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const { service, events, config, log, node, now = Date.now } = options;
  const heartbeatMs = parseDuration(config.control.heartbeat);
  if (heartbeatMs === undefined) throw new BerthError('config_invalid', 'control.heartbeat is not a duration');
  const limits = { ...LIMITS, ...options.limits };
  const sessions = new Set<Session>();
  const counters = new Counters();
  const epochs = new NumberFile(join(config.paths.state, 'epochs.json'), {
    fsync: true,
    onDamage: (path, problem) => {
      log.warn({ path, problem }, 'epochs set aside');
      events.append({ type: 'journal.damaged', data: { file: 'epochs.json', problem } });
    },
  });
  const host: SessionHost = {
    service,
    events,
    fence: new EpochFence(epochs),
    counters,
    limits,
    now,
    refusal: options.refusal,
    ...defined({ steady: options.now }),
    onDefect: (error, method) => log.error({ err: error, method }, 'a request failed unexpectedly'),
  };
  const accept = (socket: WebSocket, stream: Duplex, peer: Peer): Session => {
    const session = serve(host, socket, stream, peer);
    sessions.add(session);
    socket.once('close', () => sessions.delete(session));
    return session;
  };
  const socketPath = socketPathOf(config);
  const local = await listenLocal({
    path: socketPath,
    maxPayload: limits.messageBytes,
    connections: limits.connections,
    handshakeMs: limits.handshakeMs,
    gid: await gidOf(config.control.group),
    admit: (credentials) => admitLocal(credentials, config.control.access),
    onConnection: (socket, stream, peer) => watchPeer(socket, accept(socket, stream, peer), heartbeatMs),
  });
  const lookup = options.lookup ?? sharedLookup();
  const dialers = config.control.scheduler.map(
    (scheduler) =>
      new Dialer({
        scheduler,
        node,
        heartbeatMs,
        limits,
        lookup,
        ...defined({ backoff: options.backoff }),
        events,
        serve: (socket, stream) => accept(socket, stream, peerOf(scheduler)),
        log,
        now,
      }),
  );
  return {
    socketPath,
    stats: () => {
      const kinds = [...sessions].map(({ peer }) => peer.kind);
      return {
        ...counters.snapshot(),
        sessions: {
          local: kinds.filter((kind) => kind === 'local').length,
          scheduler: kinds.filter((kind) => kind === 'scheduler').length,
        },
        schedulers: dialers.map((dialer) => dialer.status()),
        events: events.figures,
      };
    },
    stop: async (graceMs = 5000) => {
      const signal = AbortSignal.timeout(graceMs);
      const closed = local.close(AbortSignal.timeout(graceMs + HANG_UP_MS));
      await Promise.all([
        ...dialers.map((dialer) => dialer.stop(signal)),
        ...[...sessions].map((session) => session.drain(signal)),
      ]);
      await closed;
      await epochs.settled();
    },
  };
}
