// The answers of the agent are what protocol/ says of them: who changes the one and not the other is told by the compiler.
import type * as z from 'zod';
import type { Told } from '../../protocol/results/words.js';
import type { RESULTS } from '../../protocol/results.js';
import type { MethodName, Results } from './methods.js';

type Said<M extends MethodName> = Told<z.infer<(typeof RESULTS)[M]>>;

type KeysOf<B> = B extends unknown ? keyof B : never;
type FieldOf<B, K> = B extends unknown ? (K extends keyof B ? NonNullable<B[K]> : never) : never;

/** Fields of A, however deep, that no alternative of B has. */
type Extra<A, B> = unknown extends B
  ? never
  : A extends readonly (infer X)[]
    ? Extra<X, B extends readonly (infer Y)[] ? Y : never>
    : A extends object
      ? string extends KeysOf<B>
        ? never
        : { [K in keyof A]-?: K extends KeysOf<B> ? Extra<NonNullable<A[K]>, FieldOf<B, K>> : K }[keyof A]
      : never;

/** Methods whose answer is not what the protocol says, or has a field that it does not have. */
type Differing = {
  [M in MethodName]: Results[M] extends Said<M> ? ([Extra<Results[M], Said<M>>] extends [never] ? never : M) : M;
}[MethodName];

/** Its type is the list of those that differ: none. */
export const AGREED: [Differing] extends [never] ? true : Differing = true;
