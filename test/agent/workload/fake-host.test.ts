import type { ExecutionContext } from 'ava';
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
