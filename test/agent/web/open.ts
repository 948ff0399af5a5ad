// The listener of a made-up node, as a configuration says.
import { configSchema } from '../../../agent/config/schema.js';
import { type Listener, openListener } from '../../../agent/web/listener.js';
import { MadeUpNode } from '../metrics/fixture.js';

/** Rejects as openListener does. */
export function openFor(web: Readonly<Record<string, unknown>>): Promise<Listener | undefined> {
  const node = new MadeUpNode(1);
  return openListener(configSchema.parse({ web }), {
    exposition: { page: node.page, registry: node.registry, sampler: node.sampler },
    status: {
      metrics: node,
      workloads: () => node.workloads(),
      latest: (id) => node.latest(id),
      waiting: () => node.waiting(),
    },
  });
}
