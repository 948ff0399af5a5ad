// One request to the API of a running VMM: HTTP over a unix socket. The other end is a guest's process: it may hang, or say
// anything, and it owns the directory that the socket lies in.
import { constants, type FileHandle, open } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { constants as system } from 'node:os';
import { codeOf, SysError, sysErrorFrom } from '../../../linux/errors.js';
import { abortWith } from '../../../linux/signals.js';
import { timeLimit } from '../../../linux/timers.js';

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface ApiOptions {
  /** For all of the conversation. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A hundred times what Firecracker says of the largest guest. */
const MOST_BYTES = 1 << 20;
const MOST_WORDS = 300;
/** open(2); Node does not name it. */
const O_PATH = 0o10000000;
const { ECONNRESET, EINVAL, EMSGSIZE, EPROTO, ETIMEDOUT, ENOTSOCK } = system.errno;

/**
 * What it answers; undefined when that is nothing. Rejects with SysError: EINVAL with what Firecracker finds wrong, ETIMEDOUT,
 * EPROTO and EMSGSIZE when it says nonsense or too much, ECONNRESET when it hangs up, ENOENT and ECONNREFUSED when nobody listens, ENOTSOCK when a link or
 * another file stands there; and with the reason of the signal.
 */
export async function callApi(
  socket: string,
  { method, path, body }: ApiRequest,
  options: ApiOptions,
): Promise<unknown> {
  const { deadlineMs, signal } = options;
  signal?.throwIfAborted();
  const fail = (errno: number, note: string): SysError => new SysError('api', errno, { path: socket, note });
  const file = await openSocket(socket);
  const limit = timeLimit(deadlineMs);
  const stop = new AbortController();
  const letGo = abortWith(stop, limit.signal, signal);
  try {
    const text = await exchange(`/proc/self/fd/${file.fd}`, {
      ...{ method, path, body: body === undefined ? '' : JSON.stringify(body) },
      signal: stop.signal,
    });
    if (text.status >= 400) throw fail(EINVAL, faultOf(text.body).slice(0, MOST_WORDS));
    return text.body === '' ? undefined : JSON.parse(text.body);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SysError) throw error;
    if (limit.signal.aborted) throw fail(ETIMEDOUT, `no answer to ${method} ${path} within ${deadlineMs} ms`);
    if (error instanceof RangeError) throw fail(EMSGSIZE, error.message);
    if (error instanceof SyntaxError || codeOf(error)?.startsWith('HPE_'))
      throw fail(EPROTO, 'it is not HTTP with JSON');
    // Of a connection that ended Node makes an error without a number.
    if (codeOf(error) === 'ECONNRESET') throw fail(ECONNRESET, 'the connection ended');
    throw sysErrorFrom(error, 'api', socket);
  } finally {
    letGo();
    limit.done();
    await file.close();
  }
}

/** The socket itself: by its descriptor its path may be as long as it is, and no link leads to a socket of the host. */
async function openSocket(path: string): Promise<FileHandle> {
  const file = await open(path, O_PATH | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw sysErrorFrom(error, 'api', path);
  });
  if ((await file.stat()).isSocket()) return file;
  await file.close();
  throw new SysError('api', ENOTSOCK, { path, note: 'not a socket' });
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly signal: AbortSignal;
}

function exchange(socket: string, { method, path, body, signal }: Exchange): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ accept: 'application/json', connection: 'close' },
      ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    };
    const call = request({ method, path, headers, signal, createConnection: () => connect(socket) });
    call.once('error', reject);
    call.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.once('error', reject);
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length <= MOST_BYTES) return;
        reject(new RangeError(`it has said more than ${MOST_BYTES} bytes`));
        call.destroy();
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    call.end(body);
  });
}

function faultOf(body: string): string {
  try {
    const fault: unknown = JSON.parse(body);
    if (typeof fault === 'object' && fault !== null && 'fault_message' in fault) return String(fault.fault_message);
  } catch {
    // As it stands.
  }
  return body;
}
