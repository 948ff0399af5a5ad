// What was learned of use, on disk.
import * as z from 'zod';
import { CheckpointFile, histogramSchema } from '../checkpoint.js';
import type { PredictorRecord } from './predictor.js';

const VERSION = 1;
const schema = z.object({
  version: z.number().int().min(1),
  shapes: z.array(
    z.object({
      ...{ shape: z.string(), samples: z.number(), since: z.number() },
      ...{ cpu: histogramSchema, memory: histogramSchema },
    }),
  ),
});

export class Checkpoint extends CheckpointFile<PredictorRecord> {
  constructor(stateDirectory: string) {
    super(stateDirectory, 'prediction.json', VERSION, schema, { shapes: [] });
  }
}
