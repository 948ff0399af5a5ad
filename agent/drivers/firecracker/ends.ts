// Why a microVM ended: what its guest says on the console, then what Firecracker's exit code means (FcExitCode of its vmm crate).
import type { VmEnd } from '../driver.js';
import { guestEnd } from '../guest-end.js';

/** 0 is a guest that went down. */
const CODES: Readonly<Record<number, string>> = {
  1: 'Firecracker failed',
  2: 'Firecracker met an error that it takes for impossible',
  148: 'Firecracker made a system call that its seccomp filter forbids',
  149: 'Firecracker got SIGBUS: guest memory or a drive has no page behind it, as when a file is cut or huge pages ran out',
  150: 'Firecracker got SIGSEGV',
  151: 'Firecracker wrote beyond the largest file that the jail allows (SIGXFSZ)',
  152: 'Firecracker refused the configuration of the microVM',
  153: 'Firecracker refused its command line',
  154: 'Firecracker got SIGXCPU: it used more processor time than its limit',
  155: 'Firecracker got SIGPIPE',
  156: 'Firecracker got SIGHUP',
  157: 'Firecracker got SIGILL',
};

/** What Firecracker and the jailer print before they exit. */
const SAID = /^(?:Error: |.*\berror: |.*\bpanicked at )(.*)$/;
const MOST_WORDS = 300;

export function explainEnd(tail: string, code: number | null): VmEnd | undefined {
  const guest = guestEnd(tail);
  if (guest !== undefined) return guest;
  const meaning = code === null ? undefined : CODES[code];
  if (meaning === undefined) return undefined;
  const line = tail.split(/\r?\n/).findLast((text) => SAID.test(text));
  const said = line === undefined ? '' : `: ${(SAID.exec(line)?.[1] ?? '').trim().slice(0, MOST_WORDS)}`;
  return { by: 'vmm', detail: `${meaning}${said}` };
}
