// The answers of the agent are what protocol/ says of them: who changes the one and not the other is told by the compiler.
import type * as z from 'zod';
import type { Told } from '../../protocol/results/words.js';
import type { RESULTS } from '../../protocol/results.js';
import type { MethodName, Results } from './methods.js';

type Said<M extends MethodName> = Told<z.infer<(typeof RESULTS)[M]>>;

/** Methods whose answer is not what the protocol says, or has a field that it does not have. */
type Differing = {
  [M in MethodName]: Results[M] extends Said<M> ? ([keyof Results[M]] extends [keyof Said<M>] ? never : M) : M;
}[MethodName];

/** Its type is the list of those that differ: none. */
export const AGREED: [Differing] extends [never] ? true : Differing = true;
