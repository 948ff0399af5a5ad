// What the guest of an image says at its end. Everything in the guest may write to its console: it says something of this guest, which
// chooses the exit code of its program in any case.
import type { VmEnd } from '../driver.js';
import { guestEnd } from '../guest-end.js';
import { CANNOT_START, LAST_WORDS } from './scripts.js';

const CODE = new RegExp(`^${LAST_WORDS} (\\d{1,3})\\s*$`);
const MOST_WORDS = 300;

/** Of the program of the image, from the last output of this run; undefined: the guest went down without a word. */
export function programExit(tail: string): number | undefined {
  const found = tail.split('\n').flatMap((line) => CODE.exec(line)?.[1] ?? []);
  const last = found.at(-1);
  return last === undefined || Number(last) > 255 ? undefined : Number(last);
}

/** `code`: of the VMM, 0 when its guest went down. */
export function imageGuestEnd(tail: string, code: number | null): VmEnd | undefined {
  const refused = tail.split('\n').findLast((line) => line.startsWith(CANNOT_START));
  if (refused !== undefined)
    return {
      by: 'guest',
      detail: `the guest did not start: ${refused.slice(CANNOT_START.length).trim().slice(0, MOST_WORDS)}`,
    };
  const end = guestEnd(tail);
  if (end !== undefined || code !== 0 || programExit(tail) !== undefined) return end;
  return { by: 'guest', detail: 'the guest went down before the program of its image had ended' };
}
