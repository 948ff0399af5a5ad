// When a virtual machine that does nothing is put to disk.
import * as z from 'zod';
import { duration } from '../base/values/amounts.js';

export const idle = z
  .strictObject({
    suspendAfter: duration({ least: '1s', most: '365d' }).max(32).meta({
      description: 'so long its guest has used next to nothing; `berth workload start` then resumes it where it stood',
    }),
  })
  .optional()
  .meta({
    description:
      'suspends a microVM that does nothing: less than 5 % of one core and fewer than one packet a second, in both directions',
  });
