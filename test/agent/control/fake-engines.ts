// Two engines, one of which runs a workload of each of two tenants.
import { inRange } from '../../../agent/base/pages.js';
import type { AgentService } from '../../../agent/control/service.js';
import type { AdoptedView, EngineView } from '../../../agent/model/adopted.js';

const DOCKER: EngineView = {
  ...{ name: 'docker', authority: 'observe', state: 'up', why: 'one is odd', socket: '/run/docker.sock' },
  ...{ workloads: 2, dropped: 1 },
};
const LXC: EngineView = { ...DOCKER, name: 'lxc', state: 'absent', why: null, socket: null, workloads: 0, dropped: 0 };

export function adoptedOf(name: string, over: Partial<AdoptedView> = {}): AdoptedView {
  return {
    ...{ engine: 'docker', id: name.padEnd(64, '0'), name, tenant: 'docker', image: 'debian:13', labels: {} },
    ...{ paused: false, cgroup: `system.slice/docker-${name}.scope`, within: null },
    limits: { cpu: 0.5, memory: 64 << 20, pids: null },
    use: { cpu: 0.25, memory: 32 << 20, pids: 3 },
    ...over,
  };
}

const ADOPTED = [adoptedOf('api', { tenant: 'globex' }), adoptedOf('db', { tenant: 'acme' })];

export function fakeEngines(): Pick<AgentService, 'engines' | 'adopted'> {
  return {
    engines: () => [DOCKER, LXC],
    adopted: ({ engine, sees, ...range }) =>
      inRange(
        ADOPTED.filter((one) => one.engine === engine && sees(one.tenant)),
        ({ name }) => name,
        range,
      ),
  };
}
