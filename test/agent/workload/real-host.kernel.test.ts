import { openTree } from '../../../cgroups/tree.js';
import { openNetworkRoom } from '../../../netns/index.js';
import { makeNames } from '../../netns/lab.js';
import { startBench } from '../../systemd/fixture.js';
import { hostConformance } from './host-conformance.js';

const names = makeNames(11);

hostConformance('the real host', async (t) => {
  const bench = await startBench(t);
  const cgroups = await openTree(bench.cgroup, { controllers: [] });
  const network = openNetworkRoom();
  t.teardown(() => network.close());
  return {
    cgroups,
    network,
    supervisor: await bench.connect(),
    request: (id, cgroup) => bench.request(id, 'exec sleep 1000', { cgroup: cgroups.path(cgroup) }),
    sandbox: (number) => names.sandbox(number),
    scope: { netnsPrefix: names.netnsPrefix, ownerPrefix: names.ownerPrefix },
  };
});
