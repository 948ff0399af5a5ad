// The process that unpacks one layer: its job as JSON in argv[2], what it made or why not as JSON, the last line on stdout.
import { writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { codeOf, messageOf } from '../../linux/errors.js';
import { LayerProblem } from './layer-problem.js';
import { type UnpackJob, unpackLayer } from './unpack.js';
import type { UnpackAnswer } from './unpacker.js';

const LOWER_PRIORITY = 10;
const OOM_SCORE = '500';

async function answer(): Promise<UnpackAnswer> {
  try {
    // One that is lower already could not be raised, without the capability for it.
    setPriority(Math.max(getPriority(), LOWER_PRIORITY));
    // The agent's own is next to never: what a layer takes is not to be paid for by workloads.
    writeFileSync('/proc/self/oom_score_adj', OOM_SCORE);
    process.umask(0o077);
    return { unpacked: await unpackLayer(JSON.parse(process.argv[2] ?? '') as UnpackJob) };
  } catch (error) {
    if (error instanceof LayerProblem) return { problem: error.message };
    return { failed: messageOf(error), code: codeOf(error) ?? null };
  }
}

void answer().then((found) => process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0)));
