// podman: the libpod API on its socket (4.0 and later). Without `podman.socket` it has none, and is found by its cgroups.
import { containerChannel } from './containers.js';
import { type Engine, idBy } from './engine.js';
import { flagsOf, quoted } from './shell.js';

const EVENTS = ['start', 'died', 'remove', 'update', 'rename', 'pause', 'unpause', 'kill', 'stop'];
const FILTERS = encodeURIComponent(JSON.stringify({ type: ['container'], event: EVENTS }));

export const podman: Engine = {
  idIn: idBy(/^libpod-(?:payload-)?([0-9a-f]{64})(?:\.scope)?$/),
  socket: '/run/podman/podman.sock',
  open: (...socket) =>
    containerChannel(
      {
        list: '/v4.0.0/libpod/containers/json',
        inspect: (id) => `/v4.0.0/libpod/containers/${id}/json`,
        events: `/v4.0.0/libpod/events?stream=true&filters=${FILTERS}`,
      },
      ...socket,
    ),
  command: ({ name }, change) => `podman update ${flagsOf(change)} ${quoted(name)}`,
};
