// Times of a calendar.
import { parse } from 'node-cron';
import * as z from 'zod';
import { cronOf } from '../cron.js';

/** Five fields: nobody plans for a second of a minute. It must come at least once within eight years. */
function isCron(text: string): boolean {
  try {
    parse(text);
    return text.trim().split(/\s+/).length === 5 && cronOf(text, 'UTC').next(0) !== undefined;
  } catch {
    return false;
  }
}

export const cronExpression = z
  .string()
  .max(256)
  .refine(isCron, 'must be a cron expression such as "0 22 * * 1-5": five fields that name a time to come');
