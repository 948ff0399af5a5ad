import { defined } from '../../linux/defined.js';
import type { Next } from '../base/pages.js';
import type { MethodName, Params, Results } from '../control/methods.js';
import type { Client } from './command.js';

/** Methods that answer in pages. */
export type PagedMethod = {
  [M in MethodName]: string extends keyof Params<M> ? never : 'limit' | 'cursor' extends keyof Params<M> ? M : never;
}[MethodName];

/** Every page of an answer, one after the other. */
export async function* pages<M extends PagedMethod>(
  client: Pick<Client, 'call'>,
  method: M,
  params: Params<M>,
  limit: number,
): AsyncGenerator<Results[M], void, void> {
  let cursor: unknown;
  do {
    const page = { ...params, limit, ...defined({ cursor }) };
    const answer: Results[M] = await client.call(method, page as Params<M>);
    yield answer;
    cursor = (answer as Next<unknown>).next;
  } while (cursor !== undefined);
}
