// Docker Engine: HTTP on its socket (API 1.41, which Docker 20.10 and all later ones serve).
import { containerChannel } from './containers.js';
import type { Engine } from './engine.js';
import { flagsOf, quoted } from './shell.js';

const EVENTS = ['start', 'die', 'destroy', 'update', 'rename', 'pause', 'unpause', 'kill', 'oom'];
const FILTERS = encodeURIComponent(JSON.stringify({ type: ['container'], event: EVENTS }));

export const docker: Engine = {
  // docker-ID.scope by systemd, docker/ID by cgroupfs.
  idIn: (directory, parent) => /^docker[/-]([0-9a-f]{64})(?:\.scope)?$/.exec(joined(directory, parent))?.[1],
  socket: '/run/docker.sock',
  open: (...socket) =>
    containerChannel(
      {
        list: '/v1.41/containers/json',
        inspect: (id) => `/v1.41/containers/${id}/json`,
        events: `/v1.41/events?filters=${FILTERS}`,
      },
      ...socket,
    ),
  command: ({ name }, change) => {
    const flags = flagsOf(change, { memory: (bytes) => `--memory ${bytes} --memory-swap ${bytes}` });
    return `docker update ${flags} ${quoted(name)}`;
  },
};

function joined(directory: string, parent: string): string {
  return parent === 'docker' ? `docker/${directory}` : directory;
}
