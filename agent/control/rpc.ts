// JSON-RPC 2.0 on text: what both ends share. Requests are told apart from noise here; methods and parameters are
// checked elsewhere.

import { BerthError, ERRORS, type ErrorCode, type ErrorReport } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import { wrongKey } from '../base/json.js';
import { LOST_NAME } from '../base/lost-name.js';
import { boundedReport } from './answer-size.js';

export const PROTOCOL = 'berth.v1';

/** Characters of an id: it comes back with the answer. */
export const MOST_ID = 256;

export type RequestId = string | number;

export interface Request {
  /** Absent: a notification, which is carried out and never answered. */
  readonly id?: RequestId;
  readonly method: string;
  readonly params: unknown;
}

export type Incoming =
  | { readonly kind: 'request'; readonly request: Request }
  /** A reply to nothing. Answering it could set two servers answering each other for ever. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly id: RequestId | null; readonly error: BerthError };

/** Sorts one message a server received. Never throws. */
export function parseRequest(text: string): Incoming {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return { kind: 'refused', id: null, error: new BerthError('parse_error', `not JSON: ${reportOf(error).message}`) };
  }
  const wrong = wrongKey(text);
  if (wrong !== undefined) {
    const why = wrong.key === LOST_NAME ? 'cannot be a name' : 'stands twice in one object';
    return refused(null, `${JSON.stringify(wrong.key.slice(0, 64))} ${why}, at character ${wrong.at + 1}`);
  }
  if (Array.isArray(message)) return refused(null, 'batches are not accepted');
  if (!isObject(message)) return refused(null, 'a request is an object');
  if (message.method === undefined && ('result' in message || 'error' in message)) return { kind: 'ignored' };
  const { id, jsonrpc, method, params = {} } = message;
  if (id !== undefined && !isId(id))
    return refused(null, `id must be a number of at most 15 digits, or a string of at most ${MOST_ID} characters`);
  if (jsonrpc !== '2.0') return refused(id ?? null, 'jsonrpc must be "2.0"');
  if (typeof method !== 'string') return refused(id ?? null, 'method must be a string');
  return { kind: 'request', request: id === undefined ? { method, params } : { id, method, params } };
}

export function resultMessage(id: RequestId, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}

export function errorMessage(id: RequestId | null, report: ErrorReport): string {
  const bounded = boundedReport(report);
  const error = { code: ERRORS[report.code].rpc, message: bounded.message, data: bounded };
  return JSON.stringify({ jsonrpc: '2.0', id, error });
}

export function notificationMessage(method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}

/** The error of a reply as the peer threw it; one of another implementation keeps its message as `internal`. */
export function errorOf(error: unknown): BerthError {
  const { code, message, data } = isObject(error) ? error : { code: undefined, message: undefined, data: undefined };
  const report = isObject(data) ? data : {};
  const known = typeof report.code === 'string' && Object.hasOwn(ERRORS, report.code);
  const text = typeof message === 'string' ? message : 'the peer sent an error without a message';
  return new BerthError(known ? (report.code as ErrorCode) : (codeByRpc(code) ?? 'internal'), text, {
    ...(typeof report.hint === 'string' ? { hint: report.hint } : {}),
    ...(isObject(report.data) ? { data: report.data } : {}),
  });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is RequestId {
  return (typeof value === 'string' && value.length <= MOST_ID) || (typeof value === 'number' && isExact(value));
}

/** Comes back as it came: what has more digits than a number holds would come back as another one. */
function isExact(value: number): boolean {
  return (
    Number.isFinite(value) &&
    Math.abs(value) <= Number.MAX_SAFE_INTEGER &&
    String(value).replace(/\D/g, '').length <= 16
  );
}

function refused(id: RequestId | null, message: string): Incoming {
  return { kind: 'refused', id, error: new BerthError('invalid_request', message) };
}

function codeByRpc(rpc: unknown): ErrorCode | undefined {
  for (const [code, kind] of Object.entries(ERRORS)) if (kind.rpc === rpc) return code as ErrorCode;
  return undefined;
}
