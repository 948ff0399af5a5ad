// What each driver says of its section of a specification: the rest of the agent asks the same of all.
import test from 'ava';
import { usableDrivers } from '../../../agent/daemon/usable-drivers.js';
import type { Driver } from '../../../agent/drivers/driver.js';
import { driverKind } from '../../../agent/model/driver-kind.js';
import {
  alikeBy,
  DRIVER_KINDS,
  DRIVER_NAMES,
  describeProgram,
  MACHINE_DRIVERS,
  machineOf,
} from '../../../agent/model/driver-kinds.js';
import { parseSpec, workloadSpec } from '../../../agent/model/spec.js';
import { fakeDriver } from '../workload/fake-world.js';

test('every driver has a section, an example that is a whole workload, and one line for a person', (t) => {
  for (const name of DRIVER_NAMES) {
    t.true(name in workloadSpec.shape, name);
    const spec = parseSpec(DRIVER_KINDS[name].example);
    t.is(spec.driver, name);
    t.truthy(spec[name], name);
    // Of an external workload nothing is run.
    t.is(describeProgram(spec) === '', name === 'external', name);
    t.false(describeProgram(spec).includes('undefined'), name);
  }
});

test('what a driver says of two workloads does not depend on who they are', (t) => {
  for (const name of DRIVER_NAMES) {
    const { example } = DRIVER_KINDS[name];
    const [one, other] = [parseSpec(example), parseSpec({ ...example, id: 'other', tenant: 'another' })];
    t.deepEqual(alikeBy(one), alikeBy(other), name);
    t.true(Array.isArray(alikeBy(one)), name);
  }
  t.is(alikeBy({ driver: 'external', network: { mode: 'none' } }), null);
});

test('a machine is described by its own driver alone', (t) => {
  t.deepEqual(MACHINE_DRIVERS, ['qemu', 'firecracker']);
  for (const name of DRIVER_NAMES) {
    const machine = machineOf(parseSpec(DRIVER_KINDS[name].example));
    t.is(machine !== undefined, MACHINE_DRIVERS.includes(name), name);
    if (machine !== undefined) t.is(machine.memory, 256 * 2 ** 20, name);
  }
});

test('a word of a command is shown as a shell would take it', (t) => {
  const spec = parseSpec({ ...DRIVER_KINDS.exec.example, exec: { command: ['/bin/sh', '-c', "echo 'a b'"] } });
  t.is(describeProgram(spec), `/bin/sh -c 'echo '\\''a b'\\'''`);
});

test('what does not go with the network of a workload is told by the field of its driver', (t) => {
  const refused = (spec: object) => t.throws(() => parseSpec({ id: 'w', ...spec })).message;
  const none = { network: { mode: 'none' } };
  t.regex(refused({ driver: 'external', external: { tap: true }, ...none }), /external\.tap: does not go with network/);
  const metadata = { kernel: '/k', initrd: '/i', mmds: { metadata: { a: 1 } } };
  t.regex(refused({ driver: 'firecracker', firecracker: metadata, ...none }), /firecracker\.mmds: needs a network/);
  const plain = { command: ['/bin/true'], isolation: 'none' };
  t.regex(
    refused({ driver: 'exec', exec: plain, network: { dns: { servers: ['9.9.9.9'] } } }),
    /network\.dns: does not/,
  );
});

test('whether this host can run a driver follows from what the driver requires', (t) => {
  const facts = { kvm: { usable: false, reason: 'it does not open' } } as never;
  const of = (requires: NonNullable<Driver['requires']>, installed: boolean, kvmUsable: boolean) =>
    usableDrivers(
      {
        find: (name) => (name === 'exec' ? { ...fakeDriver, requires } : undefined),
        host: { which: () => (installed ? '/usr/bin/x' : undefined), kvmUsable },
      },
      facts,
    );
  const exec = (usable: boolean, reason: string) => [{ name: 'exec' as const, usable, reason }];
  t.deepEqual(of({}, false, false), exec(true, 'ready'));
  t.deepEqual(of({ program: 'vmm' }, false, true), exec(false, 'vmm is not installed'));
  t.deepEqual(of({ program: 'vmm', kvm: 'needed' }, true, false), exec(false, 'needs KVM: it does not open'));
  t.deepEqual(of({ kvm: 'preferred' }, true, false), exec(true, 'tcg: it does not open'));
  t.deepEqual(of({ kvm: 'needed' }, true, true), exec(true, 'kvm'));
});

test('a driver of one test alone is described by the same questions', (t) => {
  const { section } = DRIVER_KINDS.external;
  const kind = driverKind({
    ...{ section, example: {}, describe: ({ uid }) => `as ${uid}`, alike: ({ uid }) => [uid] },
    machine: () => ({ vcpus: 1, memory: 1, hugepages: undefined, lockMemory: false, merging: 'own' }),
  });
  t.is(kind.describe(section.parse({ uid: 7 }), { network: { mode: 'none' } }), 'as 7');
  t.is(kind.machine?.(section.parse({})).vcpus, 1);
});
