// Modes of a terminal (termios(3)). Node's raw mode leaves output processing on: what a program far away writes as a line feed
// alone would become carriage return and line feed here.
import { check, func } from './libc.js';

const getattr = func('int tcgetattr(int fd, void *attributes)');
const setattr = func('int tcsetattr(int fd, int actions, const void *attributes)');
const makeraw = func('void cfmakeraw(void *attributes)');

/** struct termios is 60 bytes with glibc on Linux. */
const TERMIOS_SIZE = 128;
const TCSADRAIN = 1;

/** Every byte passes through, in both directions. Gives back what puts the modes back. Throws SysError: ENOTTY, EIO. */
export function makeRaw(fd: number): () => void {
  const before = Buffer.alloc(TERMIOS_SIZE);
  check(getattr(fd, before), 'tcgetattr', { value: `fd ${fd}` });
  const raw = Buffer.from(before);
  makeraw(raw);
  check(setattr(fd, TCSADRAIN, raw), 'tcsetattr', { value: `fd ${fd}` });
  // A terminal that is gone has no modes.
  return () => void setattr(fd, TCSADRAIN, before);
}
