// What the console of a guest tells of its end. Kernel and programs of the guest write there what they like: it says
// something of this guest, and of nothing else.

import type { VmEnd } from './driver.js';

interface Line {
  /** Seconds since the guest's boot; undefined without printk.time. */
  readonly seconds: number | undefined;
  readonly text: string;
}

/** A kill for want of memory this long before the end is taken for its reason. */
const RECENT_SECONDS = 30;

const PANIC = /Kernel panic - not syncing: (.*)/;
const KILLED = /Out of memory(?: \([^)]*\))?: Killed process (\d+) \(([^)]*)\)/;
/** kernel/reboot.c. Each of these ends the VMM, with code 0. */
const DOWN = /reboot: (?:Power down|System halted|Restarting system)/;

/**
 * `tail`: the last output of this run. A panic is the end of a guest; so is a kill for want of memory after which it went
 * down by itself. Undefined when there is neither.
 */
export function guestEnd(tail: string): VmEnd | undefined {
  const lines = tail.split(/\r?\n/).map(parseLine);
  const panic = lastMatch(lines, PANIC);
  const killed = lastMatch(lines, KILLED);
  if (panic !== undefined) {
    const before = killed === undefined ? '' : `, after it had killed ${victimOf(killed.match)} for want of memory`;
    return { by: 'guest', detail: `the guest's kernel gave up: ${panic.match[1]?.trim()}${before}` };
  }
  const down = lastMatch(lines, DOWN);
  if (killed === undefined || down === undefined || down.index < killed.index) return undefined;
  const [at, end] = [killed.line.seconds, down.line.seconds];
  if (at !== undefined && end !== undefined && end - at > RECENT_SECONDS) return undefined;
  return {
    by: 'guest',
    detail: `the guest ran out of memory: its kernel killed ${victimOf(killed.match)}, and then it went down`,
  };
}

function victimOf(match: RegExpExecArray): string {
  return `process ${match[1]} (${match[2]})`;
}

function parseLine(text: string): Line {
  const seconds = /^\s*(?:<\d+>)?\[\s*(\d+\.\d+)\]/.exec(text)?.[1];
  return { seconds: seconds === undefined ? undefined : Number(seconds), text };
}

function lastMatch(
  lines: readonly Line[],
  pattern: RegExp,
): { readonly index: number; readonly line: Line; readonly match: RegExpExecArray } | undefined {
  for (const [back, line] of [...lines].reverse().entries()) {
    const match = pattern.exec(line.text);
    if (match !== null) return { index: lines.length - 1 - back, line, match };
  }
  return undefined;
}
