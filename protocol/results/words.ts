// Words and shapes that several answers have in common.
import * as z from 'zod';

export const workloadClass = z.enum(['guaranteed', 'burstable', 'besteffort']);
export const workloadState = z.enum([
  'pending',
  'preparing',
  'starting',
  'running',
  'frozen',
  'stopping',
  'exited',
  'failed',
]);
export const role = z.enum(['operator', 'tenant', 'viewer']);
export const resource = z.enum(['memory', 'cpu', 'io']);

export const id = z.string();
export const tenant = z.string();
/** Of a scope of the ledger: `tenant/acme`. */
export const scope = z.string();
/** Whole and not negative. */
export const count = z.number().int().min(0);
export const bytes = count.describe('bytes');
export const at = z.number().int().describe('Unix milliseconds');
export const milliseconds = z.number().describe('milliseconds');
export const cores = z.number().describe('cores');
/** 0 to 1. */
export const share = z.number().min(0).max(1).describe('share of the time, 0 to 1');
/** Named things of which the protocol says no more. */
export const anything = z.record(z.string(), z.unknown());
export const texts = z.array(z.string());
export const labels = z.record(z.string(), z.string());

/** As it is told: nobody changes an answer. */
export type Told<T> = T extends (infer E)[]
  ? readonly Told<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Told<T[K]> }
    : T;
