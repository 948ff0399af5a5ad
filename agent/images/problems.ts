// The errors of this room.
import { BerthError } from '../base/errors.js';

/** What an image holds breaks a rule; the image is not used and nothing of it is kept. */
export function invalidImage(name: string, problem: string): BerthError {
  return new BerthError('image_invalid', `the image ${name} cannot be used: ${problem}`, { data: { image: name } });
}

export function pullFailed(name: string, problem: string, cause?: unknown): BerthError {
  return new BerthError('image_pull_failed', `the image ${name} was not pulled: ${problem}`, {
    data: { image: name },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function noImage(name: string): BerthError {
  return new BerthError('image_unknown', `this node has no image ${name}`, { data: { image: name } });
}
