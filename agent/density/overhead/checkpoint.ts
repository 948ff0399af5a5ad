// What was learned of VMMs, on disk.
import * as z from 'zod';
import { DRIVER_NAMES } from '../../model/spec.js';
import { CheckpointFile, histogramSchema } from '../checkpoint.js';
import { type LearnedRecord, NOTHING_LEARNED } from './learned.js';

const VERSION = 1;
const schema = z.object({
  version: z.number().int().min(1),
  sizes: z.array(
    z.object({
      ...{ driver: z.enum(DRIVER_NAMES), size: z.string() },
      ...{ samples: z.number(), runs: z.number(), youngest: z.number(), since: z.number() },
      bytes: histogramSchema,
    }),
  ),
});

export class OverheadCheckpoint extends CheckpointFile<LearnedRecord> {
  constructor(stateDirectory: string) {
    super(stateDirectory, 'overhead.json', VERSION, schema, NOTHING_LEARNED);
  }
}
