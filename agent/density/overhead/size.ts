// Which VMs are expected to have a VMM alike: page tables grow with the guest's memory and stacks with its vCPUs, whatever
// runs inside.
import { machineOf, type Sections } from '../../model/driver-kinds.js';

const MIB = 2 ** 20;

/** `2 vcpus 512Mi`: of up to so many, each the next power of two, so that there are few. */
export function sizeOf(spec: Sections): string | undefined {
  const machine = machineOf(spec);
  if (machine === undefined) return undefined;
  const vcpus = powerOfTwo(machine.vcpus);
  const mib = powerOfTwo(machine.memory / MIB);
  return `${vcpus} ${vcpus === 1 ? 'vcpu' : 'vcpus'} ${mib < 1024 ? `${mib}Mi` : `${mib / 1024}Gi`}`;
}

function powerOfTwo(value: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(value)));
}
