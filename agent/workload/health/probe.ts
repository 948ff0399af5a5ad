// One look at a workload from the host: a connection, or the first line of an answer. Bounded in time and bytes as a whole,
// whatever the other end does.
import { connect } from 'node:net';
import { after } from '../../../linux/timers.js';
import { millisecondsOf } from '../../base/values/amounts.js';
import type { HealthSpec } from '../../model/health-spec.js';

/** A status line is `HTTP/1.1 200 OK`; who has not ended it by then speaks another protocol. */
const MOST_BYTES = 1024;

/** Undefined: well. Else why not, in a few words without anything that the workload has said. */
export type ProbeResult = string | undefined;

/** Never rejects. */
export type Probe = (host: string, health: HealthSpec, signal: AbortSignal) => Promise<ProbeResult>;

/**
 * Runs the command of a spec inside the workload. Null: it could not be asked, which says nothing of the workload. Never rejects.
 */
export type InsideProbe = (id: string, health: HealthSpec, signal: AbortSignal) => Promise<ProbeResult | null>;

export const probe: Probe = (host, health, signal) => {
  const { tcp, http, timeout } = health;
  const port = tcp ?? http?.port ?? 0;
  const ms = millisecondsOf(timeout);
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let said = '';
    const done = (result: ProbeResult): void => {
      timer.cancel();
      signal.removeEventListener('abort', stop);
      socket.destroy();
      resolve(result);
    };
    const stop = (): void => done('called off');
    const timer = after(ms, () => done(`no answer of port ${port} within ${timeout}`)).unref();
    signal.addEventListener('abort', stop, { once: true });
    socket.on('error', (error: NodeJS.ErrnoException) => done(`port ${port}: ${error.code ?? error.message}`));
    socket.once('connect', () => {
      if (http === undefined) done(undefined);
      else socket.write(request(host, http));
    });
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      if (said.includes('\n')) done(judge(said, http));
      else if (said.length > MOST_BYTES) done(`port ${port} does not answer with HTTP`);
    });
    socket.once('end', () => done(`port ${port} closed the connection without an answer`));
    if (signal.aborted) stop();
  });
};

type Http = NonNullable<HealthSpec['http']>;

function request(host: string, { port, path }: Http): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUser-Agent: berth\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

function judge(said: string, http: Http | undefined): ProbeResult {
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r?\n)/.exec(said)?.[1]);
  if (Number.isNaN(status)) return `port ${http?.port} does not answer with HTTP`;
  const isWell = http?.status === undefined ? status >= 200 && status < 400 : status === http.status;
  return isWell ? undefined : `port ${http?.port} answered ${status}`;
}
