import test from 'ava';
import { type HostFacts, readFacts } from '../../../agent/host/facts.js';
import { liveFacts } from '../../../agent/host/live-facts.js';

const START: HostFacts = {
  ...readFacts(),
  ...{ cpusOnline: 4, memoryBytes: 1, swapBytes: 1, limits: { ipForward: 1 } },
  binaries: { nft: { path: '/nowhere/nft', version: '9' } },
  kvm: { usable: false, reason: 'a guest was not run' } as NonNullable<HostFacts['kvm']>,
};

test('each fact is of now, a copy of all of them too; nothing is read twice within two seconds', (t) => {
  let at = 0;
  let reads = 0;
  let ipForward = 1;
  const read = (): Omit<HostFacts, 'binaries'> => {
    reads += 1;
    return { ...readFacts(), cpusOnline: 3, memoryBytes: 7, swapBytes: 0, limits: { ipForward } };
  };
  const { facts, forget } = liveFacts(START, { now: () => at, read, path: '' });
  t.is(facts.cpusOnline, 4, 'as probed a moment ago');
  at = 2000;
  ipForward = 0;
  t.like({ ...facts }, { cpusOnline: 3, memoryBytes: 7, swapBytes: 0, limits: { ipForward: 0 } });
  t.is(reads, 1);
  ipForward = 1;
  at = 3999;
  t.is(facts.limits.ipForward, 0);
  at = 4000;
  t.is(facts.limits.ipForward, 1);
  t.is(reads, 2);
  ipForward = 0;
  t.is(facts.limits.ipForward, 1);
  forget();
  t.is(facts.limits.ipForward, 0, 'the kernel has said so');
  t.is(reads, 3);
  t.deepEqual(facts.binaries, {}, 'a program that has gone');
  t.is(facts.kvm?.reason, 'a guest was not run', 'KVM takes a guest to find out');
});

test('every fact but those that take long is among what is read again', (t) => {
  const kept = ['binaries', 'kvm', 'modulesMissing'];
  const again = Object.keys(readFacts());
  t.deepEqual(
    Object.keys(START).filter((key) => !again.includes(key)),
    kept.filter((key) => key in START),
  );
});
