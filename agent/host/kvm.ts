// Whether KVM can run a real guest. /dev/kvm that opens, and even a guest that halts, do not prove it: under a
// paravirtual nested KVM (kvm_pvm) both work, and an ordinary Linux spins for ever.
import { existsSync, statSync } from 'node:fs';
import { arch } from 'node:os';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../../linux/errors.js';
import { apiVersion, type CpuidLeaf, supportedCpuid, withKvm } from '../../linux/kvm.js';
import { runProgram } from '../../linux/run-program.js';

export interface KvmFacts {
  readonly usable: boolean;
  /** A sentence, also when usable. */
  readonly reason: string;
  /** Under which a guest ran: inode, number and last change, which are others once a module of KVM has been loaded anew. */
  readonly device?: string;
}

export interface KvmProbeOptions {
  /** Of an earlier probe on this boot: a device that a guest has run under is not tried again. */
  readonly known?: KvmFacts;
  /** For the guest in its child process. Default 5000 milliseconds. */
  readonly timeoutMs?: number;
  readonly device?: string;
}

interface Feature {
  readonly name: string;
  readonly leaf: number;
  readonly register: 'ecx' | 'edx';
  readonly bit: number;
}

/** What every x86-64 processor with VMX or SVM has; a KVM that hides one of these does not run on such hardware. */
const BASELINE: readonly Feature[] = [
  { name: 'fpu', leaf: 1, register: 'edx', bit: 0 },
  { name: 'tsc', leaf: 1, register: 'edx', bit: 4 },
  { name: 'msr', leaf: 1, register: 'edx', bit: 5 },
  { name: 'pae', leaf: 1, register: 'edx', bit: 6 },
  { name: 'cx8', leaf: 1, register: 'edx', bit: 8 },
  { name: 'sse2', leaf: 1, register: 'edx', bit: 26 },
  { name: 'sse3 (pni)', leaf: 1, register: 'ecx', bit: 0 },
  { name: 'cx16', leaf: 1, register: 'ecx', bit: 13 },
  { name: 'syscall', leaf: 0x80000001, register: 'edx', bit: 11 },
  { name: 'nx', leaf: 0x80000001, register: 'edx', bit: 20 },
  { name: 'lm (64 bit)', leaf: 0x80000001, register: 'edx', bit: 29 },
];

/** Pure. The names of the baseline features that KVM would not give to a guest. */
export function missingFeatures(leaves: readonly CpuidLeaf[]): string[] {
  return BASELINE.filter(({ leaf, register, bit }) => {
    const found = leaves.find((each) => each.leaf === leaf);
    return found === undefined || ((found[register] >>> bit) & 1) === 0;
  }).map(({ name }) => name);
}

/** Never throws. Takes about 60 ms, or `timeoutMs` when the guest hangs. */
export async function probeKvm(options: KvmProbeOptions = {}): Promise<KvmFacts> {
  const { known, timeoutMs = 5000, device = '/dev/kvm' } = options;
  const stat = statSync(device, { throwIfNoEntry: false });
  if (stat === undefined) return { usable: false, reason: `${device} does not exist` };
  const identity = [stat.dev, stat.ino, stat.rdev, stat.mode, stat.ctimeMs].join();
  if (known?.usable === true && known.device === identity) return known;
  try {
    const reason = withKvm((fd) => unfit(fd), device);
    if (reason !== undefined) return { usable: false, reason };
  } catch (error) {
    return { usable: false, reason: `${device}: ${codeOf(error) ?? String(error)}` };
  }
  if (arch() !== 'x64') return { usable: true, reason: 'KVM answers' };
  const facts = await tryGuest(timeoutMs);
  return facts.usable ? { ...facts, device: identity } : facts;
}

function unfit(fd: number): string | undefined {
  if (apiVersion(fd) !== 12) return 'KVM speaks an unknown API version';
  if (arch() !== 'x64') return undefined;
  const missing = missingFeatures(supportedCpuid(fd));
  if (missing.length === 0) return undefined;
  const nested = existsSync('/sys/module/kvm_pvm') ? ' (kvm_pvm: runs only kernels built for it)' : '';
  return `KVM offers guests no ${missing.join(', ')}, which every x86-64 host has${nested}`;
}

async function tryGuest(timeoutMs: number): Promise<KvmFacts> {
  const child = fileURLToPath(new URL('./kvm-guest.js', import.meta.url));
  try {
    const { code, stdout, stderr } = await runProgram(process.execPath, [child], { deadlineMs: timeoutMs });
    if (code === 0 && stdout === 'out') return { usable: true, reason: 'a 64-bit test guest ran' };
    return { usable: false, reason: `a 64-bit test guest failed: ${stdout || lastLine(stderr)}` };
  } catch (error) {
    const hung = codeOf(error) === 'ETIMEDOUT';
    return {
      usable: false,
      reason: hung ? `a 64-bit test guest hung for ${timeoutMs} ms` : `a 64-bit test guest failed: ${String(error)}`,
    };
  }
}

function lastLine(text: string): string {
  return text.split('\n').findLast((line) => line.includes('Error')) ?? 'no output';
}
