// What is found out by running something: the versions of programs, a guest under KVM. It is kept in the runtime directory, and
// so until the host boots: a restart of the agent runs nothing again that has not changed.
import { z } from 'zod';
import { readState, replaceFile } from '../base/durable.js';
import { BINARIES, type Binaries, findBinaries } from './binaries.js';
import { searchPath } from './facts.js';
import { type KvmFacts, probeKvm } from './kvm.js';

export interface Findings {
  readonly binaries: Binaries;
  readonly kvm: KvmFacts;
}

const VERSION = 1;

const binary = z.object({ path: z.string(), version: z.string().exactOptional(), file: z.string().exactOptional() });

const Kept = z.object({
  version: z.literal(VERSION),
  binaries: z.partialRecord(z.enum(BINARIES), binary),
  kvm: z.object({ usable: z.boolean(), reason: z.string(), device: z.string().exactOptional() }),
});

/** The two that run something; each is given what is known. */
export interface Probes {
  readonly binaries: (known: Binaries) => Promise<Binaries>;
  readonly kvm: (known: KvmFacts | undefined) => Promise<KvmFacts>;
}

const PROBES: Probes = {
  binaries: (known) => findBinaries(searchPath(), known),
  kvm: (known) => probeKvm(known === undefined ? {} : { known }),
};

/** `path`: of the file, in a directory that ends with the boot. Never throws. */
export async function findings(path: string, probes: Probes = PROBES): Promise<Findings> {
  const before = await readState(path).catch(() => '');
  const known = parsed(before);
  const [binaries, kvm] = await Promise.all([probes.binaries(known?.binaries ?? {}), probes.kvm(known?.kvm)]);
  const text = JSON.stringify({ version: VERSION, binaries, kvm });
  // No room in /run: the next start asks again.
  if (text !== before) await replaceFile(path, text).catch(() => undefined);
  return { binaries, kvm };
}

/** Undefined: there is none yet, or it is something else. */
function parsed(text: string): Findings | undefined {
  try {
    return Kept.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
