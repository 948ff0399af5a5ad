import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { missingFeatures, probeKvm } from '../../../agent/host/kvm.js';
import { scratch } from '../../cgroups/fixture.js';

// What KVM offers on a real EPYC, and what kvm_pvm offers inside a VM on one.
const REAL = [
  { leaf: 1, ecx: 0xfef83203, edx: 0x178bfbff },
  { leaf: 0x80000001, ecx: 0x75c237ff, edx: 0x2fd3fbff },
];
const NESTED_PVM = [
  { leaf: 1, ecx: 0x81202000, edx: 0x078bfbff },
  { leaf: 0x80000001, ecx: 0x00400393, edx: 0x23d3fbff },
];

test('a real host lacks nothing', (t) => {
  t.deepEqual(missingFeatures(REAL), []);
});

test('a paravirtual nested KVM is told by the SSE3 it hides', (t) => {
  t.deepEqual(missingFeatures(NESTED_PVM), ['sse3 (pni)']);
});

test('without leaf everything is missing', (t) => {
  t.true(missingFeatures([]).includes('lm (64 bit)'));
});

test('no device, and a device that is none', async (t) => {
  t.deepEqual(await probeKvm({ device: '/dev/nothing' }), { usable: false, reason: '/dev/nothing does not exist' });
  t.deepEqual(await probeKvm({ device: '/dev/null' }), { usable: false, reason: '/dev/null: ENOTTY' });
});

test('answers for this machine, with a reason', async (t) => {
  const facts = await probeKvm({ timeoutMs: 20_000 });
  t.true(facts.reason.length > 0);
  t.log(facts.usable ? 'usable' : 'not usable', '-', facts.reason);
});

test('a device that a guest has run under is not tried again; one that has changed since is', async (t) => {
  // A file that answers no request of KVM: whoever asks it is refused.
  const device = join(scratch(t), 'kvm');
  writeFileSync(device, '');
  const ran = { usable: true, reason: 'a 64-bit test guest ran' };
  const identity = (): string => {
    const { dev, ino, rdev, mode, ctimeMs } = statSync(device);
    return [dev, ino, rdev, mode, ctimeMs].join();
  };
  const known = { ...ran, device: identity() };
  t.is(await probeKvm({ device, known }), known);
  t.false((await probeKvm({ device, known: { ...known, usable: false } })).usable, 'a refusal is asked again');
  t.false((await probeKvm({ device, known: ran })).usable);
  chmodSync(device, 0o600);
  t.false((await probeKvm({ device, known })).usable);
});
