// Merging of equal pages on this host: whether it can be given to a workload that asks for it (resources.memory.ksm), and
// the kernel thread that does it.
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { readOptional } from '../../linux/proc.js';
import { BerthError } from '../../protocol/errors.js';
import type { Log } from '../base/log.js';
import { machineOf, type Sections } from '../model/driver-kinds.js';
import type { WorkloadSpec } from '../model/spec.js';

export interface KsmState {
  /** /sys/kernel/mm/ksm/run, ksm.rst: 0 stopped, 1 running, 2 stopped and everything separated. Null: no KSM in this kernel. */
  readonly run: 0 | 1 | 2 | null;
  /** Whether a process passes its switch on to a program it executes, so that ksmd looks at it. */
  readonly inherited: boolean;
}

const RUN = 'kernel/mm/ksm/run';
/** 3a9e567ca45f, "mm/ksm: fix ksm exec support for prctl": before, the switch was inherited, and ksmd not told. */
const INHERITED_SINCE = [6, 9] as const;

export function readKsm(sys = '/sys', kernel = release()): KsmState {
  const text = readOptional(join(sys, RUN));
  const run = text === '0' ? 0 : text === '1' ? 1 : text === '2' ? 2 : null;
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [since, sinceMinor] = INHERITED_SINCE;
  return { run, inherited: major > since || (major === since && minor >= sinceMinor) };
}

/** Throws `ksm_unavailable` when a spec asks for merging and would not get it. */
export function requireKsm(spec: Sections & Pick<WorkloadSpec, 'resources'>, { run, inherited }: KsmState): void {
  if (spec.resources.memory?.ksm !== true) return;
  const refuse = (why: string, hint: string): never => {
    throw new BerthError('ksm_unavailable', `resources.memory.ksm: ${why}`, { hint, data: { run } });
  };
  if (run === null)
    refuse('this kernel is built without KSM', 'Leave the field out, or boot a kernel with CONFIG_KSM.');
  // Such a VMM asks for its guest's memory itself (madvise(2)), on any kernel.
  if (machineOf(spec)?.merging !== 'own' && !inherited)
    refuse('a process of this kernel cannot pass it on', 'Leave the field out, or boot Linux 6.9 or newer.');
  if (run !== 1) refuse('merging is off on this host', 'Set cgroups.ksm = "on" in the configuration of this node.');
}

/**
 * `on`: starts ksmd. It goes on when berth ends, because what is merged must not be separated all at once for the restart of
 * an agent; the log says how to stop it. `off`: it is left as the host has it. Throws the error of node:fs.
 */
export function configureKsm(mode: 'off' | 'on', log: Pick<Log, 'warn'>, sys = '/sys'): void {
  const { run } = readKsm(sys);
  if (mode === 'off' || run === 1) return;
  if (run === null) {
    log.warn({}, 'cgroups.ksm is "on", and this kernel has no KSM: workloads that ask for it are refused');
    return;
  }
  writeFileSync(join(sys, RUN), '1', { flag: 'r+' });
  log.warn(
    { before: run, now: readFileSync(join(sys, RUN), 'latin1').trim() },
    'merging of equal pages turned on, as configured (cgroups.ksm); it stays on without berth: write 0 to /sys/kernel/mm/ksm/run to stop it, 2 to separate what is merged',
  );
}
