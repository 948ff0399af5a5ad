// Labels: words of a person's own, on workloads and on the node, which schedulers select by and every answer carries.
import * as z from 'zod';

export const MOST_LABELS = 128;

export const labelName = z.string().regex(/^[a-zA-Z0-9_./-]{1,63}$/, 'must be 1-63 of [a-zA-Z0-9_./-]');
export const labelValue = z.string().max(256);
