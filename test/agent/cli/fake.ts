// A process and an agent that exist only in memory.

import { runCli } from '../../../agent/cli/cli.js';
import type { Client, Host, Session } from '../../../agent/cli/command.js';
import { COMMANDS } from '../../../agent/cli/table/all.js';
import { startTar } from '../../../agent/cli/tar.js';
import type { ClientStream } from '../../../agent/control/client-stream.js';
import type { MethodName, Params, Results } from '../../../agent/control/methods.js';
import type { BerthEvent } from '../../../agent/model/event.js';
import { NO_NETWORK, type WorkloadView } from '../../../agent/model/record.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';

export const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

/** A running workload; `over` replaces whole fields. */
export function view(id: string, over: Partial<WorkloadView> = {}): WorkloadView {
  const spec = parseSpec({
    id,
    tenant: 'acme',
    driver: 'exec',
    resources: { cpu: { request: 0.5, limit: 2 }, memory: { request: '128Mi', limit: '256Mi' } },
    exec: { command: ['/bin/sleep', 'a b'] },
  });
  return {
    id,
    spec,
    desired: 'running',
    state: 'running',
    since: NOW - 93_000,
    createdAt: NOW - 100_000,
    generation: 1,
    sandbox: {
      ...NO_NETWORK,
      cgroup: `acme/${id}`,
      netns: `berth-${id}`,
      hostLink: 'bt17',
      address: '10.133.0.5',
      cgroupPath: `/sys/fs/cgroup/berth/acme/${id}`,
      netnsPath: `/run/netns/berth-${id}`,
      kernelIp: null,
    },
    process: { pid: 4711, startTime: 99, startedAt: NOW - 93_000 },
    killed: null,
    restarts: 0,
    restart: { attempts: 0, nextAt: null, gaveUp: false },
    restartRequested: false,
    end: null,
    error: null,
    ...over,
  };
}

export type Answers = { readonly [M in MethodName]?: (params: Params<M>) => Results[M] | Promise<Results[M]> };

export interface FakeAgent {
  readonly client: Client;
  readonly calls: { readonly method: MethodName; readonly params: unknown }[];
  emit(event: Partial<BerthEvent> & { readonly type: string }): void;
  closed: number;
  /** What a method that opens one answers with. */
  stream?: ClientStream;
  /** Called when someone listens for events. */
  onListen?: () => void;
}

export function fakeAgent(answers: Answers, kept: readonly BerthEvent[] = []): FakeAgent {
  const listeners = new Set<(event: BerthEvent) => void>();
  let cursor = kept.at(-1)?.cursor ?? 0;
  const agent: FakeAgent = {
    calls: [],
    closed: 0,
    emit: (event) => {
      cursor++;
      for (const listener of listeners) listener({ cursor, at: NOW, data: {}, ...event });
    },
    client: {
      call: async <M extends MethodName>(method: M, params: Params<M>): Promise<Results[M]> => {
        agent.calls.push({ method, params });
        const answer = answers[method] as ((p: Params<M>) => Results[M]) | undefined;
        if (answer === undefined) throw new BerthError('unknown_method', `the fake has no ${method}`);
        return answer(params);
      },
      events: async function* (since, options) {
        const queue = kept.filter((event) => since !== undefined && event.cursor > since);
        let wake: () => void = () => {};
        const listener = (event: BerthEvent) => {
          queue.push(event);
          wake();
        };
        listeners.add(listener);
        agent.onListen?.();
        options?.signal?.addEventListener('abort', () => wake());
        try {
          for (;;) {
            options?.signal?.throwIfAborted();
            const event = queue.shift();
            if (event !== undefined) yield event;
            else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          listeners.delete(listener);
        }
      },
      open: async (method, params) => {
        agent.calls.push({ method, params });
        if (agent.stream === undefined) throw new BerthError('unknown_method', `the fake has no ${method}`);
        return agent.stream;
      },
      close: () => {
        agent.closed++;
      },
    },
  };
  return agent;
}

export interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions extends Partial<Host> {
  readonly agent?: FakeAgent;
  readonly input?: string;
}

/** Runs one command line. Without an agent the connection is refused. */
export async function berth(line: string | readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { agent, input, ...over } = options;
  const written: Buffer[] = [];
  let err = '';
  const host: Host = {
    env: {},
    outIsTerminal: false,
    outColumns: undefined,
    errIsTerminal: false,
    now: () => NOW,
    out: async (text) => {
      written.push(Buffer.from(text));
    },
    err: async (text) => {
      err += text.toString();
    },
    stdin: async function* () {
      yield Buffer.from(input ?? '');
    },
    edit: async () => 0,
    tar: async (args) => startTar(args),
    openTerminal: async () => undefined,
    openSession: async () => fakeSession(input),
    interruption: () => new AbortController().signal,
    connect: async (address) => {
      if (agent === undefined) throw new BerthError('cannot_connect', `cannot connect to ${address}: ECONNREFUSED`);
      return agent.client;
    },
    runAgent: async () => 0,
    checkHost: async () => [],
    ...over,
  };
  const argv = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line;
  const exit = await runCli(host, argv, COMMANDS);
  return { exit, out: Buffer.concat(written).toString('utf8'), err };
}

/** Standard input that is a pipe, or as `over` says. */
export function fakeSession(input = '', over: Partial<Session> = {}): Session {
  return {
    isTerminal: false,
    size: () => ({ columns: 91, rows: 33 }),
    input: (async function* () {
      yield Buffer.from(input);
    })(),
    raw: () => undefined,
    onResize: () => undefined,
    onSignal: () => undefined,
    close: () => undefined,
    ...over,
  };
}

/** An agent where a workload goes through these views, one step for each event. */
export function moving(steps: readonly (WorkloadView | undefined)[], more: Answers = {}) {
  let at = 0;
  const agent = fakeAgent({
    'workload.create': () => steps[0] ?? view('web-1'),
    'workload.get': ({ id }) => {
      const now = steps[at];
      if (at < steps.length - 1)
        setTimeout(() => {
          at++;
          agent.emit({ type: 'workload.state', workload: id });
        }, 5);
      if (now === undefined) throw new BerthError('not_found', `there is no workload ${id}`);
      return now;
    },
    ...more,
  });
  return agent;
}
