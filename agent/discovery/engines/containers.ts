// What the APIs of Docker and of podman have in common: both answer in the shapes that Docker Engine has made.
import type { AdoptedLimits } from '../../model/adopted.js';
import { ContainerEvents } from './container-events.js';
import { type Channel, EngineFault, type Found, type SocketOptions } from './engine.js';
import { type Fields, fields, ID } from './shapes.js';
import { EngineSocket } from './socket.js';

export interface Paths {
  readonly list: string;
  readonly inspect: (id: string) => string;
  readonly events: string;
}

/** `socket` as `open` of an engine has it. */
export function containerChannel(paths: Paths, socket: string, options?: SocketOptions): Channel {
  const http = new EngineSocket(socket, options);
  return {
    list: async (signal) => {
      const answer = await http.get(paths.list, signal);
      if (!Array.isArray(answer)) throw nonsense('the list of containers is not a list');
      return answer.map((entry) => idOf(fields(entry).Id));
    },
    inspect: async (id, signal) => {
      const answer = await http.get(paths.inspect(idOf(id)), signal);
      return answer === undefined ? undefined : foundOf(fields(answer));
    },
    follow: (told, signal) => {
      const events = new ContainerEvents(told);
      return http.lines(paths.events, (event) => events.read(event), signal);
    },
  };
}

function foundOf(container: Fields): Found | undefined {
  const state = fields(container.State);
  if (state.Running !== true && state.Paused !== true) return undefined;
  const { Image: image, Labels: labels } = fields(container.Config);
  const name = typeof container.Name === 'string' ? container.Name.replace(/^\//, '') : '';
  return {
    id: idOf(container.Id),
    name,
    image: typeof image === 'string' ? image : undefined,
    labels: fields(labels) as Record<string, string>,
    paused: state.Paused === true,
    pid: whole(state.Pid) ?? undefined,
    limits: limitsOf(fields(container.HostConfig)),
  };
}

/** In HostConfig 0 means no limit, and so does -1 of PidsLimit. */
function limitsOf(host: Fields): AdoptedLimits {
  const nano = whole(host.NanoCpus);
  const quota = whole(host.CpuQuota);
  const period = whole(host.CpuPeriod) ?? 100_000;
  return {
    cpu: nano === null ? (quota === null ? null : quota / period) : nano / 1e9,
    memory: whole(host.Memory),
    pids: whole(host.PidsLimit),
  };
}

function whole(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

function idOf(value: unknown): string {
  if (typeof value === 'string' && ID.test(value)) return value;
  throw nonsense('an id that is not 64 hexadecimal digits');
}

function nonsense(what: string): EngineFault {
  return new EngineFault('nonsense', what);
}
