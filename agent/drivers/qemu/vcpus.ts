// The answer of QMP's query-cpus-fast (qapi/machine.json): one entry a vCPU, with the thread on the host that runs it.
import * as z from 'zod';

const answer = z.array(z.object({ 'cpu-index': z.number().int(), 'thread-id': z.number().int() }));

/** By index. Throws when it is no such answer. */
export function threadsOf(reply: unknown): number[] {
  return answer
    .parse(reply)
    .sort((a, b) => a['cpu-index'] - b['cpu-index'])
    .map((vcpu) => vcpu['thread-id']);
}
