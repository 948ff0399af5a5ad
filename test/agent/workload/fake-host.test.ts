import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { makeNames } from '../../netns/lab.js';
import { FakeHost } from './fake-host.js';
import { hostConformance } from './host-conformance.js';

const names = makeNames(10);

hostConformance('the fake host', async (_t: ExecutionContext) => {
  const host = new FakeHost();
  return {
    cgroups: host.cgroupPort(),
    network: host.networkPort(),
    supervisor: host.supervisorPort(),
    request: (id, cgroup) => ({
      ...{ id, argv: ['/bin/sleep', '1000'], env: {}, output: '/dev/null' },
      cgroup: host.cgroupPort().path(cgroup),
    }),
    sandbox: (number) => names.sandbox(number),
    scope: { netnsPrefix: names.netnsPrefix, ownerPrefix: names.ownerPrefix },
  };
});

/** Not asked for by the suite, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  root: 'a value',
  controllers: 'a value: the real host has those of its kernel',
  missing: 'a value: the real host has those of its kernel',
  leaks: 'an object of its own: test/cgroups/leaks',
  dying: 'a figure of the whole kernel',
  shrinkMemory: 'takes the memory controller, which a host with cgroup v1 beside has not: limits.host',
  reclaimMemory: 'takes the memory controller: pressure.host',
  acquire: 'takes settings with slots: test/netns/slots/slots.kernel',
  giveBack: 'takes settings with slots: test/netns/slots/slots.kernel',
  slots: 'takes settings with slots: test/netns/slots/slots.kernel',
  sweep: 'takes a table of the firewall: test/netns/soak.kernel',
};

test('what the fake host does is held to the real one: each of its methods is in the suite, or left out with a reason', (t) => {
  const suite = readFileSync(new URL('../../../../test/agent/workload/host-conformance.ts', import.meta.url), 'utf8');
  const host = new FakeHost();
  const ports = [host.cgroupPort(), host.networkPort(), host.supervisorPort()];
  const methods = ports.flatMap((port) => Object.keys(port));
  const asked = methods.filter((name) => new RegExp(`\\.${name}\\(`).test(suite));
  t.deepEqual(methods.filter((name) => !asked.includes(name)).sort(), Object.keys(LEFT_OUT).sort());
});
