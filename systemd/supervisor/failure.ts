import { messageOf, SysError, sysErrorFrom } from '../../linux/errors.js';

/** An error as it crosses the socket. */
export interface WireError {
  readonly op: string;
  readonly path?: string;
  readonly errno: number;
  readonly note: string;
}

/** A refusal with a reason that errno alone does not give. */
export class SupervisorFailure extends Error {
  readonly wire: WireError;

  constructor(wire: WireError) {
    super(`${wire.op}${wire.path === undefined ? '' : ` ${wire.path}`}: ${wire.note}`);
    this.name = 'SupervisorFailure';
    this.wire = wire;
  }
}

const EIO = 5;

/** Anything thrown, as a WireError; what is no system error becomes EIO with its message as note. */
export function wireErrorOf(error: unknown): WireError {
  if (error instanceof SupervisorFailure) return error.wire;
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : '';
  const syscall =
    error instanceof Error && 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : '';
  const system = sysErrorFrom(error, syscall, path);
  if (system instanceof SysError) {
    const wire = { op: system.op, errno: system.errno, note: '' };
    return system.path === undefined ? wire : { ...wire, path: system.path };
  }
  return { op: 'supervisor', errno: EIO, note: messageOf(error) };
}
