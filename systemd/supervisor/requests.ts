import { defined } from '../../linux/defined.js';
import { LEAST_OUTPUT_LIMIT } from './output-file.js';
import type { SpawnRequest, SupervisorRequest } from './protocol.js';

const MAX_ID_BYTES = 200;

/** Thrown for a line that is not a request; `seq` is the request's number as far as it could be read, else 0. */
export class MalformedRequest extends Error {
  readonly seq: number;

  constructor(seq: number, message: string) {
    super(message);
    this.name = 'MalformedRequest';
    this.seq = seq;
  }
}

/** A request, or only its number when the operation is one this supervisor does not know (a newer agent). */
export type ParsedRequest = SupervisorRequest | { readonly seq: number; readonly op: 'unknown'; readonly name: string };

/** Parses one line. Throws MalformedRequest. Unknown fields are ignored: agents may be newer. */
export function parseRequest(line: string): ParsedRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new MalformedRequest(0, 'not JSON');
  }
  if (!isObject(value)) throw new MalformedRequest(0, 'not an object');
  const { seq, op } = value;
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq)) throw new MalformedRequest(0, 'seq is not an integer');
  if (typeof op !== 'string') throw new MalformedRequest(seq, 'op is not a string');
  if (op === 'hello' || op === 'list') return { seq, op };
  if (op === 'forget') return { seq, op, id: idOf(seq, value.id) };
  if (op !== 'spawn') return { seq, op: 'unknown', name: op };
  const spawn = spawnOf(seq, value.spawn);
  const { token } = value;
  return typeof token === 'string' ? { seq, op, spawn, token } : { seq, op, spawn };
}

function spawnOf(seq: number, value: unknown): SpawnRequest {
  if (!isObject(value)) throw new MalformedRequest(seq, 'spawn is not an object');
  const text = (name: string): string => {
    const field = value[name];
    if (typeof field === 'string' && !field.includes('\0')) return field;
    throw new MalformedRequest(seq, `spawn.${name} is not a string`);
  };
  const path = (name: string): string => {
    const field = text(name);
    if (field.startsWith('/')) return field;
    throw new MalformedRequest(seq, `spawn.${name} is not an absolute path`);
  };
  const optional = (name: 'cwd' | 'netns' | 'pidFile') => (value[name] === undefined ? {} : { [name]: path(name) });
  const { argv, env, memoryMerge, outputLimit } = value;
  if (outputLimit !== undefined && !isOutputLimit(outputLimit)) {
    throw new MalformedRequest(seq, `spawn.outputLimit is not an integer of at least ${LEAST_OUTPUT_LIMIT}`);
  }
  if (memoryMerge !== undefined && typeof memoryMerge !== 'boolean') {
    throw new MalformedRequest(seq, 'spawn.memoryMerge is not a boolean');
  }
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every(isArgument)) {
    throw new MalformedRequest(seq, 'spawn.argv is not a list of strings');
  }
  if (!argv[0]?.startsWith('/')) throw new MalformedRequest(seq, 'spawn.argv[0] is not an absolute path');
  if (!isObject(env) || !Object.values(env).every(isArgument) || !Object.keys(env).every(isVariableName)) {
    throw new MalformedRequest(seq, 'spawn.env is not a map of strings');
  }
  return {
    id: idOf(seq, value.id),
    argv,
    env: env as Record<string, string>,
    cgroup: path('cgroup'),
    output: path('output'),
    ...optional('cwd'),
    ...optional('netns'),
    ...optional('pidFile'),
    ...defined({ memoryMerge, outputLimit }),
  };
}

// The id becomes a file name (percent-encoded, at most 255 bytes with its suffixes).
function idOf(seq: number, value: unknown): string {
  if (typeof value === 'string' && value !== '' && encodedLength(value) <= MAX_ID_BYTES) return value;
  throw new MalformedRequest(seq, `id is not a string of 1 to ${MAX_ID_BYTES} bytes`);
}

function encodedLength(value: string): number {
  try {
    return encodeURIComponent(value).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function isArgument(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

function isOutputLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= LEAST_OUTPUT_LIMIT;
}

function isVariableName(name: string): boolean {
  return name !== '' && !name.includes('=') && !name.includes('\0');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
